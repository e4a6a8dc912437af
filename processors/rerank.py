"""`rerank`: the final order, from scores the candidates carry; no passage is encoded again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from processors.fusion import relative
from processors.retrieve import RetrievalConfig
from schemas.events import Candidate, ChunksReranked, ChunksRetrieved

RERANKER = "sentence-mix"


def rerank(event: ChunksRetrieved, *, config: RetrievalConfig) -> Iterator[ChunksReranked]:
    """The question's `top_k` best by similarity and BM25.

    Similarity is the chunk's cosine mixed with that of its best sentence, where that one is nearer.
    Both parts are shares of the best candidate's, so that it does not matter how many candidates
    there are. `score` compares the candidates of one question only; `scores` has the raw cosines.
    """
    weight = config.sentence_weight
    similar = relative([_similarity(candidate, weight) for candidate in event.candidates])
    lexical = relative([candidate.scores["bm25"] for candidate in event.candidates])
    share = config.bm25_weight if any(lexical) else 0.0
    mixed = [(1 - share) * s + share * b for s, b in zip(similar, lexical, strict=True)]
    order = sorted(range(len(mixed)), key=lambda i: -mixed[i])[: event.question.top_k]
    yield ChunksReranked(
        question=event.question,
        variants=event.variants,
        candidates=[_scored(event.candidates[i], mixed[i]) for i in order],
        embedding_model=event.embedding_model,
        index=event.index,
        reranker=RERANKER,
        degraded=event.degraded,
        timings_ms=event.timings_ms,
    )


def _similarity(candidate: Candidate, sentence_weight: float) -> float:
    dense = candidate.scores["dense"]
    nearest = max(dense, candidate.scores["sentence"])
    return (1 - sentence_weight) * dense + sentence_weight * nearest


def _scored(candidate: Candidate, score: float) -> Candidate:
    return replace(candidate, score=score, scores={**candidate.scores, "reranked": score})
