"""A lone lane that is spared its thread while it is quick."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence

from streams.runtime.fair import Fair
from streams.runtime.lane import InOrder, Lane, Report, Works
from streams.runtime.pace import Pace
from streams.runtime.quiet import Quiet
from streams.runtime.record import Record
from streams.runtime.settings import RuntimeSettings

# What is longer in work than this is left to the thread, so that the loop can go on meanwhile.
QUICK_S = 0.05


class _Counted(InOrder):
    """Knows how many records the lane has yet to finish."""

    def __init__(self, batch: int, pace: Pace | None) -> None:
        super().__init__(batch, pace)
        self._given = 0
        self._taken = 0
        self._finished = 0
        self._rests = threading.Event()

    @property
    def unfinished(self) -> int:
        return self._given - self._finished

    def finish(self, timeout: float) -> bool:
        """Wait until all are finished, so many seconds at most; whether they are."""
        return not self.unfinished or (self._rests.wait(timeout) and not self.unfinished)

    def put(self, records: Sequence[Record]) -> None:
        self._rests.clear()
        self._given += len(records)
        super().put(records)

    def take(self, timeout: float | None = None) -> list[Record]:
        self._finished = self._taken  # who asks for more has done with what it had
        if not self.unfinished:
            self._rests.set()
        taken = super().take(timeout)
        self._taken += len(taken)
        return taken


class LoneLane(Lane):
    """Processes records in the caller's thread if they will be done in a moment.

    Two threads of Python take turns at the interpreter: one that waited for the broker gets it back
    milliseconds later, twice in each transaction. Quick batches are cheaper without.
    """

    def __init__(
        self,
        processing: Works,
        settings: RuntimeSettings,
        report: Callable[[Report], None],
        most: int,
        slow: Fair | None = None,
        pace: Pace | None = None,
        quiet: Quiet | None = None,
    ) -> None:
        self._arrived = _Counted(most, pace)
        super().__init__(processing, settings, self._arrived, report, most, slow, quiet)
        self._entered = False  # by the loop's thread, which waits for nobody
        self._turn = threading.RLock()
        self._pace = math.inf  # seconds a record, by the last batch
        self.ahead = 2  # batches that it wants at once: 1 where the caller's thread works on them

    def put(self, records: Sequence[Record]) -> None:
        """Process records, or leave them to the thread. The stage's loop alone calls this."""
        arrived = self._arrived
        quick = (arrived.unfinished + len(records)) * self._pace <= QUICK_S
        self.ahead = 1 if quick and arrived.finish(QUICK_S) and self._here(records) else 2
        if self.ahead == 2:
            arrived.put(records)

    def _here(self, records: Sequence[Record]) -> bool:
        """Process them in this thread, unless the lane's own is at what it holds."""
        if not self._turn.acquire(blocking=False):
            return False
        try:
            if self._held or not self._quiet.enter(wait=False):
                return False
            self._entered = True
            for start in range(0, len(records), self._most):
                self._work(records[start : start + self._most])
            if self._held:
                self._arrived.put(())  # wakes the thread, which tries them again
            return True
        finally:
            if self._entered:
                self._entered = False
                self._quiet.leave()
            self._turn.release()

    def _work(self, records: Sequence[Record]) -> None:
        with self._turn:
            began = time.perf_counter()
            super()._work(records)
            if records:
                self._pace = (time.perf_counter() - began) / len(records)

    def _enter(self) -> None:
        if not self._entered:
            super()._enter()

    def _leave(self) -> None:
        if not self._entered:
            super()._leave()

    def _try_again(self) -> None:
        with self._turn:
            super()._try_again()
