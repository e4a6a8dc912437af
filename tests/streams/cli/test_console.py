"""How the verbs print what the topics hold."""

from __future__ import annotations

import pytest

from streams.cli.console import clock, out
from streams.cli.questions import print_answer, print_trail
from tests.support.candidates import answer, candidate


def _step(timestamp: int) -> dict[str, object]:
    return {"timestamp": timestamp, "stage": "admit", "topic": "rag.requests", "summary": "asked"}


def test_a_trail_shows_the_time_of_each_step_to_the_millisecond() -> None:
    with out.capture() as printed:
        print_trail([_step(1_700_000_000_007)])
    assert "22:13:20.007" in printed.get()


@pytest.mark.parametrize("timestamp", [1_700_000_000_000_000_000, -(2**63)])
def test_a_timestamp_that_is_no_date_is_shown_as_it_is(timestamp: int) -> None:
    assert clock(timestamp, "%H:%M:%S") == str(timestamp)
    with out.capture() as printed:
        print_trail([_step(timestamp)])
    assert "admit" in printed.get()


def test_what_an_answer_leaves_open_is_shown_with_it() -> None:
    given = candidate("A transfer costs 12 euros.", {"12 euros": 0.8})
    made = answer("What does a transfer cost? Where is the moon base of Zorblax?", given)
    with out.capture() as printed:
        print_answer(made)
    said = printed.get()
    assert "A transfer costs 12 euros." in said
    assert "not answered: Where is the moon base of Zorblax?" in said
