"""How like a question its candidates are: similarity and BM25 as one score."""

from __future__ import annotations

from collections.abc import Sequence

from processors.questions.fusion import relative


def mix(
    dense: Sequence[float],
    sentence: Sequence[float],
    bm25: Sequence[float],
    *,
    bm25_weight: float,
    sentence_weight: float,
) -> list[float]:
    """A score for each candidate of one question from its cosines and its BM25.

    Similarity is the chunk's cosine mixed with that of its best sentence, where that one is nearer.
    Both parts are shares of the best candidate's, so that it does not matter how many candidates
    there are.
    """
    near = zip(dense, sentence, strict=True)
    similar = relative([d + sentence_weight * (max(d, s) - d) for d, s in near])
    share = bm25_weight if any(bm25) else 0.0
    both = zip(similar, relative(bm25), strict=True)
    return [(1 - share) * s + share * b for s, b in both]
