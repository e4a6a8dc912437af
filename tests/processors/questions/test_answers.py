"""How questions end that no answerer answers."""

from __future__ import annotations

from dataclasses import replace

from processors.money.total import total
from processors.questions.answers import close, deadline, salvage, settle, settle_asked
from schemas.events import (
    ChunksRetrieved,
    ModelUsage,
    QuestionAnswered,
    QuestionAsked,
    QuestionClosed,
)
from streams.flow.topic import To
from tests.support.fakes import VERSIONS
from tests.support.question_events import carried, question

PAID = ModelUsage(operation="rewrite", model="m", input_tokens=3, output_tokens=2, cost_nanos=5)


def test_whoever_ends_a_question_answers_it_and_closes_it_with_all_that_is_known() -> None:
    known = carried("q", degraded=["admit: a"], usage=[PAID], timings_ms={"admit": 2.0})
    event = ChunksRetrieved(carried=known, candidates=[])
    answer, closed = settle(event, "failed", "the store is away")
    assert isinstance(answer, QuestionAnswered)
    assert (answer.status, answer.reasons) == ("failed", ["the store is away"])
    assert answer.degraded == ["admit: a"]
    assert answer.versions == VERSIONS
    assert answer.usage == total([PAID])
    assert closed == QuestionClosed(
        carried=known, passages=[], answer=answer, closed_at=answer.answered_at
    )
    assert deadline(event) == known.question.deadline_at


def test_a_copy_goes_where_the_question_wants_it_and_the_question_closes_once() -> None:
    known = carried(replace(question("q"), reply_to="acme.answers"))
    answer, copy, closed = close(known, "expired", 7, reasons=["late"])
    assert copy == To("acme.answers", answer)
    assert isinstance(closed, QuestionClosed)


def test_what_never_became_a_question_is_answered_and_nothing_is_closed() -> None:
    asked = QuestionAsked(request_id="r", tenant="acme", query="q")
    (failed,) = settle_asked(asked, "failed", "why", versions=VERSIONS)
    assert (failed.request_id, failed.status, failed.reasons) == ("r", "failed", ["why"])
    nameless = QuestionAsked(tenant="acme", query="q")
    assert not [*settle_asked(nameless, "failed", "why", versions=VERSIONS)]
    (read,) = salvage(b'{"request_id": "r", "tenant": "acme", "?": 1}', "why", versions=VERSIONS)
    assert read.request_id == "r"
    assert not [*salvage(b"[]", "why", versions=VERSIONS)]
