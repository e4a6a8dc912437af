"""A model that reads each passage decides the order, if it answers in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from processors.models import Ranked, Scored
from processors.money.prices import PriceTable
from processors.questions.rerank import in_order, rerank_all
from processors.questions.reranking import RerankingConfig
from processors.questions.retrieve import RetrievalConfig
from processors.questions.route import RouteConfig
from schemas.events import ChunksRetrieved, GenerationRequested
from streams.flow.errors import Retry
from tests.support.candidates import candidate
from tests.support.prices import PRICES
from tests.support.question_events import carried, question

SCORES = {"dense": 0.1, "sentence": 0.1, "bm25": 0.0}
LATE = "rerank: the reranker does not answer, passages are in fused order"


@dataclass
class Shortest:
    """Likes short passages; keeps what it was asked, and how long it might take."""

    away: bool = False
    counts: bool = True
    asked: list[Sequence[Ranked]] = field(default_factory=list[Sequence[Ranked]])
    within_s: list[float] = field(default_factory=list[float])
    model: str = "shortest"

    def scores(self, asked: Sequence[Ranked], *, within_s: float) -> list[Scored]:
        self.asked.append(asked)
        self.within_s.append(within_s)
        if self.away:
            raise Retry("away")
        return [
            Scored(
                [-float(len(text)) for text in each.passages],
                sum(map(len, each.passages)) * self.counts,
            )
            for each in asked
        ]


def event(query: str, *texts: str, top_k: int = 10, deadline: int = 100_000) -> ChunksRetrieved:
    asked = replace(question(query, top_k=top_k), deadline_at=deadline)
    found = [
        replace(candidate(text, doc_id=f"{at}.md"), scores=SCORES | {"dense": 0.9 - at / 10})
        for at, text in enumerate(texts)
    ]
    return ChunksRetrieved(carried=carried(asked), candidates=found)


def run(
    model: Shortest, *events: ChunksRetrieved, prices: PriceTable | None = None, **said: int
) -> list[GenerationRequested]:
    outcomes = rerank_all(
        events,
        config=RetrievalConfig(),
        routing=RouteConfig(),
        reranker=model,
        reading=RerankingConfig(**said),
        prices=prices or PriceTable(),
        now=lambda: 0,
    )
    found: list[GenerationRequested] = []
    for outcome in outcomes:
        assert not isinstance(outcome, Exception)
        found += outcome
    return found


def test_all_questions_that_wait_are_read_in_one_batch_and_in_its_order() -> None:
    model = Shortest()
    first, second = run(model, event("a", "long one", "short"), event("b", "x"))
    assert [each.text for each in first.candidates] == ["short", "long one"]
    assert first.carried.decisions[0] == "rerank: ordered by shortest"
    assert [each.question for each in model.asked[0]] == ["a", "b"]
    assert [each.text for each in second.candidates] == ["x"]
    assert first.candidates[0].scores["reranked"] == first.candidates[0].score


def test_what_it_does_not_read_stays_behind() -> None:
    (found,) = run(Shortest(), event("a", "long one", "longer one", "x", top_k=2), passages=2)
    assert [each.text for each in found.candidates] == ["long one", "longer one"]
    (whole,) = run(Shortest(), event("a", "long one", "longer one", "x"), passages=2)
    assert [each.text for each in whole.candidates][2] == "x"
    scores = [each.score for each in whole.candidates]
    assert scores == sorted(scores, reverse=True)


def test_where_it_does_not_answer_the_order_is_as_without_it_and_degraded_says_so() -> None:
    asked = event("a", "long one", "short")
    (found,) = run(Shortest(away=True), asked)
    assert found.candidates == in_order(asked, RetrievalConfig())
    assert found.carried.degraded == [LATE]


def test_a_question_that_is_nearly_late_bounds_the_time() -> None:
    model = Shortest()
    run(model, event("a", "x"), event("b", "y", deadline=1000))
    assert model.within_s == [0.3]


def test_what_is_looked_up_by_its_identifier_stays_in_front() -> None:
    (found,) = run(Shortest(), event("What is AC-2?", "x", "AC-2 is account management"))
    assert found.candidates[0].text.startswith("AC-2")


def test_what_the_model_read_of_each_question_is_noted_and_priced() -> None:
    model = Shortest(model="m")
    first, second, empty = run(
        model, event("a", "four", "sixsix"), event("b", "x"), event("c"), prices=PRICES
    )
    (used,), (other,) = first.carried.usage, second.carried.usage
    read = [sum(map(len, each.passages)) for each in model.asked[0]]
    assert (used.operation, used.model, used.input_tokens) == ("rerank", "m", read[0])
    assert used.cost_nanos == read[0] * 2_000  # 2 a million
    assert other.input_tokens == read[1]
    assert empty.carried.usage == []  # nothing was read
    (late,) = run(Shortest(away=True), event("a", "x"))
    assert late.carried.usage == []
    (uncounted,) = run(Shortest(model="m", counts=False), event("a", "x"), prices=PRICES)
    assert uncounted.carried.usage[0].cost_nanos is None  # nobody knows it
