"""Work in flight: lanes that process records in threads, and the prefix that may be committed."""

from __future__ import annotations

import queue
import random
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from streams.processing import Processing, Record
from streams.settings import Settings
from streams.stage import Stage

# A lane shared by several keys reports each record as it ends, so that none waits for another's
# slow call; a lone lane reports whole batches, which is several times cheaper.
_SHARED_LANE_BATCH = 1


class Lane(threading.Thread):
    """Processes the records given to it in order; one key is always in one lane."""

    def __init__(
        self,
        processing: Processing,
        settings: Settings,
        batch: int,
        report: Callable[[int | BaseException], None],
    ) -> None:
        super().__init__(name=f"lane-{processing.stage.name}", daemon=True)
        self._processing = processing
        self._settings = settings
        self._batch = batch
        self._report = report
        self._waiting: queue.SimpleQueue[Sequence[Record] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()

    def put(self, records: Sequence[Record]) -> None:
        self._waiting.put(records)

    def stop(self) -> None:
        """End after the record in work; what waits stays undone."""
        self._stopping.set()
        self._waiting.put(None)

    def run(self) -> None:
        backlog: deque[Record] = deque()
        try:
            while not self._stopping.is_set():
                if not backlog:
                    self._take(backlog, self._waiting.get())
                while True:  # what has arrived meanwhile joins the batch
                    try:
                        self._take(backlog, self._waiting.get_nowait())
                    except queue.Empty:
                        break
                if backlog:
                    size = min(self._batch, len(backlog))
                    self._work([backlog.popleft() for _ in range(size)])
        except BaseException as bug:
            self._report(bug)

    def _take(self, backlog: deque[Record], records: Sequence[Record] | None) -> None:
        if records is not None:
            backlog.extend(records)

    def _work(self, records: Sequence[Record]) -> None:
        pause = self._settings.retry_backoff_ms / 1000
        while records and not self._stopping.is_set():
            again = self._processing(records)
            self._report(len(records) - len(again))
            records = again
            if again:
                # Full jitter, so that workers that lost a store together do not return together.
                self._stopping.wait(pause * random.uniform(0.5, 1))
                pause = min(pause * 2, self._settings.retry_backoff_max_ms / 1000)


class Lanes:
    """A stage's lanes. Not thread-safe: the stage's loop owns it."""

    def __init__(self, stage: Stage, processing: Processing, settings: Settings) -> None:
        self.reports: queue.SimpleQueue[int | BaseException] = queue.SimpleQueue()
        most = stage.max_batch or settings.max_batch
        batch = most if stage.concurrency == 1 else _SHARED_LANE_BATCH
        self._lanes = [
            Lane(processing, settings, batch, self.reports.put) for _ in range(stage.concurrency)
        ]

    def start(self) -> None:
        for lane in self._lanes:
            lane.start()

    def put(self, records: Sequence[Record]) -> None:
        """Give records to the lanes of their keys (those without a key: of their partition)."""
        if len(self._lanes) == 1:
            self._lanes[0].put(records)
            return
        for record in records:
            seed = record.key if record.key is not None else b"%d" % record.partition
            self._lanes[zlib.crc32(seed) % len(self._lanes)].put([record])

    def stop(self) -> None:
        for lane in self._lanes:
            lane.stop()


@dataclass(slots=True)
class InFlight:
    """Records that are held, per partition, in offset order."""

    records: int = 0
    bytes: int = 0
    _partitions: dict[int, deque[Record]] = field(default_factory=dict[int, "deque[Record]"])

    def add(self, records: Iterable[Record]) -> None:
        for record in records:
            self._partitions.setdefault(record.partition, deque()).append(record)
            self.records += 1
            self.bytes += len(record.value or b"")

    def done_prefix(self, most: int) -> list[Record]:
        """Take what may be committed: each partition's records up to the first undone one."""
        prefix: list[Record] = []
        for waiting in self._partitions.values():
            while waiting and waiting[0].done and len(prefix) < most:
                record = waiting.popleft()
                self.bytes -= len(record.value or b"")
                prefix.append(record)
        self.records -= len(prefix)
        return prefix

    def put_back(self, prefix: Sequence[Record]) -> None:
        """Undo a `done_prefix` whose commit failed (partitions lost meanwhile stay away)."""
        for record in reversed(prefix):
            waiting = self._partitions.get(record.partition)
            if waiting is not None:
                waiting.appendleft(record)
                self.records += 1
                self.bytes += len(record.value or b"")

    def drop(self, partition: int) -> None:
        """Forget a partition that is no longer ours; whoever owns it reads its records again."""
        for record in self._partitions.pop(partition, ()):
            self.records -= 1
            self.bytes -= len(record.value or b"")
