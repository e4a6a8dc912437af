"""How well passages answer a question: by stored similarity and by words; no model is called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import exp
from typing import NamedTuple

from processors.text.figures import full_dates
from processors.text.identifiers import named_in, plain, spellings

# A word, a number ("1,500", "14:10") or a compound ("F-2207", "8.2.1", "AC-2(3)").
_TOKEN = re.compile(
    r"[^\W_]+(?:(?:[-./:_'’@+]|(?<=\d),(?=\d))[^\W_]+)*(?:\(\d+\))*"  # noqa: RUF001
)
_PART = re.compile(r"[^\W_]+")
# Letters and then digits (INC-2031, not 24-month), a number in three or more parts, "2(3)".
_NUMBERED = re.compile(r"0\d{3,}|\d{8,}")  # an account, not an amount
_IDENTIFIER = re.compile(r"[^\W\d_].*\d|\d+(?:\.\d+){2}|\d[\d.]*\(|\d+[A-Z]")
_QUARTER = re.compile(
    r"\b(?:(first|1st)|(second|2nd)|(third|3rd)|(fourth|4th|last|final))[ -]quarter\b"
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that say how something is asked rather than what about.
ASKING = _words("""
    a about after all also am an and any are as at be because been before being between both but by
    can could did do does doing done down during each either else for from get gets got had has have
    having he her here hers him his how i if in into is it its just let many may me might more most
    much must my no nor not of off on once one only or other our out over own per please same shall
    she should so some still such tell than that the their them then there these they this those
    through to too under until up upon us was we were what when where whether which while who whom
    whose why will with within without would you your s t re ve ll d
    called describe exactly explain give given happen happened kind long make mean meaning means
    name named purpose type types used using use
    der das den dem ein eine einen einem einer eines und oder ist sind wie viel viele welche welcher
    welches welchen wer wann wo warum für von vom zum zur bei nach auf aus über ich wir sie ihr muss
    kann darf werden wird wurde hat haben
    le la les une des du de et ou sont quel quelle quels quelles combien comment quand où pourquoi
    qui que dans avec selon sous je nous vous elle faut peut doit
""")
# Longest first where one ends in another.
_SUFFIX = re.compile(
    r"(?<=...)(?:ations?|ements?|ments?|ingly|ings?|anc(?:es?|y)|ants?|enc(?:es?|y)|als?|ions?|"
    r"it(?:ies|y)|[eo]rs?|ie[sd]|edly|ed|es|s|ly|y|e)\Z"
)


def _pairs(text: str) -> dict[str, str]:
    words = iter(text.split())
    return dict(zip(words, words, strict=True))


_IRREGULAR = _pairs("""
    sent send paid pay made make held hold lost lose kept keep took take taken take gave give
    told tell left leave sold sell bought buy built build went go gone go spent spend began begin
    wrote write written write chosen choose broke break broken break stole steal stolen steal
    withdrew withdraw withdrawn withdraw brought bring met meet grew grow grown grow found find
    knew know known know
""")

# Words that people take for each other, whatever the subject; the second stands for both.
_SAME = _pairs("""
    annual year annually year charge fee charges fee charged fee cost fee costs fee price fee
    prices fee abroad foreign overseas foreign begin start begins start began start begun start
    purchase buy purchases buy purchased buy bought buy max maximum min minimum telephone phone
""")

# "500GB" is "500 GB": glued, it would be taken for an identifier.
_GLUED = re.compile(
    r"(?<![\w.-])(\d[\d.,]*)([kKMGT]i?[Bb]|[kcmµ]?m|k?g|mg|m?l|[kM]?W|kWh|k?V|[kMG]?Hz|m?s|min|mins|h|hrs?"
    r"|secs?|k?EUR|k?USD|GBP|CHF|bps|pp|px|°?[CF])(?![\w-])"
)
# British and American spelling meet; that other words change alike on both sides does no harm.
_BRITISH = [
    (re.compile(pattern), to)
    for pattern, to in (
        (r"(?<=...)our(?=s?\Z|ed|ing|able|ful|ite|al|hood|less|ly)", "or"),
        (r"(?<=...)is(?=e[ds]?\Z|ing|ation|er)", "iz"),
        (r"(?<=..)ys(?=e[ds]?\Z|ing)", "yz"),
        (r"(?<=.)tre(?=s?\Z|d\Z)", "ter"),
        (r"(?<=...)ogue(?=s?\Z)", "og"),
        (r"(?<=[aeiou])ll(?=ed\Z|ing\Z|er)", "l"),
        (r"(?<=..)(?:ence|ense)(?=s?\Z|d\Z)", "ens"),
        (r"\Acheque", "check"),
        (r"\Aprogramme", "program"),
        (r"\Agrey", "gray"),
        (r"\Atyre", "tire"),
        (r"\A(jewel|travel|cancel|label|model|fuel|signal)l", r"\1"),
    )
]
# Words that are written with a hyphen, apart or as one: "e-mail", "set-up", "pre-paid".
_JOINED = re.compile(
    r"(?<![^\W_])(e|re|pre|non|co|sub|anti|multi|un|over|under|inter|post|semi|pro)-(?=[^\W\d_]{2})"
    r"|(?<=[^\W\d_]{2})-(?=(?:up|off|on|in|out|over|down|back|line|free|time)(?![^\W_]))",
    re.IGNORECASE,
)


def _spelled(text: str) -> str:
    """Numbers apart from their units, compounds as one word."""
    text = plain(text)
    if "-" in text:
        text = _JOINED.sub(lambda found: found[1] or "", text)
    return _GLUED.sub(r"\1 \2", text)


# Which rate, fee or bonus it is that one pays or gets says what is asked; that verb says no more.
_FRAME = re.compile(
    r"(\b(?:which|what)\s+"
    r"(?:(?!(?:do|does|did|will|would|can|must|should|shall|may)\b)[\w-]+\s+){0,4}"
    r"(?:rate|fee|charge|interest|margin|price|premium|penalty|yield|ap[ry]|bonus|reward|discount)s?"
    r"\s+(?:do|does|did|will|would|can|must|should|shall|may)\b[^.?!]*?)"
    r"\b(?:pay|charge|offer|give|carry|earn|yield|bear|receive|get|cost)\b",
    re.IGNORECASE,
)

# What is asked for, and how a text shows that it has it; the first that matches counts.
_WANTED = [
    (re.compile(question, re.IGNORECASE), re.compile(answer, flags))
    for question, answer, flags in (
        (
            r"\b(?:e-?mail|address|where (?:do|must|should|can) .*\bsen[dt])\b",
            r"@|://|\b\d{4,6}\b",
            0,
        ),
        (r"\b(?:which|what) (?:\w+ )?(?:form|code|policy|reference|id)\b", r"\b[A-Z]{1,6}-?\d", 0),
        (
            r"\b(?:how (?:many|much|long|old|often|far|high|large|big|tall|soon|quickly|late|early)"
            r"|percent\w*|rates?|fees?|charges?|costs?|price|amount|limit|margin|number|maximum"
            r"|minimum|smallest|largest|(?:what|which) (?:time|year|date|day|age)|when)\b",
            r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|half|once"
            r"|twice|immediately)\b",
            re.IGNORECASE,
        ),
    )
]

# Logistic regression over 300 ClapNQ and 1,600 XQuAD questions, half of each without their answer,
# the sets weighted alike: so .5 is where answerable and unanswerable questions are equally likely.
# AUC by held-out fifths .92 (ClapNQ) and .95 (XQuAD). What a title says of the question counts
# against the passage: whoever wrote a document on the topic need not have answered.
# The order is that of `signals`; `python -m evaluation.research.abstention` fits them again.
WEIGHTS, _INTERCEPT = (11.0, 3.7, -0.48, -4.35), -6.0
# Identifiers mean nothing to an embedding model: similarity is low where one is all that is asked.
# Chosen on 300 NIST SP 800-53 controls asked for by name: 93 % answered, and 6 % of questions that
# name a control but ask what no catalogue says. One that is in no passage ends it.
NAMED_HERE, _NAMED_NOWHERE = 1.5, -5.0


class Term(NamedTuple):
    """Something a question asks about: `key` is looked up, `word` is how it was written."""

    key: str
    word: str
    weight: float
    identifier: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question asks: about what, and for what sort of answer."""

    terms: tuple[Term, ...]
    wanted: re.Pattern[str] | None = None
    text: str = ""
    part: bool = False  # whether other things are asked with it

    @property
    def names(self) -> bool:
        """Whether it names an identifier."""
        return any(term.identifier for term in self.terms)

    def coverage(self, keys: frozenset[str]) -> float:
        """The weighted share of the terms found in `keys`, 0 to 1."""
        total = found = 0.0
        for key, _, weight, _ in self.terms:
            total += weight
            if key in keys:
                found += weight
        return found / total if total else 0.0

    def missing(self, keys: frozenset[str], *, identifiers: bool = False) -> list[str]:
        """The words (or identifiers alone) that `keys` does not have, as they were asked."""
        return [
            term.word
            for term in self.terms
            if term.key not in keys and (term.identifier or not identifiers)
        ]

    def fits(self, text: str) -> bool:
        """Whether `text` has the sort of thing asked for (a number, ...). True if none is."""
        return self.wanted is None or self.wanted.search(text) is not None


def asked(question: str) -> Asked:
    """What a question asks.

    Document frequencies are not at hand, so that rarity is guessed from the form: an identifier
    weighs most, a number or a name (a capital inside the sentence) more than a word.
    """
    text = _FRAME.sub(r"\1 ", _spelled(question.replace("—", " — ")))
    terms: dict[str, Term] = {}
    at = 0
    for start, end, found in _singled_out(text):
        terms |= {t.key: t for t in _words_asked(text, at, start) if t.key not in terms}
        terms |= {term.key: term for term in found}
        at = end
    terms |= {t.key: t for t in _words_asked(text, at, len(text)) if t.key not in terms}
    wanted = (answer for asks, answer in _WANTED if asks.search(question))
    return Asked(tuple(terms.values()), next(wanted, None), question)


def _singled_out(text: str) -> Iterator[tuple[int, int, list[Term]]]:
    """Where identifiers stand, and dates in digits: nothing is called by its date."""
    for start, end, key in named_in(text):
        said = text[start:end]
        if dates := full_dates(said):
            yield start, end, [Term(date, said, 1.5) for date in sorted(dates)]
        elif _IDENTIFIER.match(said):
            yield start, end, [Term(key, said, 3.0, identifier=True)]


def _words_asked(text: str, start: int, end: int) -> Iterator[Term]:
    for found in _TOKEN.finditer(text, start, end):
        token = found[0]
        for word in [token] if token[0].isdigit() else _PART.findall(token):
            if word.lower() not in ASKING:
                named = word[0].isdigit() or (word[0].isupper() and found.start() > 0)
                if _NUMBERED.fullmatch(word):
                    yield Term(word, word, 3.0, identifier=True)
                else:
                    yield Term(stem(word.lower()), word, 1.5 if named else 1.0)


@lru_cache(maxsize=8192)  # passages that answer one question answer others; about 20 MB
def keys_of(*texts: str) -> frozenset[str]:
    """What the terms of a question are looked up in: stems, numbers as written, identifiers."""
    keys: set[str] = set()
    for each in texts:
        text = _spelled(each)
        keys |= spellings(text) | full_dates(text)
        lower = text.lower()
        if "quarter" in lower:
            keys.update(f"qz{found.lastindex}" for found in _QUARTER.finditer(lower))
        for token in _TOKEN.findall(lower):
            if token.isalpha():
                keys.add(stem(token))
            else:
                keys.add(token)
                keys.update(map(stem, _PART.findall(token)))
    return frozenset(keys)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A lowercase word without its ending.

    Coarser than Porter's stemmer, so that a noun meets its verb (dormancy, dormant; payee, pays).
    """
    word = _SAME.get(word) or _IRREGULAR.get(word, word)
    if len(word) > 4 and word.isalpha():
        for british, american in _BRITISH:
            word = british.sub(american, word)
    return _SUFFIX.sub("", word) if len(word) > 3 and word.isalpha() else word


def signals(
    question: Asked, similarity: float, own: frozenset[str], title: frozenset[str]
) -> tuple[float, float, float, float]:
    """What tells whether a passage answers.

    The cosine of its best sentence, the weighted share of the question's terms in it and its title,
    the weight of those not in it, and the share of those in its title.
    """
    missing = sum(term.weight for term in question.terms if term.key not in own)
    return similarity, question.coverage(own | title), missing, question.coverage(title)


def evidence(
    question: Asked,
    similarity: float,
    own: frozenset[str],
    title: frozenset[str],
    everywhere: frozenset[str],
) -> float:
    """The probability that a passage answers, where half of all questions have no answer.

    `similarity` is the cosine of its best sentence, `own` are its words and those of its headings,
    `title` those of its document's title, `everywhere` those of all passages.
    """
    found = signals(question, similarity, own, title)
    logit = sum(weight * signal for weight, signal in zip(WEIGHTS, found, strict=True)) + _INTERCEPT
    if question.missing(everywhere, identifiers=True):
        logit += _NAMED_NOWHERE
    elif question.names and not question.missing(own | title, identifiers=True):
        logit += NAMED_HERE
    return 1.0 / (1.0 + exp(-max(min(logit, 50.0), -50.0)))
