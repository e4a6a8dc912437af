"""A stage's lanes: as many as it wants to work on records at once, and those for its slow ones."""

from __future__ import annotations

import queue
from collections.abc import Sequence

from streams.flow.stage import Stage
from streams.runtime.fair import Fair
from streams.runtime.lane import ByKey, InOrder, Lane, Report, Waiting, Works
from streams.runtime.lone import LoneLane
from streams.runtime.recall import Recall
from streams.runtime.record import Record
from streams.runtime.settings import RuntimeSettings


class Lanes:
    """A stage's lanes. Not thread-safe: the stage's loop owns it."""

    def __init__(self, stage: Stage, processing: Works, settings: RuntimeSettings) -> None:
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        most = stage.max_batch or settings.max_batch
        # Whole batches are several times cheaper, but in one, each waits for the slowest.
        self._waiting: Waiting = InOrder(most) if stage.concurrency == 1 else ByKey()
        self._lone: LoneLane | None = None
        self._recall: Recall | None = None
        slow: Fair | None = None
        if stage.slow is not None:
            self._recall = Recall(settings, f"{settings.group_prefix}.{stage.name}")
            slow = Fair(stage.slow, processing.metrics, self._recall)
        report = self.reports.put
        if stage.concurrency == 1 and stage.store is None:  # restoring a store is never quick
            self._lone = LoneLane(processing, settings, report, most, slow)
            self._lanes: list[Lane] = [self._lone]
        else:
            self._lanes = [
                Lane(processing, settings, self._waiting, report, most, slow)
                for _ in range(stage.concurrency)
            ]
        if stage.slow is not None and slow is not None:
            self._lanes += [
                Lane(processing, settings, slow, report, most) for _ in range(stage.slow.lanes)
            ]

    def start(self) -> None:
        for lane in self._lanes:
            lane.start()

    @property
    def ahead(self) -> int:
        """How many batches they want at once: one to work on while another is committed."""
        return 2 if self._lone is None else self._lone.ahead

    def put(self, records: Sequence[Record]) -> None:
        """Give records to the lanes."""
        if self._lone is None:
            self._waiting.put(records)
        else:
            self._lone.put(records)

    def stop(self) -> None:
        for lane in self._lanes:
            lane.stop()
        if self._recall is not None:
            self._recall.close()
