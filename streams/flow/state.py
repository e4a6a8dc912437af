"""State: what a stage keeps by key, in a table whose changelog is a topic.

A table is divided as its stage's inputs are. What a record changes in it is an output like others:
it is written in the record's own transaction, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from streams.flow.outcome import Received
from streams.flow.port import Port
from streams.flow.topic import Topic

S = TypeVar("S")


class State(Generic[S]):
    """The entry under the key of the record in work.

    There is no way to another key's: only what has one key is worked on and committed in order.
    """

    __slots__ = ("_load", "_loaded", "_value", "changed")

    def __init__(self, load: Callable[[], S | None] = lambda: None) -> None:
        self._load = load
        self._loaded = False
        self._value: S | None = None
        self.changed = False

    def get(self) -> S | None:
        """What is kept; None where nothing is, or where it was kept for longer than it may be."""
        if not self._loaded:
            self._value, self._loaded = self._load(), True
        return self._value

    def put(self, value: S) -> None:
        self._set(value)

    def delete(self) -> None:
        self._set(None)

    def _set(self, value: S | None) -> None:
        self._value, self._loaded, self.changed = value, True, True


@dataclass(frozen=True, slots=True)
class Store(Generic[S]):
    """A table of one stage.

    Its changelog has as many partitions as the stage's inputs and holds the newest entry of each
    key, until that is older than the topic's retention; then it is gone from the table too.
    `unmet` says how much still waited for something in an entry that went so.
    """

    name: str
    changelog: Topic[S]
    unmet: Callable[[S], int] = lambda _: 0

    @property
    def port(self) -> Port[Callable[[Received[Any]], State[S]]]:
        """Where the runtime hands the stage the entry that belongs to a record."""
        return Port(f"store.{self.name}")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a record made of the entry under its key; None: it is gone."""

    store: Store[Any]
    key: bytes
    partition: int
    value: Any
