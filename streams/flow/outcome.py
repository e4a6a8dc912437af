"""What a stage receives, what becomes of it, and what is owed to somebody who waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from streams.flow.errors import Reject, Retry

I = TypeVar("I")  # noqa: E741 - input
O = TypeVar("O")  # noqa: E741 - output

Outcome = Sequence[Any] | Reject | Retry
"""What became of one record: the events it caused, or why there are none."""


class Received(NamedTuple, Generic[I]):
    """An event with its place in the log; what a stage at the edge needs and no other."""

    event: I
    topic: str
    partition: int
    offset: int
    timestamp: int  # milliseconds since the epoch
    key: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()

    @property
    def position(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Promise(Generic[I, O]):
    """What is owed to somebody who waits for an answer, however the record ends.

    `deadline` is milliseconds since the epoch; `settle` makes the answer of a record that is late
    or dead-lettered; `salvage` does so from the bytes of a record that could not be decoded.
    """

    deadline: Callable[[I], int]
    settle: Callable[[I, str, str], Iterable[O]]
    salvage: Callable[[bytes, str], Iterable[O]] | None = None
