"""What words and their vectors say of how well evidence supports a claim."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evaluation.quality.judging.words import Ints, Words, by_sentence, unit
from processors.ports import Float32

# Of the whole evidence (`all.`) and of the sentence of it that is most like the claim (`best.`):
# the share of the claim's words, word pairs and triples found; the similarity of each claim word to
# the nearest word, on average (`match`) and of the three content words that have least (`lowest3`);
# and the same of word pairs, at the tenth percentile (`pairs_low`). `cosine` is the claim's to
# the nearest sentence, `cosine_all` to the whole.
_PER_SCOPE = ("words", "bigrams", "trigrams", "match", "lowest3", "pairs_low")
NAMES = (*(f"{s}.{n}" for s in ("all", "best") for n in _PER_SCOPE), "cosine", "cosine_all")


def read(claim: Words, evidence: Words) -> Float32:
    """The signals of a claim, by `NAMES`, each the higher the better supported; 0 without words."""
    if not claim.lower or not evidence.lower:
        return np.zeros(len(NAMES), np.float32)
    similar = claim.vectors @ evidence.vectors.T
    weights = claim.weights
    sentences, matches = by_sentence(claim, evidence, similar)
    centre = unit(claim.vectors.mean(0))
    cosines = np.array([unit(evidence.vectors[words].mean(0)) @ centre for words in sentences])
    best = sentences[int(np.argmax(matches + 0.5 * cosines))]
    everything = np.arange(len(evidence.lower))
    values = (
        *_scope(claim, evidence, everything, similar, weights),
        *_scope(claim, evidence, best, similar, weights),
        cosines.max(),
        unit(evidence.vectors.mean(0)) @ centre,
    )
    return np.array(values, np.float32)


def _scope(
    claim: Words, evidence: Words, scope: Ints, similar: Float32, weights: Float32
) -> tuple[float, ...]:
    """`_PER_SCOPE` against the evidence's words numbered in `scope`."""
    near = similar[:, scope]
    nearest = near.max(1)
    numbers: list[int] = scope.tolist()
    stems = [evidence.stems[i] for i in numbers]
    found = frozenset(stems)
    covered = np.array([stem in found for stem in claim.stems], np.float32)
    return (
        float(covered @ weights),
        _shared(claim.stems, stems, 2),
        _shared(claim.stems, stems, 3),
        float(nearest @ weights),
        float(np.sort(nearest[claim.content])[:3].mean()),
        float(np.quantile(_pairs(near), 0.1)),
    )


def _shared(claim: Sequence[str], evidence: Sequence[str], size: int) -> float:
    """The share of the claim's runs of `size` words that the evidence has."""
    runs = {tuple(claim[i : i + size]) for i in range(max(len(claim) - size + 1, 1))}
    there = {tuple(evidence[i : i + size]) for i in range(len(evidence))}
    return len(runs & there) / len(runs)


def _pairs(similar: Float32) -> Float32:
    """Of each two neighbouring claim words, the similarity to two neighbours of the evidence."""
    if min(similar.shape) < 2:
        return similar.max(1)
    return ((similar[:-1, :-1] + similar[1:, 1:]) * np.float32(0.5)).max(1)
