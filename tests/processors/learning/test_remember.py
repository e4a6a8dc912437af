"""What is kept of a closed question, for the next one of its session."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.memory.sessions import MemorySessions
from processors.learning.remember import (
    LONGEST_ANSWER,
    MOST_ITEMS,
    PATIENCE_MS,
    items_of,
    remember,
    turn_of,
)
from processors.ports import Turn
from processors.questions.answers import close, now_ms
from processors.questions.session import LONGEST
from schemas.events import AnswerStatus, Citation, QuestionClosed
from streams.flow.errors import Retry
from tests.support.candidates import candidate
from tests.support.question_events import carried, question


def closed(query: str, said: str = "", status: AnswerStatus = "answered", **known: object):
    begun = {"session_id": "s", "user": "u"} | known
    asked = replace(question(query), **begun)  # type: ignore[arg-type]
    found = replace(candidate("600 euros a day."), title="Fees")
    cited = Citation(
        chunk_id=found.chunk_id, doc_id="d", doc_version=1, start=0, end=3, quote="600", score=1.0
    )
    ended = close(
        carried(asked), status, now_ms(), answer=said, passages=[found], citations=[cited]
    )
    return next(each for each in ended if isinstance(each, QuestionClosed))


def kept(event: QuestionClosed) -> list[Turn]:
    sessions = MemorySessions()
    for _ in range(2):  # as redelivery may bring it
        assert [*remember(event, sessions=sessions, now=now_ms)] == []
    return sessions.turns("acme", "s")


def test_a_question_and_its_answer_are_one_turn() -> None:
    event = closed("What is the limit?", "It is 600 euros.")
    (turn,) = kept(event)
    assert (turn.query, turn.said, turn.status, turn.user) == (
        "What is the limit?",
        "It is 600 euros.",
        "answered",
        "u",
    )
    assert turn.titles == ("Fees",)


def test_what_was_refused_or_has_no_session_is_no_turn() -> None:
    assert kept(closed("Secret?", status="refused")) == []
    assert kept(closed("What?", "This.", session_id=None)) == []


@pytest.mark.parametrize("status", ["abstained", "expired", "failed"])
def test_what_got_no_answer_is_a_turn_all_the_same(status: AnswerStatus) -> None:
    assert [turn.status for turn in kept(closed("What?", status=status))] == [status]


def test_a_turn_is_no_larger_than_it_may_be() -> None:
    lines = "\n".join(f"{n}. {'word ' * 100}" for n in range(1, 90))
    turn = turn_of(closed("q" * 3000, lines))
    assert (len(turn.query), len(turn.said), len(turn.items)) == (
        LONGEST,
        LONGEST_ANSWER,
        MOST_ITEMS,
    )


def test_an_answers_list_is_its_marked_lines_or_the_lines_under_its_first() -> None:
    assert items_of("Do this:\n1. Scan it.\n2. Freeze them.") == ["Scan it.", "Freeze them."]
    assert items_of("Yes.\n- a\n- b\n") == ["a", "b"]
    assert items_of("Forms:\nOne here\nTwo there") == ["One here", "Two there"]
    assert items_of("One sentence. And a second.") == []


class Away(MemorySessions):
    def note(self, tenant: str, session: str, turn: Turn) -> None:
        raise Retry("away")


def test_an_outage_is_waited_for_and_what_is_older_is_let_go() -> None:
    event = closed("What?", "This.")
    with pytest.raises(Retry):
        remember(event, sessions=Away(), now=now_ms)
    late = event.closed_at + PATIENCE_MS
    assert [*remember(event, sessions=Away(), now=lambda: late)] == []
