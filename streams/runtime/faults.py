"""What a processor raises that is neither Retry nor Reject: a bug, and whose it is.

A bug that one record brings out must not end the work on the others, and one that all of them bring
out (a store that was opened wrongly, a release that is broken) must not make dead letters of them
all. So the batch is run again record by record. One that fails alone while others succeed is a dead
letter after three tries. Where none succeeds, the worker ends: its successor opens everything anew,
and `suspects` counts how often that helped nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import Message

from streams.flow.errors import Reject, Retry
from streams.flow.outcome import Outcome, Received
from streams.runtime.record import Record, now_ms

log = logging.getLogger("millrace.worker")

MOST_TRIES = 3  # of a record alone
MOST_UNPROVEN = 5  # where nothing else of the stage succeeds meanwhile


BEYOND = MOST_TRIES + 2  # "alone" of one that is not even to be read


def unreadable(message: Message, offset: int, why: str) -> Record:
    """What stands for a record of which no bytes could be had: a dead letter will say so."""
    record = Record(
        message.topic() or "", message.partition() or 0, offset, now_ms(), None, None, ()
    )
    record.condemned = f"its batch cannot be unpacked: {why}"
    record.alone = BEYOND
    return record


class Faulty(Retry):
    """A record failed alone; it is to be tried again."""


class Faults:
    """Runs a stage's processor and finds out which records it fails on. Thread-safe."""

    def __init__(self, stage: str, run: Callable[[Sequence[Received[Any]]], Sequence[Outcome]]):
        self._stage = stage
        self._run = run
        self._sound = 0  # records that the processor did not fail on

    def outcomes(
        self, owners: Sequence[Record], received: Sequence[Received[Any]]
    ) -> Sequence[Outcome]:
        """What becomes of each record.

        Raises what the processor raised, where that may be nobody's fault but its own.
        """
        try:
            outcomes = self._run(received)
        except Exception as bug:
            if len(owners) == 1:
                return [self.fault(owners[0], bug)]
            log.warning("a batch failed, and is run record by record", extra=self._told(bug))
            return [
                self.outcomes([owner], [item])[0]
                for owner, item in zip(owners, received, strict=True)
            ]
        self._sound += len(owners)
        return outcomes

    def fault(self, record: Record, bug: Exception) -> Reject | Faulty:
        """What becomes of a record that the stage failed on.

        Raises `bug` where the worker has to end.
        """
        record.faults += 1
        if record.faults == 1:
            record.sound = self._sound
            place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            log.error(
                "a bug in the stage, on one record", extra=self._told(bug) | place, exc_info=bug
            )
        said = f"a bug in {self._stage}: {type(bug).__name__}: {bug}"
        if record.alone:
            if record.alone < MOST_TRIES:
                raise bug
            return _caused(Reject(said), bug)
        proven = self._sound > record.sound
        if record.faults >= MOST_TRIES and proven:
            return _caused(Reject(said), bug)
        if record.faults >= MOST_UNPROVEN:
            raise bug
        return Faulty(said)

    def _told(self, bug: Exception) -> dict[str, object]:
        return {"stage": self._stage, "reason": f"{type(bug).__name__}: {bug}"}


def _caused(failure: Reject, bug: Exception) -> Reject:
    failure.__cause__ = bug
    return failure
