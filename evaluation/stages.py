"""A stage's processor in this process, without Kafka: events in, events out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streams.processing import now_ms
from streams.stage import Received, Stage


def through(stage: Stage, events: Sequence[Any], offset: int = 0) -> list[Any]:
    """What the stage makes of these events, which stand in one partition from `offset` on.

    Raises:
        Reject, Retry: what the processor says of one of them.
    """
    now = now_ms()
    received = [
        Received(each, stage.reads.name, 0, at, now, b"key")
        for at, each in enumerate(events, offset)
    ]
    made: list[Any] = []
    for outcome in stage.run(received):
        if isinstance(outcome, Exception):
            raise outcome
        made += outcome
    return made
