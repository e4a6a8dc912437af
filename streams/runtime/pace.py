"""Batches by time: as many records as take about so long, by what the last ones took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import islice

from streams.runtime.record import Record

OVERHEAD = 256  # bytes that a record weighs beside its own
GROWTH = 4  # times the last batch: what was quick may have been an exception
NEWEST = 0.3  # what the last batch counts in the estimate
HURRIED_S = 0.1  # of a bulk batch at whose beginning live records are in work
# Of a live batch, and only where so much is waiting: who comes then waits for all of that anyhow. A
# third of this costs a quarter of the throughput, since each batch is a transaction of each stage.
LIVE_S = 0.3
# A bulk lane waits for live records no longer than this many times its last batch: so it has a
# fifth of its time however much is live.
PATIENCE = 4
MOST_PATIENCE_S = 1.0


class Pace:
    """How many records a lane takes at once, from a running estimate of seconds per byte.

    So a slow or busy machine takes smaller batches, and shows progress as often as a quick one.
    `wait` is of a bulk lane: it waits until no live record is in work, or so many seconds, and
    says whether none is. What is `superseded` is hardly worked on.
    """

    def __init__(
        self,
        seconds: float,
        wait: Callable[[float], bool] | None = None,
        superseded: Callable[[Record], bool] = lambda _: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._wait = wait
        self._superseded = superseded
        self._clock = clock
        self._rate = 0.0  # seconds per byte
        self._weight = 0  # of the batch in work, or of the last one
        self._began = 0.0
        self._last = 0.0

    def begin(self, waiting: Iterable[Record], most: int) -> int:
        """How many of these to take now: one, and what fits beside it."""
        seconds = self._seconds
        if self._wait is not None and not self._wait(min(PATIENCE * self._last, MOST_PATIENCE_S)):
            seconds = min(seconds, HURRIED_S)
        room = min(seconds / self._rate, GROWTH * self._weight) if self._rate else 0.0
        count = weight = 0
        for record in islice(waiting, most):
            more = OVERHEAD if self._superseded(record) else OVERHEAD + record.size
            if count and weight + more > room:
                break
            weight += more
            count += 1
        self._weight, self._began = weight, self._clock()
        return count

    def end(self) -> None:
        """The batch that was begun is worked on; others may have been before its begin."""
        if self._began:
            self._last = self._clock() - self._began
            rate = self._last / self._weight
            self._rate += (rate - self._rate) * (NEWEST if self._rate else 1)
            self._began = 0.0
