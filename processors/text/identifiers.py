"""Identifiers in text (POL-CARD-014, 8.2.1, AC-2(3), FVA3959), and one key for each.

An embedding model knows nothing of them and a word tokenizer takes them apart, so that the lexical
index, the final order and the answerer look them up here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

# Hyphens and dashes of typeset text; a rulebook rarely has the one on the keyboard.
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
# Invisible marks that a copied number may start with.
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200e\u200f\u2060\ufeff\u00ad"))
_SPELLING = _DASHES | _INVISIBLE
# Letters and digits, and what joins them: "AC-2 (3)" is "AC-2(3)", "1EN5 .019" is "1EN5.019".
_COMPOUND = re.compile(
    r"[^\W_]+(?:(?:\)?[-./:_§]*\(|\)?[-./:_§]+|(?<=\d) \((?=\w{1,3}\))|(?<=\d) \.(?=\d))[^\W_]+)*"
)
# The rest of a run without spaces from its first digit, with what a space may part from it.
_FROM_DIGIT = re.compile(r"\d\S*(?: [(.]\d\S*)*")
# "(a)" of "8.2.1(a)" and "(men)" of "2019 (men)" are no part of a name.
_ASIDE = re.compile(r"\)?\s?\((?!\d).*")
_MIXED = re.compile(r"[^\W\d_]+\d[^\W_]*|\d+[^\W\d_][^\W_]*")
_PART = re.compile(r"\d+|[^\W\d_]+")
_WORD = re.compile(r"[^\W_]+")
_SUFFIX = re.compile(r"\.[A-Za-z]{2,4}\Z")
_PATH = re.compile(r"[/:]")
_LONG = 5  # characters of a part number that is known without its separators, or is digits alone
_FEW_WORDS = 6  # beside the identifier: "how much is the BRAND KIND X-1"

NAMED_AS_SPELLED, NAMED, MENTIONED, ABSENT = 3, 2, 1, 0


def identifiers(text: str) -> list[str]:
    """The keys of the compounds with a digit in `text`, in order, repeats included.

    Case, kind of separator and a space before a bracket do not count: `AC-2 (3)`, `ac-2.3` and
    `AC2(3)` have one key. Parts are joined by a letter, so that 8.21 and 82.1 stay two.
    """
    return [key for found in _compounds(text) for key in _keys(found)]


def plain(text: str) -> str:
    """The text with one kind of hyphen, and without marks that cannot be seen."""
    return text if text.isascii() else text.translate(_SPELLING)


def named_in(text: str) -> Iterator[tuple[int, int, str]]:
    """The compounds with a digit in `plain` text: from where to where, and one key for each.

    Without what stands in a bracket that has no number. `AC-2 (3)` and `ac-2.3` have one key.
    """
    for rest in _FROM_DIGIT.finditer(text):
        start = rest.start()
        while start and not text[start - 1].isspace():
            start -= 1
        for found in _COMPOUND.finditer(text, start, rest.end()):
            compound = _ASIDE.sub("", found[0])
            if key := key_of(compound):
                end = found.start() + len(compound)
                yield found.start(), end + ("(" in compound and text[end : end + 1] == ")"), key


def spellings(text: str) -> set[str]:
    """The keys a `plain` text is found by: its compounds, and parts such as the Q4 of Q4/23."""
    keys: set[str] = set()
    for start, end, key in named_in(text):
        keys.add(key)
        keys.update(map(key_of, _MIXED.findall(text[start:end])))
    return keys


@lru_cache(maxsize=65536)
def key_of(compound: str) -> str:
    """The key of a compound of several parts, one with a digit; empty if it is none."""
    parts = _PART.findall(compound.casefold())
    return "z".join(parts) if len(parts) > 1 and any(part[0].isdigit() for part in parts) else ""


def names(title: str, heading: str, doc_id: str) -> list[str]:
    """The keys of what a chunk goes by: its title, its heading path and its document's id."""
    return [key for found in _named(title, heading, doc_id) for key in _keys(found)]


def looked_up(question: str) -> list[str]:
    """The identifiers of a question that asks for what goes by them, and says little else.

    As compounds. A longer question that names a rule is often answered by what refers to it.
    """
    text = plain(question)
    found = [each for each in _COMPOUND.findall(text) if _keys(each)]
    if not found or len(_WORD.findall(_COMPOUND.sub(_without, text))) > _FEW_WORDS:
        return []
    return found


def keys_of(compounds: Iterable[str]) -> list[str]:
    return [key for each in compounds for key in _keys(each)]


def standing(wanted: Iterable[str], title: str, heading: str, doc_id: str, text: str) -> int:
    """How a chunk stands to what was `looked_up`: `NAMED_AS_SPELLED`, `NAMED`, ... `ABSENT`."""
    best = ABSENT
    named = _named(title, heading, doc_id)
    keys = {key for each in named for key in _keys(each)}
    for each in wanted:
        own = _keys(each)
        if not keys.isdisjoint(own):
            spelled = _spelled(each) in map(_spelled, named)
            best = max(best, NAMED_AS_SPELLED if spelled else NAMED)
    if best == ABSENT:
        mentioned = set(identifiers(text))
        if any(not mentioned.isdisjoint(_keys(each)) for each in wanted):
            return MENTIONED
    return best


def _compounds(text: str) -> list[str]:
    return _COMPOUND.findall(plain(text))


def _named(title: str, heading: str, doc_id: str) -> list[str]:
    """Of an id such as `rules/2024:ac-2.3` also the last parts alone."""
    stem = doc_id.rsplit(".", 1)[0] if _SUFFIX.search(doc_id) else doc_id
    tails = [stem[found.end() :] for found in _PATH.finditer(stem)]
    return _compounds(" , ".join((title, heading, stem, *tails)))


def _spelled(compound: str) -> str:
    return compound.casefold().replace(" ", "")


def _without(found: re.Match[str]) -> str:
    return " " if _keys(found[0]) else found[0]


@lru_cache(maxsize=65536)
def _keys(compound: str) -> tuple[str, ...]:
    """The key of a compound, and of a part number the one without its separators."""
    parts = _PART.findall(compound.casefold())
    if not any(part[0].isdigit() for part in parts):
        return ()
    bare = "".join(parts)
    keys = (key_of(compound),) if len(parts) > 1 else ()
    numbered = "." in compound and not any(part.isalpha() for part in parts)  # 8.2.1 is not 82.1
    if len(bare) >= _LONG and "(" not in compound and not numbered:
        return (*keys, f"{bare}z")
    return keys
