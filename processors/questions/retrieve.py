"""`retrieve`: candidates for every waiting question, from both indexes, with what they scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress

import numpy as np

from processors import needs, places
from processors.caching.entries import Caching, passage
from processors.caching.serving import Serving
from processors.guard.access import Access
from processors.guard.instructing import Scorer
from processors.guard.sight import Sight
from processors.money.counting import Counting
from processors.money.prices import PriceTable
from processors.ports import (
    Apart,
    ChunkStore,
    DenseSearch,
    Embedder,
    Float32,
    LexicalSearch,
    Ranking,
    SearchQuery,
    StoredChunk,
)
from processors.questions import answers
from processors.questions.carried import decided, degraded, made_with
from processors.questions.content import SIGNAL, screened
from processors.questions.expansion import Expansion, expanded
from processors.questions.fusion import Fused, Fusion, fuse
from processors.questions.guarded import guarded
from processors.questions.reordering import Reordering
from processors.questions.similarity import mix
from schemas import topics
from schemas.events import Candidate, Carried, ChunksRetrieved, QuestionRewritten
from streams.flow.errors import Reject, Retry
from streams.flow.port import Opened
from streams.flow.stage import Stage, batch_stage
from streams.flow.topic import outputs

REMEDY = "`millrace reindex --scan` brings them back"
_BEST = 3  # candidates that others are held against


@dataclass(frozen=True, slots=True)
class Searched:
    """What is searched, and where the chunks are."""

    chunks: ChunkStore
    dense: DenseSearch
    lexical: LexicalSearch


class _NoVectors:
    """In place of a search by vectors that nobody has."""

    def nearest(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:  # noqa: ARG002
        raise Retry("the encoder does not answer")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One question's hits: a ranking per variant from each index; none where it is away."""

    dense: list[Ranking]
    lexical: list[Ranking]


@dataclass(frozen=True, slots=True)
class RetrievalConfig:
    """How candidates are found and ordered; `policies/retrieval.yaml` says why so."""

    candidates: int = 30  # kept after fusion, or the question's top_k where that is more
    limit: int = 100  # hits per variant and index
    fusion: Fusion = "max"
    bm25_weight: float = 0.45  # of BM25 against vectors, 0 to 1
    sentence_weight: float = 0.5  # of the best sentence against the whole chunk, 0 to 1
    reordering: Reordering | None = None  # the learned one
    blend: float = 0.0  # how much of it is added to what it re-orders
    variants: tuple[Expansion, ...] = ()  # what else is searched for, by the corpus itself
    instructions: Scorer | None = None  # tells instructions to a model that stand in documents


def retrieve(
    questions: Sequence[QuestionRewritten],
    *,
    embedder: Embedder,
    index: Searched,
    config: RetrievalConfig,
    sights: Sequence[Sight],
    counting: Counting | None = None,
) -> list[Sequence[ChunksRetrieved] | Reject | Retry]:
    """One event per question, in order: one call of the model, one search, one fetch per tenant.

    Of each question only what its sight lets through is found and given on. An index that does not
    answer, or vectors that the encoder does not give, leave the order to the other and are named in
    `degraded`; if neither answers it is
    `Retry`. So it is while documents of the tenant are lacking that were
    searchable once: what is there might say the opposite, or nothing.
    """
    asked = [question.carried for question in questions]
    try:
        if config.variants:
            asked = [
                _expanded(carried, index, sight.access, config.variants)
                for carried, sight in zip(asked, sights, strict=True)
            ]
        vectors, results, embedded = _search(asked, sights, embedder, index, config)
        kept = [_kept(c, r, config) for c, r in zip(asked, results, strict=True)]
        chunks = _fetch(asked, kept, index.chunks)
    except Retry as failure:
        return [failure] * len(questions)
    outcomes: list[Sequence[ChunksRetrieved] | Reject | Retry] = []
    for carried, sight, vector, result, fused in zip(
        asked, sights, vectors, results, kept, strict=True
    ):
        if lacking := index.chunks.lacking.of(carried.question.tenant):
            outcomes.append(Retry(f"the index lacks {lacking:,} documents: {REMEDY}"))
            continue
        if not (result.dense or result.lexical):
            outcomes.append(Retry("neither the dense nor the lexical index answers"))
            continue
        missing = [] if result.dense else ["retrieve: dense unavailable"]
        missing += [] if result.lexical else ["retrieve: lexical unavailable"]
        carried = made_with(carried, embedding_model=embedder.model, index=index.chunks.version)
        if counting is not None and embedded:
            carried = counting.noted(carried, embedder.model)
        found = [(f, c) for f in fused if (c := chunks[carried.question.tenant].get(f.chunk_id))]
        shown = [*compress(found, sight.shows([chunk for _, chunk in found]))]
        if len(shown) < len(found):  # the policy is another by now, or the store is wrong
            withheld = f"retrieve: {len(found) - len(shown)} hits withheld by policy"
            carried = decided(carried, withheld)
        carried, shown, suspicions = screened(
            carried, shown, config.instructions, embedder.model, drops=sight.drops
        )
        candidates = _candidates(shown, vector, config)
        for candidate, suspicion in zip(candidates, suspicions, strict=True):
            if suspicion:
                candidate.scores[SIGNAL] = round(suspicion, 4)
        event = ChunksRetrieved(carried=degraded(carried, *missing), candidates=candidates)
        outcomes.append([event])
    return outcomes


def _expanded(
    carried: Carried, index: Searched, access: Access, wanted: tuple[Expansion, ...]
) -> Carried:
    told = {*wanted} - {"parts"}
    lexicon = index.lexical.lexicon(carried.question.tenant, access) if told else None
    try:
        return replace(carried, variants=expanded(carried.variants, lexicon, wanted))
    except Retry:  # without its words a question is searched for as it was asked
        return carried


def _search(
    asked: Sequence[Carried],
    sights: Sequence[Sight],
    embedder: Embedder,
    index: Searched,
    config: RetrievalConfig,
) -> tuple[list[Float32], list[SearchResult], bool]:
    """The vector of each question as it was asked, the hits of all its variants, and whether the
    encoder answered."""
    embedded = True
    texts = [text for carried in asked for text in carried.variants]
    try:
        vectors = embedder.embed_queries(texts)
    except Retry:  # words alone find something too
        embedded = False
        vectors = np.zeros((len(texts), embedder.dimensions), np.float32)
        index = replace(index, dense=_NoVectors())
    queries: list[SearchQuery] = []
    start = 0
    for carried, sight in zip(asked, sights, strict=True):
        end = start + len(carried.variants)
        queries.append(
            SearchQuery(
                tenant=carried.question.tenant,
                texts=carried.variants,
                vectors=vectors[start:end],
                limit=config.limit,
                access=sight.access,
                filters=carried.question.filters,
            )
        )
        start = end
    return [query.vectors[0] for query in queries], search(queries, index), embedded


def search(queries: Sequence[SearchQuery], index: Searched) -> list[SearchResult]:
    """All questions' variants in both indexes, a call of each; of two stores, both at once."""

    def dense() -> list[list[Ranking]]:
        return _found(index.dense.nearest, queries)

    def lexical() -> list[list[Ranking]]:
        return _found(index.lexical.matching, queries)

    if isinstance(index.chunks, Apart):
        # A thread costs a tenth of a millisecond, a server some. It notes its calls for our spans.
        with ThreadPoolExecutor(1) as beside:
            nearest = beside.submit(copy_context().run, dense)
            found = lexical(), nearest.result()
    else:  # one store, which answers one call after the other
        found = lexical(), dense()
    return [SearchResult(d, x) for x, d in zip(*found, strict=True)]


def _found(
    rankings: Callable[[Sequence[SearchQuery]], list[list[Ranking]]],
    queries: Sequence[SearchQuery],
) -> list[list[Ranking]]:
    """None of any question, where the index is away."""
    try:
        return rankings(queries)
    except Retry:
        return [[] for _ in queries]


def _kept(carried: Carried, result: SearchResult, config: RetrievalConfig) -> list[Fused]:
    return fuse(
        result.dense,
        result.lexical,
        method=config.fusion,
        bm25_weight=config.bm25_weight,
        most=max(config.candidates, carried.question.top_k),
    )


def _fetch(
    asked: Sequence[Carried], kept: Sequence[Sequence[Fused]], store: ChunkStore
) -> dict[str, dict[str, StoredChunk]]:
    """The chunks of all questions by tenant and id, each fetched once."""
    wanted: dict[str, dict[str, None]] = {}
    for carried, fused in zip(asked, kept, strict=True):
        wanted.setdefault(carried.question.tenant, {}).update((f.chunk_id, None) for f in fused)
    return {tenant: store.fetch(tenant, [*ids]) for tenant, ids in wanted.items()}


def _candidates(
    found: Sequence[tuple[Fused, StoredChunk]], vector: Float32, config: RetrievalConfig
) -> list[Candidate]:
    """Candidates in fused order."""
    if not found:
        return []
    rows = [row for _, c in found for row in (c.vector[np.newaxis], c.sentence_vectors)]
    stacked = np.concatenate(rows).astype(np.float32)
    cosines: list[float] = (stacked @ vector).tolist()
    starts: list[int] = []
    row = 0
    for _, chunk in found:
        starts.append(row)
        row += 1 + len(chunk.sentence_vectors)
    sentences = [
        cosines[at + 1 : at + 1 + len(chunk.sentence_vectors)]
        for at, (_, chunk) in zip(starts, found, strict=True)
    ]
    dense = [cosines[at] for at in starts]
    best = [max(s, default=d) for s, d in zip(sentences, dense, strict=True)]
    mixed = mix(
        dense,
        best,
        [hit.bm25 for hit, _ in found],
        bm25_weight=config.bm25_weight,
        sentence_weight=config.sentence_weight,
    )
    feedback = _feedback(stacked[starts], mixed)
    return [
        passage(
            chunk,
            hit.score,
            {
                "fused": hit.score,
                "dense": dense[at],
                "bm25": hit.bm25,
                "sentence": best[at],
                "feedback": feedback[at],
            },
            sentences[at],
        )
        for at, (hit, chunk) in enumerate(found)
    ]


def _feedback(vectors: Float32, mixed: Sequence[float]) -> list[float]:
    """Mean cosine of each candidate to the other ones among the best three."""
    first = sorted(range(len(mixed)), key=lambda at: -mixed[at])[:_BEST]
    alike = vectors @ vectors[first].T
    totals: list[float] = alike.sum(axis=1).tolist()
    own = {at: float(alike[at, place]) for place, at in enumerate(first)}
    return [
        (total - own.get(at, 0.0)) / max(len(first) - (at in own), 1)
        for at, total in enumerate(totals)
    ]


NEEDS = [needs.EMBEDDER, needs.COUNTER, needs.CHUNKS, needs.DENSE, needs.LEXICAL, needs.POLICY]
MODEL_BATCH = 64  # questions embedded and searched for at once


def stage(
    config: RetrievalConfig,
    prices: PriceTable,
    caching: Caching | None = None,
    now: Callable[[], int] = answers.now_ms,
) -> Stage:
    """`retrieve` in the topology."""

    def make(opened: Opened):
        index = Searched(opened[needs.CHUNKS], opened[needs.DENSE], opened[needs.LEXICAL])
        policy, embedder = opened[needs.POLICY], opened[needs.EMBEDDER]
        searching = partial(
            retrieve,
            embedder=embedder,
            index=index,
            config=config,
            counting=Counting(opened[needs.COUNTER], prices),
        )
        if caching is None:
            return partial(guarded, policy=policy, searching=searching, store=index.chunks)
        served = Serving(opened[needs.ANSWERS], index.chunks, embedder, caching, now)
        return partial(
            guarded, policy=policy, searching=searching, served=served, store=index.chunks
        )

    return batch_stage(
        "retrieve",
        reads=topics.RAG_REWRITTEN,
        make=make,
        writes=outputs(topics.RAG_RETRIEVED, topics.RAG_ANSWERS, topics.RAG_CLOSED),
        dead_letters=topics.RAG_DLQ,
        place=places.INDEX,
        needs=[*NEEDS, needs.ANSWERS] if caching else NEEDS,
        promise=answers.PROMISE,
        max_batch=MODEL_BATCH,
    )
