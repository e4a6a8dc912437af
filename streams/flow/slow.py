"""Slow records: who they are worked on for, and the lanes that they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from streams.flow.outcome import Received

I = TypeVar("I")  # noqa: E741 - input


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowLanes(Generic[I]):
    """Lanes of their own for a stage's slow records, so that no quick one waits for them.

    `share` says for whom a slow record is worked on, such as its tenant, and None of a quick one.
    Whoever has used the lanes least goes next, and nobody has them all. `budget_s` is the time a
    minute that a share may use before it is told of; its records then wait, and none is refused.
    """

    share: Callable[[Received[I]], str | None]
    lanes: int
    budget_s: float
