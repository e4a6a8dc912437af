"""A topic, and what a processor can say of a record beside its event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, Never, TypeVar, overload

from streams.flow.measure import Measured

E = TypeVar("E")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Diverted(Generic[E]):
    """Which events go `to` a topic of the same kind instead: its bulk one."""

    to: Topic[E]
    when: Callable[[E], bool]


@dataclass(frozen=True, slots=True)
class Topic(Generic[E]):
    """A Kafka topic and the one event it carries.

    `suffix` names one of a family (`rag.generate.<tier>`) from the event. `part` tells the parts of
    one subject apart in a compacted topic, without moving them to another partition: None where
    there is one alone, empty for the first, which has the subject's own key. Nobody waits for what
    stands in a `bulk` topic: a stage reads its other topics first. `stamp` orders what is said
    under one key: a higher one supersedes it. A compacted topic that `expires` forgets even the
    newest of a key once it is older than the retention; for `whole_hours` it keeps every record,
    for whoever waits for one. `partitions` of 0 are as many as the settings say.
    """

    name: str
    event: type[E]
    key: Callable[[E], str]
    retention_hours: int = 7 * 24
    compacted: bool = False
    expires: bool = False
    whole_hours: int = 0
    partitions: int = 0
    bulk: bool = False
    diverted: Diverted[E] | None = None
    edge: bool = False  # people produce to it: JSON as well as Avro
    max_bytes: int = MIB  # of one record
    suffix: Callable[[E], str] | None = None
    part: Callable[[E], str | None] | None = None
    read: Callable[[bytes | None], E] | None = None  # of a topic that others write, in their form
    read_avro: Callable[[Any, Any], E] | None = None  # the same, of a registered schema and a datum
    stamp: Callable[[E], tuple[int, ...]] | None = None
    measures: Callable[[E], Iterable[Measured]] | None = None  # what metrics show of an event
    sound: Callable[[E], str] | None = None  # what is wrong with an event that its schema allows

    def named(self, suffix: str) -> Topic[E]:
        """One topic of the family."""
        return Topic(f"{self.name}.{suffix}", self.event, self.key, self.retention_hours)


@dataclass(frozen=True, slots=True)
class To:
    """An event for a topic that is named at run time, such as a question's `reply_to`.

    Where that topic does not take it, nothing else is lost: what `instead` makes of the reason
    takes the place of the record's events of the same kinds.
    """

    topic: str
    event: Any
    instead: Callable[[str], Iterable[Any]] = field(default=lambda _: (), compare=False)


@dataclass(frozen=True, slots=True)
class Gone:
    """A tombstone: compaction forgets what stands under this key and part."""

    topic: Topic[Any]
    key: str
    part: str


@dataclass(frozen=True, slots=True)
class Outputs(Generic[E]):
    """Topics that a stage writes, whose events are `E`: no more and no others, says the type.

    `exactly` is there for the type checker alone: it must not widen `E` to what is written.
    """

    topics: tuple[Topic[Any], ...]
    exactly: Callable[[E], E] = lambda event: event


@dataclass(frozen=True, slots=True)
class Inputs(Generic[E]):
    """Topics that a stage reads, whose events are `E`."""

    topics: tuple[Topic[Any], ...]
    exactly: Callable[[E], E] = lambda event: event


def inputs(first: Topic[A], second: Topic[B], /) -> Inputs[A | B]:
    """Topics of two kinds that one stage reads."""
    return Inputs((first, second))


def nothing() -> Outputs[Never]:
    """What a stage writes that keeps what it read somewhere else."""
    return Outputs(())


@overload
def outputs(first: Topic[A], second: Topic[B], /) -> Outputs[A | B]: ...
@overload
def outputs(first: Topic[A], second: Topic[B], third: Topic[C], /) -> Outputs[A | B | C]: ...
@overload
def outputs(
    first: Topic[A], second: Topic[B], third: Topic[C], fourth: Topic[D], /
) -> Outputs[A | B | C | D]: ...
def outputs(*topics: Topic[Any]) -> Outputs[Any]:
    """Several topics that one stage writes, each event to its own."""
    return Outputs(topics)
