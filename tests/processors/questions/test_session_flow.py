"""A session through the whole topology, where any step may be lost and come again."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from processors.questions.admit import AdmitConfig
from schemas import topics
from schemas.events import QuestionAnswered, QuestionAsked, QuestionClosed
from streams.app.topology import topology
from streams.runtime.record import now_ms
from streams.runtime.testing import Driver
from tests.support.fakes import CONFIG, FakePorts

FIRST = "What is the daily limit of a Classic Debit card?"


def asked(number: int, query: str, session: str | None = "s", tenant: str = "acme"):
    return QuestionAsked(
        request_id=f"r{number}", tenant=tenant, query=query, session_id=session, deadline_ms=60_000
    )


def answers(driver: Driver) -> dict[str, QuestionAnswered]:
    return {each.request_id: each for each in driver.events(topics.RAG_ANSWERS)}


@pytest.mark.parametrize("seed", range(5))
def test_turns_are_told_once_and_in_order_whatever_is_lost_on_the_way(seed: int) -> None:
    rng = random.Random(seed)
    ports = FakePorts()
    driver = Driver(
        topology(CONFIG),
        ports.opened,
        fault=lambda stage, moment: rng.random() < 0.2,
    )
    words = ["and Premium?", "What about Youth?", "and Premium?"]
    driver.send(topics.RAG_REQUESTS, asked(0, FIRST))
    driver.run()
    for number, query in enumerate(words, 1):  # without waiting for any answer
        driver.send(topics.RAG_REQUESTS, asked(number, query))
        driver.send(topics.RAG_REQUESTS, asked(10 + number, query, session="other"))
        driver.send(topics.RAG_REQUESTS, asked(20 + number, query, tenant="umbrella"))
    driver.run()
    found = answers(driver)
    assert found["r0"].understood == ""
    for number, name in enumerate(["Premium", "Youth", "Premium"], 1):
        assert found[f"r{number}"].understood == FIRST.replace("Classic", name)
    assert all(found[f"r{at}{number}"].understood == "" for at in (1, 2) for number in (1, 2, 3))
    turns = ports.sessions.turns("acme", "s")
    assert [turn.request_id for turn in turns] == ["r0", "r1", "r2", "r3"]
    assert all(turn.status for turn in turns), "each is closed"


def test_the_event_that_closes_a_question_has_both_its_wordings() -> None:
    ports = FakePorts()
    driver = Driver(topology(CONFIG), ports.opened)
    for number, query in enumerate([FIRST, "and Premium?"]):
        driver.send(topics.RAG_REQUESTS, asked(number, query))
    driver.run()
    closed: dict[str, QuestionClosed] = {
        each.answer.request_id: each for each in driver.events(topics.RAG_CLOSED)
    }
    carried = closed["r1"].carried
    assert carried.asked == "and Premium?"
    assert carried.question.query == carried.variants[0] == closed["r1"].answer.understood
    assert "rewrite" not in {each.stage for each in driver.events(topics.RAG_DLQ)}
    assert now_ms() - ports.sessions.turns("acme", "s")[1].at < 60_000


def test_a_question_of_no_session_goes_the_short_way() -> None:
    unworded = replace(CONFIG, admit=AdmitConfig(reworded=False))
    driver = Driver(topology(unworded), FakePorts().opened)
    driver.send(topics.RAG_REQUESTS, asked(0, FIRST, session=None))
    driver.run()
    assert [*driver.events(topics.RAG_ADMITTED)] == []
    assert len([*driver.events(topics.RAG_REWRITTEN)]) == 1
