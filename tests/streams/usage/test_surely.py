"""A record of usage is counted or a dead letter, whatever is raised."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from schemas.events import DeadLettered
from streams.flow.errors import Reject, Retry
from streams.runtime.record import Record

pytest.importorskip("faust", reason="`usage` is an extra")

from streams.usage.surely import MOST_TRIES, surely

RECORD = Record("rag.usage", 3, 41, 7, b"acme", b"value", [("ce_id", b"u1")])


class Trial:
    """A record worked on until it is done; each try raises what is next, then nothing."""

    def __init__(self, *raised: Exception, aside: int = 0) -> None:
        self.raised, self.refused = [*raised], aside
        self.tries = 0
        self.letters: list[DeadLettered] = []
        self.paused: list[float] = []

    async def work(self, record: Record) -> None:
        assert record is RECORD
        self.tries += 1
        if self.raised:
            raise self.raised.pop(0)

    async def aside(self, letter: DeadLettered) -> None:
        if self.refused:
            self.refused -= 1
            raise OSError("the broker is away")
        self.letters.append(letter)

    async def pause(self, seconds: float) -> None:
        self.paused.append(seconds)

    def run(self) -> Trial:
        asyncio.run(surely(RECORD, self.work, self.aside, self.pause))
        return self


def test_what_passes_is_tried_until_it_has_passed_and_counts_once() -> None:
    found = Trial(*[Retry("the registry is away")] * 12, OSError("a socket")).run()
    assert (found.tries, found.letters) == (14, [])
    assert found.paused[:3] == [0.5, 1.0, 2.0] and max(found.paused) == 10.0


def test_a_bug_is_tried_a_few_times_and_then_a_dead_letter_that_can_be_replayed() -> None:
    found = Trial(*[ValueError("year 146138514283 is out of range")] * 99).run()
    assert found.tries == MOST_TRIES
    (letter,) = found.letters
    assert (letter.stage, letter.topic, letter.partition, letter.offset) == (
        "usage", "rag.usage", 3, 41,
    )  # fmt: skip
    assert (letter.key, letter.value, letter.attempts) == (b"acme", b"value", MOST_TRIES)
    assert letter.reason.startswith("a bug in usage: ValueError: year 1461")
    assert "Traceback" in letter.detail


def test_a_bug_that_does_not_come_again_costs_nothing() -> None:
    assert Trial(KeyError("once")).run().letters == []


def test_what_is_no_record_is_a_dead_letter_at_once() -> None:
    found = Trial(Reject("neither a JSON object nor Avro")).run()
    assert found.tries == 1 and found.letters[0].reason == "neither a JSON object nor Avro"


def test_a_dead_letter_is_written_however_often_that_fails() -> None:
    found = Trial(Reject("no"), aside=5).run()
    assert len(found.letters) == 1 and len(found.paused) == 5


@pytest.mark.parametrize("failing", [lambda: Retry("away"), lambda: ValueError("a bug")])
def test_what_is_cancelled_in_between_is_neither_done_nor_a_letter(
    failing: Callable[[], Exception],
) -> None:
    trial = Trial(*[failing() for _ in range(9)])

    async def stopped() -> None:
        task = asyncio.create_task(surely(RECORD, trial.work, trial.aside))
        while not trial.tries:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(stopped())
    assert (trial.tries, trial.letters) == (1, [])
