"""Suspects: what was in hand when a process died, tried again record by record.

A bug that kills the process (a segmentation fault, memory that runs out) can write nothing down, so
what is about to be tried is noted before: see `notes`. A session that finds such a note has a
predecessor that got no record further. It goes through what may have been in its hands one by one,
with nothing else in work in this process, and counts each try before it begins. So only a record
whose process died three times while it was alone in work is given up: other deaths, however many,
cost nobody more than being worked on alone. That a kill from outside falls into three tries of one
record is made unlikely: where one has died, the next waits longer than it takes, and whoever kills
processes soon after their start hits the waiting, which counts for nothing. An orderly end takes
its note back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from streams.runtime.context import Context
from streams.runtime.faults import MOST_TRIES
from streams.runtime.in_flight import InFlight, Place, place_of
from streams.runtime.notes import Commit, Notes
from streams.runtime.orders import Orders
from streams.runtime.record import Record

log = logging.getLogger("millrace.worker")

NONE_CAME_S = 5.0  # what has not come by then was in nobody's hands
MOST_PAUSE_S = 10.0
PROBATION_S = 0.5  # how long a session lives before a record has its second try alone; then twice


class Suspects:
    """Those of one session. Its loop owns it; one record at a time is worked on in a thread."""

    def __init__(
        self,
        context: Context,
        in_flight: InFlight,
        process: Callable[[Sequence[Record]], list[Record]],
        report: Callable[[Any], None],
        commit: Commit,
        orders: Orders,
    ) -> None:
        self._stage, self._stopping = context.stage.name, context.stopping
        self._quiet, self._given_up = context.quiet, context.given_up
        self._in_flight = in_flight
        self._process = process
        self._report = report
        self._orders = orders
        self.notes = Notes(in_flight, context.noted, commit)
        # How many offsets behind the first undone may have been in work.
        stage, settings = context.stage, context.settings
        self._reach = settings.max_in_flight
        if stage.concurrency == 1 and stage.slow is None:
            self._reach = 2 * (stage.max_batch or settings.max_batch)
        self._pause_s = settings.retry_backoff_ms / 1000
        self._until: dict[Place, int] = {}
        self._probation: dict[Place, float] = {}  # when its first record may be tried
        self._aside: dict[Place, dict[int, str]] = {}
        self._queue: deque[Record] = deque()
        self._current: Record | None = None
        self._again: list[Record] | None = None  # what the try of the current one came to
        self._due = self._last = 0.0

    @property
    def waiting(self) -> int:
        """How many records have yet to be tried."""
        return len(self._queue) - (self._current is not None)

    def begin(self, places: Sequence[Place]) -> None:
        """These partitions give their first records, which are not worked on before this."""
        found = self.notes.begin(places)
        if found:
            self._last = time.monotonic()
            self._aside |= self._orders(found)
        for place in found:
            progress = self._in_flight.progress(place)
            assert progress is not None
            self._until[place] = progress.position + self._reach
            tries = self.notes.tries(place)
            if tries < MOST_TRIES:  # else it is not tried
                self._probation[place] = time.monotonic() + PROBATION_S * tries
            self._tell("a process ended with these in hand: tried one by one", place)

    def divert(self, records: Sequence[Record]) -> Sequence[Record]:
        """Keep what is suspected; returns the others."""
        if not self._until:
            return records
        self._queue.extend(record for record in records if place_of(record) in self._until)
        return [record for record in records if place_of(record) not in self._until]

    def step(self) -> Sequence[Record]:
        """Go on with them, without waiting; returns records that are suspected no longer."""
        if self._current is not None:
            return self._ended(self._current)
        if not self._until:
            return ()
        while self._queue and self._queue[0].done:  # its partition is another's
            self._queue.popleft()
        now = time.monotonic()
        if not self._queue:
            self._quiet.give(self)
            if now > self._last + NONE_CAME_S:
                self._until.clear()
        elif self._stopping.is_set():
            self._quiet.give(self)
        elif now < self._due:
            pass
        elif now < self._probation.get(place := place_of(self._queue[0]), 0.0):
            self._turn(place)
        elif self._quiet.take(self):
            self._try(self._queue[0])
        return ()

    def let_go(self, place: Place) -> None:
        """A partition is another's."""
        self._until.pop(place, None)
        self._probation.pop(place, None)

    def close(self) -> None:
        self._quiet.give(self)

    def _try(self, record: Record) -> None:
        place = place_of(record)
        tries = self.notes.tries(place)
        if tries >= MOST_TRIES:
            record.condemned = (
                f"the process ended {tries} times while {self._stage} worked on this record and "
                "nothing else"
            )
            self._given_up(place, record.offset)
        record.condemned = self._aside.get(place, {}).get(record.offset, record.condemned)
        record.alone = tries + 1
        if not self.notes.raised(place):
            self._put_off(record)
            return
        self._current, self._again = record, None
        threading.Thread(target=self._run, args=(record,), name="alone", daemon=True).start()

    def _run(self, record: Record) -> None:
        try:
            self._again = self._process([record])
            self._report([record] if record.done else ())  # also wakes the loop
        except BaseException as bug:
            self._report(bug)

    def _ended(self, record: Record) -> Sequence[Record]:
        """Whether the one in work is done, and what follows from that."""
        if self._again is None:
            return ()
        if not record.done:  # a store is away: nobody's fault
            self._current = None
            self.notes.take_back([place_of(record)])
            self._put_off(record)
            return ()
        if self._in_flight.holds(record):  # the quiet lasts until it is committed
            return ()
        self._quiet.give(self)
        self._queue.popleft()
        self._current, self._last = None, time.monotonic()
        place = place_of(record)
        over = record.condemned or record.offset + 1 >= self._until.get(place, 0)
        return self._cleared(place) if over and place in self._until else ()

    def _cleared(self, place: Place) -> Sequence[Record]:
        self._until.pop(place)
        self._tell("no longer tried one by one", place)
        mine, others = self._parted(place)
        self._queue = deque(others)
        return mine

    def _put_off(self, record: Record) -> None:
        record.alone = 0
        self._quiet.give(self)
        self._turn(place_of(record))
        self._due = time.monotonic() + min(self._pause_s * 2**record.attempts, MOST_PAUSE_S)

    def _turn(self, place: Place) -> None:
        """Other partitions first, each in its order."""
        mine, others = self._parted(place)
        self._queue = deque(others + mine)

    def _parted(self, place: Place) -> tuple[list[Record], list[Record]]:
        mine = [record for record in self._queue if place_of(record) == place]
        return mine, [record for record in self._queue if place_of(record) != place]

    def _tell(self, what: str, place: Place) -> None:
        topic, partition = place
        progress = self._in_flight.progress(place)
        offset = None if progress is None else progress.position
        told = {"stage": self._stage, "topic": topic, "partition": partition, "offset": offset}
        log.warning(what, extra=told)
