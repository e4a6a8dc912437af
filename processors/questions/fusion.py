"""Rankings of one question into one: dense and BM25, every variant, each chunk once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from processors.ports import Ranking

Fusion = Literal["max", "minmax", "rrf"]
"""How scores of different scales meet.

`max` divides by the best score of the ranking: the convex combination of Bruch, Gai and Ingber,
"An Analysis of Fusion Functions for Hybrid Retrieval" (2023), with 0 as the theoretical minimum.
Unlike `minmax` it does not depend on where the ranking ends. `rrf` sees ranks alone.
"""

_RRF_K = 60  # Cormack, Clarke and Büttcher (2009)


@dataclass(frozen=True, slots=True)
class Fused:
    """A chunk in the fused order.

    `score` is in 0 to 1 for `max` and `minmax`. `bm25` is the raw score of the variant that
    scored it best, 0 where none did.
    """

    chunk_id: str
    score: float
    bm25: float


def fuse(
    dense: Sequence[Ranking],
    lexical: Sequence[Ranking],
    *,
    method: Fusion,
    bm25_weight: float,
    most: int | None = None,
) -> list[Fused]:
    """The `most` best of all rankings (or all), in order; equal scores in the order of chunk ids.

    `dense` and `lexical` hold one ranking per variant; one of them may be empty (an index that
    does not answer), and the other decides alone. Variants count alike. A chunk that BM25 does not
    list counts 0 there, and one that the dense search does not list counts as its last.
    """
    if not lexical:
        bm25_weight = 0.0
    elif not dense:
        bm25_weight = 1.0
    floor = 0.0  # what a chunk in no ranking would score
    totals: dict[str, float] = {}
    raw: dict[str, float] = {}
    for ranking in dense:
        share = (1.0 - bm25_weight) / len(dense)
        scores = _normalised(ranking, method)
        last = scores[-1] if method == "max" and scores else 0.0
        floor += share * last
        for chunk_id, score in zip(ranking.chunk_ids, scores, strict=True):
            totals[chunk_id] = totals.get(chunk_id, 0.0) + share * (score - last)
    for ranking in lexical:
        share = bm25_weight / len(lexical)
        scores = _normalised(ranking, method)
        for chunk_id, score, bm25 in zip(ranking.chunk_ids, scores, ranking.scores, strict=True):
            totals[chunk_id] = totals.get(chunk_id, 0.0) + share * score
            raw[chunk_id] = max(raw.get(chunk_id, 0.0), bm25)
    order = sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:most]
    return [Fused(chunk_id, floor + total, raw.get(chunk_id, 0.0)) for chunk_id, total in order]


def relative(scores: Sequence[float]) -> list[float]:
    """Each score as a share of the best; all 0 where the best is not above 0."""
    best = max(scores, default=0.0)
    return [score / best for score in scores] if best > 0 else [0.0] * len(scores)


def _normalised(ranking: Ranking, method: Fusion) -> list[float]:
    """The scores of a ranking, best first, on the scale of `method`."""
    if method == "rrf":
        return [1.0 / (_RRF_K + place) for place in range(1, len(ranking.scores) + 1)]
    if method == "max" or not ranking.scores:
        return relative(ranking.scores)
    low, high = ranking.scores[-1], ranking.scores[0]
    return [(score - low) / (high - low) if high > low else 1.0 for score in ranking.scores]
