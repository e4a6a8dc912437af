"""A store beside Kafka that is made of a stage's records, and says which of them it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from streams.flow.port import Port
from streams.flow.topic import Topic

Place = tuple[str, int]  # topic and partition


@dataclass(frozen=True, slots=True)
class Reflected:
    """How far a store reflects one partition: it holds what all records before `offset` said.

    `log` tells the topic from others of its name: its cluster and its id there. A store that is not
    `whole` may lack what had left the log before it read there.
    """

    log: str
    offset: int
    whole: bool = True


class Reflecting(Protocol):
    """What such a store says of itself. Safe to call from several threads."""

    @property
    def where(self) -> str:
        """What a message calls it: its folder, or its address."""
        ...

    def reflects(self) -> Mapping[Place, Reflected]:
        """Of each partition that it has seen; never more than what is applied."""
        ...

    def reflect(self, places: Mapping[Place, Reflected]) -> None:
        """Remember this beside what is applied; a crash may take it back, and no more than that."""
        ...


@dataclass(frozen=True, slots=True)
class Mirror:
    """That a stage's records make the store behind a port.

    Of all processes one at a time has it: the one that reads `owners`, a topic of one partition.
    What the store may lack it finds on `acknowledged`.
    """

    port: Port[Any]
    owners: Topic[Any]
    acknowledged: Topic[Any]
