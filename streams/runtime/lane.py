"""A lane: a thread that processes the records which a stage has taken."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from streams.flow.outcome import Received
from streams.runtime.fair import Fair
from streams.runtime.pace import Pace
from streams.runtime.processing import Processing
from streams.runtime.quiet import Quiet
from streams.runtime.record import Record, lane_key, order_key
from streams.runtime.settings import RuntimeSettings
from streams.runtime.state import Keeper

Works = Processing | Keeper


class Waiting(Protocol):
    """Records that lanes have yet to process."""

    def put(self, records: Sequence[Record]) -> None: ...

    def take(self, timeout: float | None = None) -> list[Record]:
        """What a lane is to process next; none once it shall end, or `timeout` seconds passed."""
        ...

    def done(self, records: Sequence[Record]) -> None: ...

    def end(self) -> None:
        """Wake one lane up to end."""
        ...


class InOrder:
    """For a lone lane: records as they came, as many at once as a batch may have, by its pace."""

    def __init__(self, batch: int, pace: Pace | None = None) -> None:
        self._batch = batch
        self._pace = pace
        self._arrived: queue.SimpleQueue[Sequence[Record] | None] = queue.SimpleQueue()
        self._backlog: deque[Record] = deque()

    def put(self, records: Sequence[Record]) -> None:
        self._arrived.put(records)

    def take(self, timeout: float | None = None) -> list[Record]:
        backlog = self._backlog
        try:
            if not backlog:
                backlog.extend(self._arrived.get(timeout=timeout) or ())
            while True:  # what has arrived meanwhile joins the batch
                backlog.extend(self._arrived.get_nowait() or ())
        except queue.Empty:
            most = min(self._batch, len(backlog))
            if most and self._pace is not None:
                most = self._pace.begin(backlog, most)
            return [backlog.popleft() for _ in range(most)]

    def done(self, records: Sequence[Record]) -> None:  # noqa: ARG002
        if self._pace is not None:
            self._pace.end()

    def end(self) -> None:
        self._arrived.put(None)


class ByKey:
    """For several lanes: one key is in one lane at a time, and waits for no other key's slow call.

    Records without a key go by their partition.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[bytes, deque[Record]] = {}
        self._ready: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def put(self, records: Sequence[Record]) -> None:
        for record in records:
            key = lane_key(record)
            with self._lock:
                known = key in self._records
                self._records.setdefault(key, deque()).append(record)
            if not known:
                self._ready.put(key)

    def take(self, timeout: float | None = None) -> list[Record]:
        try:
            key = self._ready.get(timeout=timeout)
        except queue.Empty:
            return []
        if key is None:
            return []
        with self._lock:
            return [self._records[key][0]]

    def done(self, records: Sequence[Record]) -> None:
        for key in map(lane_key, records):
            with self._lock:
                waiting = self._records[key]
                waiting.popleft()
                if not waiting:
                    del self._records[key]
            if waiting:
                self._ready.put(key)

    def end(self) -> None:
        self._ready.put(None)


Report = Sequence[Record] | Record | BaseException
"""What a lane tells its loop: records that are done, one that was put aside, or a bug."""


class Lane(threading.Thread):
    """Processes waiting records, one batch after the other.

    Records that must be tried again are held aside, with what comes after them under their keys;
    other keys go on meanwhile, as far as the bound in flight lets more be taken. Slow records, and
    what comes after them under their keys, are left to the lanes of `slow`, where there are any.
    """

    def __init__(
        self,
        processing: Works,
        settings: RuntimeSettings,
        waiting: Waiting,
        report: Callable[[Report], None],
        most: int,
        slow: Fair | None = None,
        quiet: Quiet | None = None,
    ) -> None:
        super().__init__(name=f"lane-{processing.stage.name}", daemon=True)
        self._processing = processing
        self._settings = settings
        self._waiting = waiting
        self._report = report
        self._stopping = threading.Event()
        self._most = most
        self._slow = slow
        self._quiet = quiet or Quiet()
        self._aside = None if slow is None else self._put_aside
        self._left: set[int] = set()  # ids of the records in work that went to slow lanes
        self._held: list[Record] = []
        self._pause = settings.retry_backoff_ms / 1000
        self._due = 0.0  # when what is held is tried again

    def stop(self) -> None:
        """End after the record in work; what waits stays undone."""
        self._stopping.set()
        self._waiting.end()

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                if not self._held:
                    self._work(self._waiting.take())
                elif (wait := self._due - time.monotonic()) > 0:
                    self._work(self._waiting.take(wait))
                else:
                    self._try_again()
        except BaseException as bug:
            self._report(bug)
        finally:
            self._processing.metrics.held.dec(len(self._held))

    def _work(self, records: Sequence[Record]) -> None:
        if not records:
            return
        todo = [record for record in records if not record.done]  # else of a lost partition
        if self._held:
            # Records without a key are owed no order.
            blocked = {order_key(record) for record in self._held} - {None}
            self._hold([record for record in todo if order_key(record) in blocked])
            todo = [record for record in todo if order_key(record) not in blocked]
        if todo:
            self._left.clear()
            self._enter()
            try:
                again = self._processing(todo, self._aside)
            finally:
                self._leave()
            # Slow lanes tell of theirs, and one of those may be done already.
            mine = [each for each in todo if id(each) not in self._left] if self._left else todo
            if not again:
                self._report(mine)
            else:
                if not self._held:
                    self._due = time.monotonic() + self._pause * random.uniform(0.5, 1)
                self._report(self._undelayed(mine))
        self._waiting.done([record for record in records if record.done])

    def _enter(self) -> None:
        self._quiet.enter()

    def _leave(self) -> None:
        self._quiet.leave()

    def _undelayed(self, records: Sequence[Record]) -> list[Record]:
        """Those done before any of their keys has to be tried again; the others are held."""
        done: list[Record] = []
        held: list[Record] = []
        delayed: set[bytes | None] = set()
        for record in records:
            key = order_key(record)
            if not record.done or key in delayed:
                held.append(record)
                delayed.add(key)
                delayed.discard(None)
            else:
                done.append(record)
        self._hold(held)
        return done

    def _put_aside(self, record: Record, received: Received[Any]) -> bool:
        """Leave a record to the slow lanes if it is slow, or comes behind one there."""
        declared, slow = self._processing.stage.slow, self._slow
        assert declared is not None and slow is not None
        share = declared.share(received)
        if share is None and not slow.holds(record):
            return False
        self._left.add(id(record))
        self._report(record)  # first: a slow lane may be done with it in the next moment
        slow.put_for(share or "", record)
        return True

    def _hold(self, records: Sequence[Record]) -> None:
        self._held += records
        self._processing.metrics.held.inc(len(records))

    def _try_again(self) -> None:
        """Try the first record of each key; those behind have their turn once it is done."""
        held, self._held = self._held, []
        self._processing.metrics.held.dec(len(held))
        firsts: list[Record] = []
        behind: list[Record] = []
        done: list[Record] = []  # in an earlier try, when it was not their turn
        keys: set[bytes | None] = set()
        for record in held:
            key = order_key(record)
            if key in keys:
                behind.append(record)
            elif record.done:
                done.append(record)
            else:
                firsts.append(record)
                keys.add(key)
                keys.discard(None)
        self._report(done)
        for start in range(0, len(firsts), self._most):
            if self._stopping.is_set():
                return
            self._work(firsts[start : start + self._most])
        self._pause = min(self._pause * 2, self._settings.retry_backoff_max_ms / 1000)
        if len(self._held) < len(firsts):
            self._pause = self._settings.retry_backoff_ms / 1000
        self._hold(behind)
        # Jitter, so that workers that lost a store together do not return together.
        self._due = time.monotonic() + self._pause * random.uniform(0.5, 1)
