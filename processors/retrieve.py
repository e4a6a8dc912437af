"""`retrieve`: candidates for every waiting question, from both indexes, with what they scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from processors.fusion import Fused, Fusion, fuse
from processors.ports import Embedder, Float32, Index, SearchQuery, SearchResult, StoredChunk
from schemas.errors import Reject, Retry
from schemas.events import Candidate, ChunksRetrieved, QuestionRewritten


@dataclass(frozen=True, slots=True)
class RetrievalConfig:
    """How candidates are found and ordered.

    The weights were chosen on Cranfield, SciFact, ObliQA and two sets of identifiers; nDCG@10
    moves by less than .01 for a bm25_weight of .4 to .5 and a sentence_weight of .3 to .7.
    """

    candidates: int = 20  # kept after fusion, or the question's top_k where that is more
    limit: int = 100  # hits per variant and index; 50 cost .002 nDCG@10
    fusion: Fusion = "max"
    bm25_weight: float = 0.45  # of BM25 against vectors, 0 to 1
    sentence_weight: float = 0.5  # of the best sentence against the whole chunk, 0 to 1


def retrieve(
    questions: Sequence[QuestionRewritten],
    *,
    embedder: Embedder,
    index: Index,
    config: RetrievalConfig,
) -> list[Sequence[ChunksRetrieved] | Reject | Retry]:
    """One event per question, in order: one call of the model, one search, one fetch per tenant.

    An index half that does not answer (no ranking at all for a question, as opposed to an empty
    one) leaves the order to the other and is named in `degraded`; if neither answers it is `Retry`.
    """
    try:
        vectors, results = _search(questions, embedder, index, config)
        kept = [_kept(q, r, config) for q, r in zip(questions, results, strict=True)]
        chunks = _fetch(questions, kept, index)
    except Retry as failure:
        return [failure] * len(questions)
    outcomes: list[Sequence[ChunksRetrieved] | Reject | Retry] = []
    for question, vector, result, fused in zip(questions, vectors, results, kept, strict=True):
        if not (result.dense or result.lexical):
            outcomes.append(Retry("neither the dense nor the lexical index answers"))
            continue
        missing = [] if result.dense else ["retrieve: dense unavailable"]
        missing += [] if result.lexical else ["retrieve: lexical unavailable"]
        event = ChunksRetrieved(
            question=question.question,
            variants=question.variants,
            candidates=_candidates(fused, chunks[question.question.tenant], vector),
            embedding_model=embedder.model,
            index=index.version,
            degraded=[*question.degraded, *missing],
            timings_ms=question.timings_ms,
        )
        outcomes.append([event])
    return outcomes


def _search(
    questions: Sequence[QuestionRewritten],
    embedder: Embedder,
    index: Index,
    config: RetrievalConfig,
) -> tuple[list[Float32], list[SearchResult]]:
    """The vector of each question as it was asked, and the hits of all its variants."""
    texts = [text for question in questions for text in question.variants]
    vectors = embedder.embed_queries(texts)
    queries: list[SearchQuery] = []
    start = 0
    for question in questions:
        end = start + len(question.variants)
        queries.append(
            SearchQuery(
                tenant=question.question.tenant,
                texts=question.variants,
                vectors=vectors[start:end],
                limit=config.limit,
                filters=question.question.filters,
            )
        )
        start = end
    return [query.vectors[0] for query in queries], index.search(queries)


def _kept(
    question: QuestionRewritten, result: SearchResult, config: RetrievalConfig
) -> list[Fused]:
    fused = fuse(result.dense, result.lexical, method=config.fusion, bm25_weight=config.bm25_weight)
    return fused[: max(config.candidates, question.question.top_k)]


def _fetch(
    questions: Sequence[QuestionRewritten], kept: Sequence[Sequence[Fused]], index: Index
) -> dict[str, dict[str, StoredChunk]]:
    """The chunks of all questions by tenant and id, each fetched once."""
    wanted: dict[str, dict[str, None]] = {}
    for question, fused in zip(questions, kept, strict=True):
        wanted.setdefault(question.question.tenant, {}).update((f.chunk_id, None) for f in fused)
    return {tenant: index.fetch(tenant, [*ids]) for tenant, ids in wanted.items()}


def _candidates(
    fused: Sequence[Fused], chunks: dict[str, StoredChunk], vector: Float32
) -> list[Candidate]:
    """Candidates in fused order; one that was removed since the search is left out."""
    found = [(hit, chunks[hit.chunk_id]) for hit in fused if hit.chunk_id in chunks]
    if not found:
        return []
    rows = [row for _, c in found for row in (c.vector[np.newaxis], c.sentence_vectors)]
    cosines: list[float] = (np.concatenate(rows).astype(np.float32) @ vector).tolist()
    candidates: list[Candidate] = []
    row = 0
    for hit, chunk in found:
        dense, row = cosines[row], row + 1
        sentences = cosines[row : row + len(chunk.sentence_vectors)]
        row += len(sentences)
        candidates.append(
            Candidate(
                chunk_id=chunk.chunk_id,
                doc_id=chunk.doc_id,
                doc_version=chunk.doc_version,
                ordinal=chunk.ordinal,
                title=chunk.title,
                heading=chunk.heading,
                uri=chunk.uri,
                text=chunk.text,
                chunking=chunk.chunking,
                changed_at=chunk.changed_at,
                score=hit.score,
                scores={
                    "fused": hit.score,
                    "dense": dense,
                    "bm25": hit.bm25,
                    "sentence": max(sentences, default=dense),
                },
                sentences=chunk.sentences,
                sentence_scores=sentences,
                page=chunk.page,
            )
        )
    return candidates
