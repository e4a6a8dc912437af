"""Instructions to a model that stand in a document: how much a chunk looks as if it held one.

A sentence is suspect for what it says (a request, or a word about "your response") beside how
little it has to do with the rest of its chunk: a manual is full of instructions, a question in a
FAQ is about what follows it. All it needs is stored with the chunk: nothing is embedded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from processors.ports import Float32, StoredChunk

# What speaks to whoever writes an answer, or of the orders that it has.
_ADDRESSED = re.compile(
    r"\b(?:your|the) (?:next |final |whole |entire )?(?:response|reply|answer|output)s?\b"
    r"|\b(?:respond|reply|answer)(?:ing)? (?:only |always |now )?(?:with|in|by|as|using)\b",
    re.IGNORECASE,
)
_OVERRIDING = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:previous|above|prior|earlier|all|any"
    r"|your|these|those|the)\b.{0,30}\b(?:instruction|prompt|rule|direction|guideline|polic|context"
    r"|message)|\bsystem prompt\b|\bnew instructions?\s*:|^\s*(?:system|assistant)\s*:"
    r"|\byou are (?:now|no longer)\b|<\|?(?:im_start|system|endoftext)",
    re.IGNORECASE,
)
_IMPERATIVE = re.compile(
    r"\A\W*(?:please )?[A-Za-z]+(?: (?:a|an|the|your|this|me|us|in|with|how)\b)"
)
_ASKING = re.compile(r"\?\W*\Z")
SCALARS = 9
SUSPECT = 0.95  # a chunk from here on is told of, and quoted as data
REMEMBERED = 20_000  # chunks
_ALONE = 2  # sentences: with fewer there is nothing that one does not belong to


@dataclass(frozen=True, slots=True)
class Scorer:
    """A logistic regression over a sentence's stored vector and a few signals.

    `model` is the embedding model whose vectors it has learned from.
    """

    model: str
    weights: Float32  # (dimensions + SCALARS,)
    bias: float
    _known: dict[tuple[str, str, int], float] = field(
        default_factory=dict[tuple[str, str, int], float], compare=False, repr=False
    )

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Scorer:
        """Weights are whole numbers times `scale`."""
        weights = np.array(said["weights"], np.float32) * np.float32(said["scale"])
        return cls(said["model"], weights, float(said["bias"]))

    def suspicions(self, chunks: Sequence[StoredChunk], model: str) -> list[float]:
        """Of each chunk; of vectors of another model nothing is known."""
        return [self._known_of(each) if model == self.model else 0.0 for each in chunks]

    def _known_of(self, chunk: StoredChunk) -> float:
        """Its score, worked out once of one text: what is found often is found again."""
        key = chunk.tenant, chunk.chunk_id, hash(chunk.text)
        if (score := self._known.get(key)) is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            score = self._known[key] = self.score(chunk)
        return score

    def score(self, chunk: StoredChunk) -> float:
        """How likely some sentence of it is an instruction to a model, 0 to 1."""
        spans = [*zip(chunk.sentences[::2], chunk.sentences[1::2], strict=True)]
        texts = [chunk.text[start:end] for start, end in spans]
        if not texts or len(chunk.sentence_vectors) != len(texts):  # an encoder may make none
            return 0.0
        logits = features(texts, chunk.sentence_vectors) @ self.weights + self.bias
        return float(1 / (1 + np.exp(-logits.max())))


def features(texts: Sequence[str], vectors: Any) -> Float32:
    """Of each sentence of a chunk, (sentences, dimensions + SCALARS)."""
    stacked = np.asarray(vectors, np.float32)
    alike = stacked @ stacked.T
    np.fill_diagonal(alike, 0.0)
    count = len(texts)
    others = max(count - 1, 1)
    mean = alike.sum(axis=1) / others if count >= _ALONE else np.ones(count, np.float32)
    best = alike.max(axis=1) if count >= _ALONE else np.ones(count, np.float32)
    usual = np.median(mean)
    scalars = [
        (
            mean[at],
            best[at],
            mean[at] - usual,
            float(count < _ALONE),
            float(_ADDRESSED.search(text) is not None),
            float(_OVERRIDING.search(text) is not None),
            float(_IMPERATIVE.match(text) is not None),
            float(_ASKING.search(text) is not None),
            min(len(text), 300) / 300,
        )
        for at, text in enumerate(texts)
    ]
    return np.concatenate([stacked, np.array(scalars, np.float32)], axis=1)
