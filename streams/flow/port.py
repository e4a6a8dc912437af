"""A port: what a stage needs of the outside, by name and type; opened before its first record."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Port(Generic[T]):
    """The name of something outside; `T` is the protocol it is spoken to by."""

    name: str


class Opened:
    """The ports of a process, open."""

    def __init__(self, ports: Mapping[str, Any]) -> None:
        self._ports = ports

    def __getitem__(self, port: Port[T]) -> T:
        """What stands behind a port that the stage's `needs` name.

        Raises:
            KeyError: they do not name it.
        """
        return cast("T", self._ports[port.name])

    def beside(self, port: Port[T], value: T) -> Opened:
        """These ports and one more."""
        return Opened({**self._ports, port.name: value})


Watch = Callable[[str, bool], None]
"""Told the name of a service and whether it is away, at first and with every change."""


def unwatched(name: str, away: bool) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What an opener has beside its settings; `stack` closes what it opens."""

    data: Path  # the folder of all that is kept on this machine
    stack: ExitStack
    watch: Watch = unwatched
    policies: Path = Path("policies")  # the folder of what a person approves
    shipped: bool = False  # whether that is the release's own
    weights_key: Path | None = None  # the public key by which weights must be signed
    _made: dict[Hashable, Any] = field(default_factory=dict[Hashable, Any])

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What several ports share: made by the first of them."""
        if key not in self._made:
            self._made[key] = make()
        return cast("T", self._made[key])
