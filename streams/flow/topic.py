"""A topic, and what a processor can say of a record beside its event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

E = TypeVar("E")
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Topic(Generic[E]):
    """A Kafka topic and the one event it carries.

    `suffix` names one of a family (`rag.generate.<tier>`) from the event. `part` tells the parts of
    one subject apart in a compacted topic, without moving them to another partition: None where
    there is one alone, empty for the first, which has the subject's own key.
    """

    name: str
    event: type[E]
    key: Callable[[E], str]
    retention_hours: int = 7 * 24
    compacted: bool = False
    edge: bool = False  # people produce to it: JSON as well as Avro
    max_bytes: int = MIB  # of one record
    suffix: Callable[[E], str] | None = None
    part: Callable[[E], str | None] | None = None
    read: Callable[[bytes | None], E] | None = None  # of a topic that others write, in their form

    def named(self, suffix: str) -> Topic[E]:
        """One topic of the family."""
        return Topic(f"{self.name}.{suffix}", self.event, self.key, self.retention_hours)


@dataclass(frozen=True, slots=True)
class To(Generic[E]):
    """An event for a topic that is named at run time, such as a question's `reply_to`."""

    topic: str
    event: E


@dataclass(frozen=True, slots=True)
class Gone(Generic[E]):
    """A tombstone: compaction forgets what stands under this key and part."""

    topic: Topic[E]
    key: str
    part: str
