"""How the verbs print what the topics hold."""

from __future__ import annotations

import pytest

from streams.cli.console import clock, out
from streams.cli.questions import print_trail


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
