"""A question in its session: what it leaves out, and what happens where that is not known."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from connectors.memory.sessions import MemorySessions
from processors.models import Completion
from processors.ports import Turn
from processors.questions import session
from processors.questions.answers import now_ms
from processors.questions.followups.understanding import AWAY, BY_RULES, LATE, UNNOTED
from processors.questions.rewrite import VariantsConfig, rewrite
from schemas.events import Carried, QuestionAdmitted
from streams.flow.errors import Retry
from tests.support.question_events import carried, question

BEFORE = now_ms() - 1000
LIMIT = "What is the daily limit of a Classic Debit card?"


@dataclass
class Model:
    """A model that says what it is told to."""

    says: str
    model: str = "small"
    asked: list[str] = field(default_factory=list[str])

    def complete(
        self, instructions: str, text: str, *, most_tokens: int, **more: object
    ) -> Completion:
        self.asked.append(text)
        if not self.says:
            raise Retry("away")
        return Completion(self.says, 10, 5)


def ask(
    sessions: MemorySessions, query: str, *, model: Model | None = None, **known: Any
) -> Carried:
    now = now_ms()
    begun = {"session_id": "s", "asked_at": now, "deadline_at": now + 30_000, "request_id": query}
    asked = replace(question(query), **(begun | known))  # type: ignore[arg-type]
    config = VariantsConfig(followup=lambda turns, query: (turns, query))
    (event,) = rewrite(
        QuestionAdmitted(carried=carried(asked, variants=[])),
        sessions=sessions,
        now=now_ms,
        generator=model,
        config=None if model is None else config,
    )
    return event.carried


def answer(sessions: MemorySessions, query: str, said: str, items: Sequence[str] = ()) -> None:
    turn = Turn(query, "", BEFORE, 0, BEFORE, query, "answered", said, tuple(items))
    sessions.note("acme", "s", turn)


def test_a_follow_up_is_spelled_out_and_says_how_it_was_asked() -> None:
    sessions = MemorySessions()
    answer(sessions, LIMIT, "600 euros.")
    made = ask(sessions, "and the Premium card?")
    spelled = "What is the daily limit of a Premium Debit card?"
    assert (made.asked, made.question.query) == ("and the Premium card?", spelled)
    assert made.variants == [spelled]
    assert made.decisions == [f"rewrite: understood as: {spelled}"]


def test_the_next_follow_up_takes_up_what_this_one_was_understood_as() -> None:
    sessions = MemorySessions()
    for query in (LIMIT, "and Premium?"):
        ask(sessions, query)
        time.sleep(0.002)  # asked one after the other
    assert ask(sessions, "and Youth?").question.query == (
        "What is the daily limit of a Youth Debit card?"
    )


def test_a_question_of_its_own_is_left_alone() -> None:
    sessions = MemorySessions()
    answer(sessions, LIMIT, "600 euros.")
    made = ask(sessions, "Which form is used for disputes with a merchant?")
    assert (made.asked, made.decisions) == ("", [])


@pytest.mark.parametrize(
    "other", [{"session_id": "t"}, {"tenant": "other"}, {"user": "eve"}, {"session_id": None}]
)
def test_nothing_is_taken_from_another_session_tenant_or_user(other: dict[str, Any]) -> None:
    sessions = MemorySessions()
    answer(sessions, LIMIT, "600 euros.")
    assert ask(sessions, "and the Premium card?", **other).asked == ""


def test_a_question_that_comes_again_sees_neither_itself_nor_what_came_after() -> None:
    sessions = MemorySessions()
    answer(sessions, LIMIT, "600 euros.")
    asked_at = now_ms()
    first = ask(sessions, "and the Premium card?", asked_at=asked_at)
    ask(sessions, "What is the rate of Harbour 90?", asked_at=asked_at + 5)
    again = ask(sessions, "and the Premium card?", asked_at=asked_at)
    assert again.question.query == first.question.query
    assert len(sessions.turns("acme", "s")) == 3


def test_one_of_a_list_is_that_item_of_the_answer() -> None:
    sessions = MemorySessions()
    answer(sessions, "Which accounts have no notice?", "Two:", ["Harbour Instant", "Acorn Youth"])
    made = ask(sessions, "What is the rate of the second one?")
    assert made.question.query == "What is the rate of Acorn Youth?"


class Slow(MemorySessions):
    """Says after some looks what was answered, as `remember` is behind."""

    looks = 0

    def turns(self, tenant: str, session: str) -> list[Turn]:
        self.looks += 1
        if self.looks == 4:
            answer(self, "Which accounts?", "Two:", ["Harbour Instant", "Acorn Youth"])
        return super().turns(tenant, session)


def under_way(sessions: MemorySessions, query: str) -> None:
    sessions.note("acme", "s", Turn(query, "", BEFORE, 0, BEFORE, query))


def test_what_needs_the_answer_waits_for_it_a_moment() -> None:
    sessions = Slow()
    under_way(sessions, "Which accounts?")
    sessions.looks = 0
    made = ask(sessions, "What is the rate of the second one?")
    assert made.degraded == []
    assert made.question.query == "What is the rate of Acorn Youth?"


def test_an_answer_that_does_not_come_is_not_waited_for_longer_than_there_is_time() -> None:
    sessions = MemorySessions()
    under_way(sessions, "Which accounts?")
    begin = time.monotonic()
    made = ask(sessions, "What is the rate of the second one?", deadline_at=now_ms() + 800)
    assert time.monotonic() - begin < 0.8
    assert (made.asked, made.degraded) == ("", [LATE])


def test_what_needs_no_answer_waits_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = MemorySessions()
    under_way(sessions, LIMIT)
    monkeypatch.setattr(session.time, "sleep", lambda _: pytest.fail("it waits"))
    assert ask(sessions, "and the Premium card?").asked


class Away(MemorySessions):
    reads = False

    def turns(self, tenant: str, session: str) -> list[Turn]:
        if self.reads:
            return super().turns(tenant, session)
        raise Retry("away")

    def note(self, tenant: str, session: str, turn: Turn) -> None:
        raise Retry("away")


def test_without_its_session_a_question_stands_for_itself_and_says_so() -> None:
    made = ask(Away(), "and the Premium card?")
    assert (made.question.query, made.asked, made.degraded) == ("and the Premium card?", "", [AWAY])
    full = Away()
    full.reads = True
    assert ask(full, LIMIT).degraded == [UNNOTED]


def test_a_model_spells_out_what_it_is_shown_the_turns_of() -> None:
    sessions, model = MemorySessions(), Model("What is the limit of a Premium Debit card?")
    answer(sessions, LIMIT, "600 euros.")
    made = ask(sessions, "and the Premium card?", model=model)
    assert made.question.query == "What is the limit of a Premium Debit card?"
    assert model.asked[0] == "and the Premium card?"
    assert [each.operation for each in made.usage] == ["followup", "rewrite"]


@pytest.mark.parametrize("says", ["", "What is the limit of 99 cards?", "x" * 700])
def test_where_a_model_fails_or_adds_figures_rules_spell_it_out(says: str) -> None:
    sessions = MemorySessions()
    answer(sessions, LIMIT, "600 euros.")
    made = ask(sessions, "and the Premium card?", model=Model(says))
    assert made.question.query == "What is the daily limit of a Premium Debit card?"
    assert BY_RULES in made.degraded


def test_a_model_is_not_asked_about_a_question_of_its_own() -> None:
    sessions, model = MemorySessions(), Model("anything")
    answer(sessions, LIMIT, "600 euros.")
    ask(sessions, "Which form is used for disputes with a merchant?", model=model)
    assert len(model.asked) == 1  # for other wordings
