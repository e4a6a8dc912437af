"""Suspects: what was in hand when a process died, tried again record by record.

A bug that kills the process (a segmentation fault, memory that runs out) can write nothing down, so
what is about to be tried is written down before, in the metadata of the partition's committed
offset; a commit that moves the offset forgets it. A session that finds such a note has a
predecessor that got no record further. It goes through what may have been in its hands one by one,
with nothing else in work in this process, and counts each try before it begins. So only a record
whose process died three times while it was alone in work is given up: other deaths, however many,
cost nobody more than being worked on alone. An orderly end takes its note back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from streams.runtime.context import Context
from streams.runtime.faults import MOST_TRIES
from streams.runtime.in_flight import InFlight, Place, Progress, place_of
from streams.runtime.quiet import Quiet
from streams.runtime.record import Record

log = logging.getLogger("millrace.worker")

NONE_CAME_S = 5.0  # what has not come by then was in nobody's hands
MOST_PAUSE_S = 10.0

Note = Callable[[dict[Place, Progress]], bool]
"""Commits progress and nothing else; whether that went through."""
Orders = Callable[[Iterable[Place]], dict[Place, dict[int, str]]]
"""Which offsets of partitions an operator wants set aside, and why."""


class Suspects:
    """Those of one session. Its loop owns it; one record at a time is worked on in a thread."""

    def __init__(
        self,
        context: Context,
        in_flight: InFlight,
        process: Callable[[Sequence[Record]], list[Record]],
        report: Callable[[Any], None],
        note: Note,
        orders: Orders,
    ) -> None:
        self._context = context
        self._in_flight = in_flight
        self._process = process
        self._report = report
        self._note = note
        self._orders = orders
        # How many offsets behind the first undone may have been in work.
        stage, settings = context.stage, context.settings
        self._reach = settings.max_in_flight
        if stage.concurrency == 1 and stage.slow is None:
            self._reach = 2 * (stage.max_batch or settings.max_batch)
        self._quiet: Quiet = context.quiet
        self._mine = context.noted
        self._until: dict[Place, int] = {}
        self._orders_of: dict[Place, dict[int, str]] = {}
        self._queue: deque[Record] = deque()
        self._current: Record | None = None
        self._due = self._last = 0.0
        self._again: list[Record] | None = None  # what the try of the current one came to
        self._told_done = False

    @property
    def waiting(self) -> int:
        """How many records have yet to be tried."""
        return len(self._queue) - (self._current is not None)

    def begin(self, places: Sequence[Place]) -> None:
        """These partitions give their first records: note it before those are worked on."""
        fresh: dict[Place, Progress] = {}
        for place in places:
            progress = self._in_flight.progress(place)
            assert progress is not None
            if self._is_mine(place, progress):
                progress.tried -= 1  # this process noted it, and lives
            if progress.tried:
                self._until[place] = progress.position + self._reach
                log.warning(
                    "the process before ended with these in hand; they are tried one by one",
                    extra=self._told(place, progress.position) | {"tries": progress.tried - 1},
                )
            else:
                progress.tried = 1
                fresh[place] = progress
        suspicious = [place for place in places if place in self._until]
        if suspicious:
            self._last = time.monotonic()
            self._orders_of |= self._orders(suspicious)
        # Where a rebalance prevents it, another death is needed before anything is suspected.
        if fresh and self._note(fresh):
            self._remember(fresh)

    def divert(self, records: Sequence[Record]) -> Sequence[Record]:
        """Keep what is suspected; returns the others."""
        if not self._until:
            return records
        mine = [record for record in records if place_of(record) in self._until]
        self._queue.extend(mine)
        return [record for record in records if place_of(record) not in self._until]

    def step(self) -> Sequence[Record]:
        """Go on with them, without waiting; returns records that are suspected no longer."""
        if not self._until and self._current is None:
            return ()
        if self._current is not None:
            return self._ended(self._current)
        while self._queue and self._queue[0].done:  # its partition is another's
            self._queue.popleft()
        now = time.monotonic()
        if not self._queue:
            self._quiet.give(self)
            if now > self._last + NONE_CAME_S:
                self._until.clear()
        elif now >= self._due and not self._context.stopping.is_set() and self._quiet.take(self):
            self._try(self._queue[0])
        return ()

    def leave(self, places: Iterable[Place]) -> None:
        """Take back what was noted of these partitions: their session ends in order."""
        back: dict[Place, Progress] = {}
        for place in places:
            progress = self._in_flight.progress(place)
            if progress is not None and self._is_mine(place, progress):
                progress.tried -= 1
                back[place] = progress
        if back and self._note(back):
            self._remember(back)

    def let_go(self, place: Place) -> None:
        """A partition is another's."""
        self._until.pop(place, None)
        self._orders_of.pop(place, None)

    def close(self) -> None:
        self._quiet.give(self)

    def _try(self, record: Record) -> None:
        place = place_of(record)
        progress = self._in_flight.progress(place)
        assert progress is not None
        before = max(1, progress.tried)
        record.alone = before  # the first try alone makes it 2
        if before > MOST_TRIES:
            record.condemned = (
                f"the process ended {before - 1} times while {self._context.stage.name} worked on "
                "this record and nothing else"
            )
        if said := self._orders_of.get(place, {}).get(record.offset):
            record.condemned = said
        progress.tried = before + 1
        if not self._note({place: progress}):
            progress.tried = before
            self._put_off(record)
            return
        self._remember({place: progress})
        self._current, self._again, self._told_done = record, None, False
        thread = threading.Thread(target=self._run, args=(record,), name="alone", daemon=True)
        thread.start()

    def _run(self, record: Record) -> None:
        try:
            self._again = self._process([record])
            self._report(())  # wakes the loop
        except BaseException as bug:
            self._report(bug)

    def _ended(self, record: Record) -> Sequence[Record]:
        """Whether the one in work is done, and what follows from that."""
        if self._again is None:
            return ()
        if self._again and not record.done:  # a store is away: nobody's fault
            self.leave([place_of(record)])
            self._current = None
            self._put_off(record)
            return ()
        if self._in_flight.holds(record):  # the quiet lasts until it is committed
            if not self._told_done:
                self._told_done = True
                self._in_flight.done([record])
            return ()
        return self._passed(record)

    def _passed(self, record: Record) -> Sequence[Record]:
        self._quiet.give(self)
        self._queue.popleft()
        self._current, self._last = None, time.monotonic()
        place = place_of(record)
        if place not in self._until:
            return ()
        if not record.condemned and record.offset + 1 < self._until[place]:
            return ()
        log.warning("no longer suspected", extra=self._told(place, record.offset + 1))
        self._until.pop(place)
        cleared = [each for each in self._queue if place_of(each) == place]
        self._queue = deque(each for each in self._queue if place_of(each) != place)
        return cleared

    def _put_off(self, record: Record) -> None:
        record.alone = 0
        self._quiet.give(self)
        place = place_of(record)  # others first, in the order of each
        behind = [each for each in self._queue if place_of(each) == place]
        self._queue = deque([each for each in self._queue if place_of(each) != place] + behind)
        first = self._context.settings.retry_backoff_ms / 1000
        self._due = time.monotonic() + min(first * 2**record.attempts, MOST_PAUSE_S)

    def _is_mine(self, place: Place, progress: Progress) -> bool:
        noted = self._mine.get(place)
        return progress.tried > 0 and noted == (progress.position, progress.tried)

    def _remember(self, notes: dict[Place, Progress]) -> None:
        self._mine |= {place: (each.position, each.tried) for place, each in notes.items()}

    def _told(self, place: Place, offset: int) -> dict[str, object]:
        topic, partition = place
        stage = self._context.stage.name
        return {"stage": stage, "topic": topic, "partition": partition, "offset": offset}
