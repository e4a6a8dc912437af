"""How far passages have the words of a question, alone and in order: microseconds a passage."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

WORDING = ("words", "rare_words", "pairs", "rare_pairs")
"""Shares of the question's words and of its pairs of neighbouring words that a passage has;
`rare`: each by its rarity among the passages.

Words are plain substrings. Pairs are neighbours once common words are left out on both sides, so
that "keeping of records" has the pair of "keeping records".
"""

_WORD = re.compile(r"[^\W_]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COMMON = _words("""
    a about after all also an and any are as at be been before being between both but by can could
    did do does each either for from get had has have having how if in into is it its just may might
    more most must my no nor not of off on once only or other our out over own per same shall should
    so some such than that the their them then there these they this those through to under until up
    upon us was we were what when where whether which while who whom whose why will with within
    without would you your s t
""")
_REACH = 32  # characters from one word of a pair to the other
_STEM = 4  # letters of a word that are always compared; of a long word, all but its last three


def wording(query: str, texts: Sequence[str]) -> Float64:
    """The signals of `WORDING` for each text, (texts, 4)."""
    asked = [stem for word in _WORD.findall(query.lower()) if (stem := _stem(word))]
    places = {stem: at for at, stem in enumerate(dict.fromkeys(asked))}
    pairs = [(places[a], places[b], a, b) for a, b in dict.fromkeys(itertools.pairwise(asked))]
    lowered = [text.lower() for text in texts]
    single = [[stem in text for stem in places] for text in lowered]
    double = [
        [has[i] and has[j] and _follows(text, a, b) for i, j, a, b in pairs]
        for text, has in zip(lowered, single, strict=True)
    ]
    return np.column_stack((*_shares(single, len(places)), *_shares(double, len(pairs))))


def _follows(text: str, first: str, second: str) -> bool:
    """Whether a word that begins with `second` is the next one after `first` that is not common."""
    at = text.find(first)
    while at >= 0:
        end = at + len(first)
        begin = text.find(second, end, end + _REACH + len(second))
        if begin >= 0 and _parts_nothing(text[end:begin]):
            return True
        at = text.find(first, end)
    return False


@lru_cache(maxsize=65536)
def _parts_nothing(gap: str) -> bool:
    """Whether this is a word's ending and then common words alone, up to where a word begins."""
    ending = _WORD.match(gap)
    rest = gap[ending.end() :] if ending else gap
    words = _WORD.findall(rest)
    return bool(rest) and not rest[-1].isalnum() and all(word in _COMMON for word in words)


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    if word in _COMMON:
        return ""
    return word[: max(_STEM, len(word) - 3)] if word.isalpha() else word


def _shares(seen: Sequence[Sequence[bool]], wanted: int) -> tuple[Float64, Float64]:
    """Of each row, the share that is found, and the same weighted by rarity (as in BM25)."""
    texts = len(seen)
    if not wanted:
        return np.zeros(texts), np.zeros(texts)
    found = np.array(seen, np.float64).reshape(texts, wanted)
    counts = found.sum(axis=0)
    weights = np.log1p((texts - counts + 0.5) / (counts + 0.5)) * (counts > 0)
    total = max(float(weights.sum()), 1e-9)
    rare: Float64 = found @ weights / total
    return found.sum(axis=1) / wanted, rare
