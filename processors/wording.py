"""How far passages have the words of a question, alone and in order: microseconds a passage."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Sequence
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
_STEM = 4  # letters of a word that are always compared; of a long word, all but its last three


def wording(query: str, texts: Sequence[str]) -> Float64:
    """The signals of `WORDING` for each text, (texts, 4)."""
    lowered = [text.lower() for text in texts]
    asked = _telling(query.lower())
    words, pairs = [*dict.fromkeys(asked)], [*dict.fromkeys(itertools.pairwise(asked))]
    paired = [{*itertools.pairwise(_telling(text))} for text in lowered]
    return np.column_stack((*_shares(_found(words, lowered)), *_shares(_found(pairs, paired))))


def _telling(text: str) -> list[str]:
    """The stems of the words that are not common, in order; `text` is in lower case."""
    return [stem for word in _WORD.findall(text) if (stem := _stem(word))]


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    if word in _COMMON:
        return ""
    return word[: max(_STEM, len(word) - 3)] if word.isalpha() else word


def _found(wanted: Sequence[object], texts: Sequence[Collection[object]]) -> Float64:
    found = [[each in text for each in wanted] for text in texts]
    return np.array(found, np.float64).reshape(len(texts), len(wanted))


def _shares(found: Float64) -> tuple[Float64, Float64]:
    """Of each row, the share that is found, and the same weighted by rarity (as in BM25)."""
    texts, wanted = len(found), found.shape[1]
    if not wanted:
        return np.zeros(texts), np.zeros(texts)
    seen = found.sum(axis=0)
    weights = np.log1p((texts - seen + 0.5) / (seen + 0.5)) * (seen > 0)
    total = max(float(weights.sum()), 1e-9)
    rare: Float64 = found @ weights / total
    return found.sum(axis=1) / wanted, rare
