"""`rerank` with a model that reads each passage: of all questions that wait, in one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from processors.models import Ranked, Reranker, Scored
from processors.money.prices import PriceTable
from processors.questions.carried import decided, degraded, used
from processors.text.identifiers import looked_up, standing
from schemas.events import Candidate, ChunksRetrieved
from streams.flow.errors import Retry

LEFT = 0.3  # of the time until a question's deadline that re-ordering may take
LEAST_S = 0.05


@dataclass(frozen=True, slots=True)
class RerankingConfig:
    """How a model re-orders."""

    passages: int = 30  # of a question, the best by what they scored before; others stay behind
    characters: int = 4000  # of a passage that it reads
    timeout_s: float = 2.0


def reranked(
    events: Sequence[ChunksRetrieved],
    before: Sequence[Sequence[Candidate]],
    *,
    reranker: Reranker,
    config: RerankingConfig,
    prices: PriceTable,
    now: Callable[[], int],
) -> list[ChunksRetrieved]:
    """The questions with their candidates in the model's order; `before` is the order without it.
    What the model used for a question is noted in it.

    Where it does not answer in time, all stay in that order, and `degraded` says so. What a
    question looks up by its identifier stays in front.
    """
    asked = [
        Ranked(event.carried.question.query, [_text(c, config) for c in found[: config.passages]])
        for event, found in zip(events, before, strict=True)
    ]
    try:
        scores = reranker.scores(asked, within_s=_time(events, config, now()))
    except Retry:
        return [_without(event, found) for event, found in zip(events, before, strict=True)]
    return [
        _with(_paid(event, own, reranker.model, prices), found, own.scores, reranker.model)
        for event, found, own in zip(events, before, scores, strict=True)
    ]


def _time(events: Sequence[ChunksRetrieved], config: RerankingConfig, now: int) -> float:
    """As long as the question that has least can wait."""
    left = min(event.carried.question.deadline_at - now for event in events) / 1000
    return max(min(config.timeout_s, left * LEFT), LEAST_S)


def _text(candidate: Candidate, config: RerankingConfig) -> str:
    head = " - ".join(filter(None, (candidate.title, candidate.heading)))
    return f"{head}\n{candidate.text}"[: config.characters]


def _paid(
    event: ChunksRetrieved, scored: Scored, model: str, prices: PriceTable
) -> ChunksRetrieved:
    if not scored.scores:  # nothing was to be read
        return event
    call = prices.read("rerank", model, scored.input_tokens)
    return replace(event, carried=used(event.carried, call))


def _without(event: ChunksRetrieved, found: Sequence[Candidate]) -> ChunksRetrieved:
    told = "rerank: the reranker does not answer, passages are in fused order"
    return replace(event, carried=degraded(event.carried, told), candidates=[*found])


def _with(
    event: ChunksRetrieved, found: Sequence[Candidate], scores: Sequence[float], model: str
) -> ChunksRetrieved:
    wanted = looked_up(event.carried.question.query)

    def named(candidate: Candidate) -> int:
        if not wanted:
            return 0
        texts = candidate.title, candidate.heading, candidate.doc_id, candidate.text
        return standing(wanted, *texts)

    read = [
        replace(each, score=score, scores={**each.scores, "reranked": score})
        for each, score in zip(found[: len(scores)], scores, strict=True)
    ]
    read.sort(key=lambda each: (-named(each), -each.score))
    lowest = min(scores, default=0.0)
    rest = [
        replace(each, score=lowest - number) for number, each in enumerate(found[len(scores) :], 1)
    ]
    carried = decided(event.carried, f"rerank: ordered by {model}")
    return replace(event, carried=carried, candidates=[*read, *rest])
