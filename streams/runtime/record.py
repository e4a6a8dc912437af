"""A record that was consumed, with what came of it, and one that is to be written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from streams.flow.measure import Measured

Headers = list[tuple[str, bytes]]


class Output(NamedTuple):
    """A record to write. `spread` is the key that picks the partition where `key` must not.

    A change of state has the partition of the record that made it.
    """

    topic: str
    key: bytes
    value: bytes | None  # None: a tombstone
    headers: Headers
    spread: bytes | None = None
    partition: int = -1
    copy: bool = False  # for a topic of somebody who waits: what befalls it befalls nothing else
    measured: tuple[Measured, ...] = ()  # for metrics, once it is committed


@dataclass(slots=True, eq=False)
class Record:
    """A consumed record, and later what it caused."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    size: int = 0  # bytes, for the bound on what is in flight
    attempts: int = 1
    done: bool = False
    start: int = 0  # the offset behind the record before it
    aside: bool = False  # it waits for a slow lane, or is in one
    let_go: bool = False  # its value is to be read again before it is worked on
    outputs: Sequence[Output] = ()
    faults: int = 0  # how often the stage failed on it alone, by a bug
    sound: int = 0  # what the stage had done without a bug when that was first
    alone: int = 0  # the how many-th try it is on it with nothing else in work; 0: no such try
    condemned: str = ""  # why it is a dead letter without another try
    settled: tuple[Any, Any] | None = None  # its event and outcome, where only writing them fails


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def order_key(record: Record) -> bytes | None:
    """What a record is kept in order by: the key of the whole that it may be a part of.

    None where it has no key: it is owed no order.
    """
    return None if record.key is None else whole_key(record.key)


def whole_key(key: bytes) -> bytes:
    """The key of the whole that a key may be of a part of."""
    return key.partition(b"\0")[0]


def lane_key(record: Record) -> bytes:
    """What goes through one lane at a time, whichever topic it is from.

    Records without a key go by their partition.
    """
    return order_key(record) or b"%s/%d" % (record.topic.encode(), record.partition)
