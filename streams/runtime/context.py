"""What a stage's session has from its worker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from streams.flow.stage import Stage
from streams.runtime.failpoints import Reach
from streams.runtime.in_flight import Place
from streams.runtime.mirroring import Mirrored
from streams.runtime.quiet import Quiet
from streams.runtime.settings import RuntimeSettings
from streams.runtime.telemetry import StageMetrics


def nobody(place: Place, offset: int) -> None:
    """Nobody else could meet it."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a session has from its worker."""

    stage: Stage
    settings: RuntimeSettings
    metrics: StageMetrics
    reach: Reach
    stopping: threading.Event
    ready: threading.Event
    holds_live: Callable[[bool], None] = lambda _: None  # told when records come in hand, and go
    quiet: Quiet = field(default_factory=Quiet)  # the process's
    mirrored: Mirrored | None = None  # the store that the stage's records make
    room: Callable[[], bool] = lambda: True  # whether it may take more records
    # Told of a record that is given up, where another copy of the store could meet it again.
    given_up: Callable[[Place, int], None] = nobody
    held: Callable[[], bool] = lambda: True  # whether what the stage works on is this process's
    # What this process has noted of partitions: the offset, and tries that began on its record.
    noted: dict[Place, tuple[int, int]] = field(default_factory=dict[Place, tuple[int, int]])
