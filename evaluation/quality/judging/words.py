"""A text as the judge reads it: words with their vectors, in sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from connectors.minilm.embedder import MiniLM, TokenVectors
from processors.ports import Float32
from processors.questions.evidence import stem
from processors.text.sentences import split_sentences

Ints = NDArray[np.int_]

FUNCTION_WEIGHT = 0.15  # of a function word, where a content word has 1
WINDOW_TOKENS = 120  # whole sentences are embedded together up to so many tokens
_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?|[^\W_]+")  # noqa: RUF001


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FUNCTION = _set(
    """a about after all also am an and any are as at be because been before being but by can could
    did do does doing for from had has have having he her here hers him his how i if in into is it
    its just may me might more most must my no nor not of off on once only or other our out over own
    same she should so some still such than that the their them then there these they this those
    through to too under until up upon us was we were what when where whether which while who whom
    whose why will with within would you your s t re ve ll d"""
)


@dataclass(frozen=True, slots=True)
class Sentences:
    """Where a text's sentences are, in characters."""

    text: str
    spans: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Words:
    """The words of a text. Vectors are of length one, from the words' sentences."""

    lower: list[str]
    stems: list[str]
    vectors: Float32  # (words, dimensions)
    sentence: Ints  # of each word, its sentence's number
    sentences: Sentences

    @cached_property
    def content(self) -> NDArray[np.bool_]:
        """Which words are no function words; all, if there are no others."""
        mask = np.array([word not in _FUNCTION for word in self.lower], bool)
        return mask if mask.any() else np.ones(len(self.lower), bool)

    @cached_property
    def weights(self) -> Float32:
        """Of each word; they sum to one."""
        weights = np.where(self.content, 1.0, FUNCTION_WEIGHT).astype(np.float32)
        return weights / weights.sum()


def by_sentence(
    claim: Words, evidence: Words, similar: Float32
) -> tuple[Sequence[Ints], NDArray[np.floating]]:
    """The evidence's words by sentence, and how well each of its sentences matches the claim.

    A match is the mean of what the claim's words have of similarity to the nearest of the sentence;
    `similar` is (claim words, evidence words).
    """
    sentences = [np.flatnonzero(evidence.sentence == n) for n in np.unique(evidence.sentence)]
    return sentences, np.array([similar[:, words].max(1) @ claim.weights for words in sentences])


def read(model: MiniLM, texts: Sequence[str]) -> list[Words]:
    """`texts` as words with vectors; equal texts are embedded once."""
    split = {text: _windows(model, text) for text in dict.fromkeys(texts)}
    parts = list(dict.fromkeys(text[a:b] for text in split for a, b in split[text][1]))
    tokens = dict(zip(parts, model.embed_tokens(parts), strict=True))
    words = {text: _words(split[text][0], split[text][1], tokens) for text in split}
    return [words[text] for text in texts]


def _windows(model: MiniLM, text: str) -> tuple[Sentences, list[tuple[int, int]]]:
    """The sentences, and runs of them that are embedded together."""
    spans = split_sentences(text, markdown=False) or [(0, len(text))]
    counts = model.count([text[start:end] for start, end in spans])
    windows: list[tuple[int, int]] = []
    total = 0
    for (start, end), count in zip(spans, counts, strict=True):
        if windows and total + count <= WINDOW_TOKENS:
            windows[-1] = (windows[-1][0], end)
            total += count
        else:
            windows.append((start, end))
            total = count
    return Sentences(text, spans), windows


def _words(
    sentences: Sentences, windows: Sequence[tuple[int, int]], tokens: dict[str, TokenVectors]
) -> Words:
    text = sentences.text
    starts: list[int] = []
    vectors: list[Float32] = []
    for start, end in windows:
        found = tokens[text[start:end]]
        starts.extend(start + offset for offset, _ in found.offsets)
        vectors.append(found.vectors)
    rows = np.concatenate(vectors)
    lower: list[str] = []
    pooled: list[Float32] = []
    places: list[int] = []
    for found in _WORD.finditer(text):
        first, last = np.searchsorted(starts, found.span())
        if first < last:  # a word that was cut off has no token
            lower.append(found[0].lower())
            pooled.append(unit(rows[first:last].mean(0)))
            places.append(found.start())
    begins = [start for start, _ in sentences.spans]
    sentence = np.maximum(np.searchsorted(begins, places, side="right") - 1, 0)
    matrix = np.array(pooled, np.float32).reshape(len(lower), rows.shape[-1])
    return Words(lower, [stem(word) for word in lower], matrix, sentence, sentences)


def unit(vector: Float32) -> Float32:
    """`vector` at length one; zeros stay zeros."""
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
