"""How well candidates answer a question, by stored similarity and by words; no model is called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

# A word, a number ("1,500", "14:10") or a compound ("F-2207", "8.2.1", "AC-2(3)").
_TOKEN = re.compile(
    r"[^\W_]+(?:(?:[-./:_'’@+]|(?<=\d),(?=\d))[^\W_]+)*(?:\(\d+\))*"  # noqa: RUF001
)
_PART = re.compile(r"[^\W_]+")
_IDENTIFIER = re.compile(r"(?=[^\W\d_].*\d|\d+(?:[./]\d+){2}|\d.*\(|[\dA-Z]*[A-Z])(?=.*\d)")
_SUFFIXES = tuple(
    """ations ation ements ement ments ment ingly ings ing ances ance ancy ants ant ences ence ency
    als al ions ion ities ity ers er ors or ies ied edly ed es s ly y e""".split()
)
# Words that say how something is asked rather than what about.
_ASKING = frozenset(
    """a about after all also am an and any are as at be because been before being between both but
    by can could did do does doing done down during each either else for from get gets got had has
    have having he her here hers him his how i if in into is it its just let many may me might more
    most much must my no nor not of off on once one only or other our out over own per please same
    shall she should so some still such tell than that the their them then there these they this
    those through to too under until up upon us was we were what when where whether which while who
    whom whose why will with within without would you your s t re ve ll d
    called describe exactly explain give given happen happened kind long make mean meaning means
    name named purpose type types used using use""".split()
)
_QUANTITY = re.compile(
    r"\b(?:how (?:many|much|long|old|often|far|high|large|big|tall|soon|quickly|late|early|fast)|"
    r"percent\w*|rates?|fees?|charges?|costs?|price|amount|limit|margin|number|maximum|minimum|"
    r"smallest|largest|(?:what|which) (?:time|year|date|day|age)|when)\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"\b(?:which|what) (?:\w+ )?(?:form|code|policy|reference|id)\b", re.IGNORECASE)
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|half|once|twice"
    r"|immediately)\b",
    re.IGNORECASE,
)
_CODED = re.compile(r"\b[A-Z]{1,6}-?\d")


class Term(NamedTuple):
    """Something a question asks about."""

    key: str
    weight: float
    identifier: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question asks: about what, and for what sort of answer."""

    terms: tuple[Term, ...]
    quantity: bool
    code: bool

    @property
    def identifiers(self) -> list[str]:
        return [term.key for term in self.terms if term.identifier]

    def coverage(self, keys: frozenset[str]) -> float:
        """The weighted share of the terms that `keys` has, 0 to 1."""
        total = sum(term.weight for term in self.terms)
        return sum(term.weight for term in self.terms if term.key in keys) / total if total else 0.0

    def fits(self, text: str) -> bool:
        """Whether a text has the sort of thing asked for: a number, a code. True if nothing is."""
        if self.code:
            return _CODED.search(text) is not None
        return not self.quantity or _NUMBER.search(text) is not None


def asked(question: str) -> Asked:
    """The terms of a question.

    Without document frequencies, rarity is guessed from the form: an identifier weighs most, a
    number or a name (a capital inside the sentence) more than a word.
    """
    terms: dict[str, Term] = {}
    for found in _TOKEN.finditer(question):
        token = found[0]
        if _IDENTIFIER.match(token):
            terms[token.lower()] = Term(token.lower(), 3.0, identifier=True)
            continue
        whole = [token] if token[0].isdigit() else _PART.findall(token)
        for word in whole:
            if word.lower() not in _ASKING:
                named = word[0].isdigit() or (word[0].isupper() and found.start() > 0)
                key = stem(word.lower())
                terms.setdefault(key, Term(key, 1.5 if named else 1.0))
    return Asked(
        tuple(terms.values()), bool(_QUANTITY.search(question)), bool(_CODE.search(question))
    )


def keys_of(text: str) -> frozenset[str]:
    """What the terms of a question are looked up in: stems, and compounds as written."""
    keys: set[str] = set()
    for token in _TOKEN.findall(text.lower()):
        if token.isalpha():
            keys.add(stem(token))
        else:
            keys.add(token)
            keys.update(map(stem, _PART.findall(token)))
    return frozenset(keys)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A word without its ending, lowercase in and out.

    Coarser than Porter's, so that a noun meets its verb (dormancy, dormant; payment, pays).
    """
    if len(word) > 4 and word.isalpha():
        for suffix in _SUFFIXES:
            if word.endswith(suffix) and len(word) - len(suffix) >= 3:
                return word[: -len(suffix)]
    return word
