"""`rerank`: the final order, from scores the candidates carry, and which model tier answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from processors.models import Reranker
from processors.money.prices import PriceTable
from processors.needs import RERANKING
from processors.places import QUESTIONS
from processors.questions import answers
from processors.questions.carried import decided
from processors.questions.reranking import RerankingConfig, reranked
from processors.questions.retrieve import RetrievalConfig
from processors.questions.route import RouteConfig, route
from processors.questions.similarity import mix
from processors.text.identifiers import looked_up, standing
from schemas import topics
from schemas.events import Candidate, ChunksRetrieved, GenerationRequested
from streams.flow.errors import Reject, Retry
from streams.flow.stage import Stage, batch_stage, record_stage
from streams.flow.topic import outputs

RERANKER = "sentence-mix"
WAITING = 16  # questions whose passages a model reads in one go


def rerank(
    event: ChunksRetrieved, *, config: RetrievalConfig, routing: RouteConfig
) -> Iterator[GenerationRequested]:
    """The question's best candidates, for the tier that answers it."""
    order = RERANKER if config.reordering is None else config.reordering.name
    carried = decided(event.carried, f"rerank: ordered by {order}")
    yield routed(replace(event, carried=carried, candidates=ranked(event, config)), routing)


def routed(event: ChunksRetrieved, routing: RouteConfig) -> GenerationRequested:
    """The question, its candidates in their final order, for the tier that answers it."""
    chosen = route(event.carried.question, event.candidates, routing)
    return GenerationRequested(
        carried=decided(event.carried, f"rerank: tier {chosen.tier}, {chosen.why}"),
        candidates=event.candidates[: event.carried.question.top_k],
        tier=chosen.tier,
        model=chosen.model,
    )


def rerank_all(
    events: Sequence[ChunksRetrieved],
    *,
    config: RetrievalConfig,
    routing: RouteConfig,
    reranker: Reranker,
    reading: RerankingConfig,
    prices: PriceTable,
    now: Callable[[], int],
) -> list[Sequence[GenerationRequested] | Reject | Retry]:
    """All that wait, read by a model in one batch."""
    before = [in_order(event, config) for event in events]
    found = reranked(events, before, reranker=reranker, config=reading, prices=prices, now=now)
    return [[routed(event, routing)] for event in found]


def ranked(event: ChunksRetrieved, config: RetrievalConfig) -> list[Candidate]:
    """The question's `top_k` best by similarity, BM25 and, where there is one, the learned order.

    `score` compares the candidates of one question only; `scores` has the raw cosines. A question
    that looks an identifier up gets first what goes by it, then what mentions it. No passage is
    encoded again.
    """
    return in_order(event, config)[: event.carried.question.top_k]


def in_order(event: ChunksRetrieved, config: RetrievalConfig) -> list[Candidate]:
    """All of them, as `ranked` has the best."""
    final = scored(event, config)
    order = sorted(range(len(final)), key=lambda i: -final[i])
    return [_scored(event.candidates[i], final[i]) for i in order]


def scored(event: ChunksRetrieved, config: RetrievalConfig) -> list[float]:
    """The final score of each candidate, in the order of the event."""
    found, query = event.candidates, event.carried.question.query
    mixed = mix(
        [each.scores["dense"] for each in found],
        [each.scores["sentence"] for each in found],
        [each.scores["bm25"] for each in found],
        bm25_weight=config.bm25_weight,
        sentence_weight=config.sentence_weight,
    )
    final = mixed
    if config.reordering is not None and any(each.scores["bm25"] for each in found):
        # Without BM25 the signals are not those that trees have learned from.
        added = config.reordering.added(query, found, mixed).tolist()
        final = [m + config.blend * more for m, more in zip(mixed, added, strict=True)]
    wanted = looked_up(query)
    return (
        [s + _standing(wanted, c) for s, c in zip(final, found, strict=True)] if wanted else final
    )


def _standing(wanted: Sequence[str], candidate: Candidate) -> int:
    return standing(wanted, candidate.title, candidate.heading, candidate.doc_id, candidate.text)


def _scored(candidate: Candidate, score: float) -> Candidate:
    return replace(candidate, score=score, scores={**candidate.scores, "reranked": score})


def stage(
    config: RetrievalConfig,
    routing: RouteConfig,
    reading: RerankingConfig | None,
    prices: PriceTable,
    now: Callable[[], int],
) -> Stage:
    """`rerank` in the topology; without a model (None) by what candidates carry."""
    writes = outputs(topics.RAG_GENERATE, topics.RAG_ANSWERS, topics.RAG_CLOSED)
    if reading is None:
        return record_stage(
            "rerank",
            reads=topics.RAG_RETRIEVED,
            make=lambda _: partial(rerank, config=config, routing=routing),
            writes=writes,
            dead_letters=topics.RAG_DLQ,
            place=QUESTIONS,
            promise=answers.PROMISE,
        )
    return batch_stage(
        "rerank",
        reads=topics.RAG_RETRIEVED,
        make=lambda opened: partial(
            rerank_all,
            config=config,
            routing=routing,
            reranker=opened[RERANKING],
            reading=reading,
            prices=prices,
            now=now,
        ),
        writes=writes,
        dead_letters=topics.RAG_DLQ,
        place=QUESTIONS,
        needs=[RERANKING],
        promise=answers.PROMISE,
        max_batch=WAITING,
    )
