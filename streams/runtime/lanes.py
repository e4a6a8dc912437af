"""A stage's lanes, by what it declares."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from dataclasses import replace

from streams.flow.stage import Stage
from streams.runtime.fair import Fair
from streams.runtime.lane import ByKey, InOrder, Lane, Report, Waiting, Works
from streams.runtime.lone import LoneLane
from streams.runtime.pace import LIVE_S, Pace
from streams.runtime.quiet import Quiet
from streams.runtime.recall import Recall
from streams.runtime.record import Record
from streams.runtime.settings import RuntimeSettings
from streams.runtime.versions import Versions


class Lanes:
    """A subscription's lanes. Not thread-safe: its loop owns it.

    `wait` is of a bulk one: it lets live records go first.
    """

    def __init__(
        self,
        stage: Stage,
        processing: Works,
        settings: RuntimeSettings,
        wait: Callable[[float], bool] | None = None,
        versions: Versions | None = None,
        quiet: Quiet | None = None,
    ) -> None:
        self.process: Works = processing
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        most = stage.max_batch or settings.max_batch
        # Whole batches are several times cheaper, but in one, each waits for the slowest.
        one, pace = stage.concurrency == 1, _pace(stage, wait, versions)
        self._waiting: Waiting = InOrder(most, pace) if one else ByKey()
        self._lone: LoneLane | None = None
        self._recall: Recall | None = None
        slow: Fair | None = None
        shared = stage.slow
        if shared is not None:
            if wait is not None:  # what a bulk lane leaves free is for live records
                shared = replace(shared, lanes=max(1, shared.lanes - 1))
            self._recall = Recall(settings, f"{settings.group_prefix}.{stage.name}")
            slow = Fair(shared, processing.metrics, self._recall)
        report = self.reports.put
        if one and wait is None and stage.store is None:  # restoring a store is never quick
            self._lone = LoneLane(processing, settings, report, most, slow, pace, quiet)
            self._lanes: list[Lane] = [self._lone]
        else:
            self._lanes = [
                Lane(processing, settings, self._waiting, report, most, slow, quiet)
                for _ in range(stage.concurrency)
            ]
        if shared is not None and slow is not None:
            self._lanes += [
                Lane(processing, settings, slow, report, most, quiet=quiet)
                for _ in range(shared.lanes)
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


def _pace(
    stage: Stage, wait: Callable[[float], bool] | None, versions: Versions | None
) -> Pace | None:
    """Where something may be bulk, no batch takes long, lest what comes meanwhile waits for it."""
    if not any(topic.bulk for topic in stage.reads):
        return None
    seconds = min(stage.batch_seconds, LIVE_S) if wait is None else stage.batch_seconds
    if versions is None or stage.supersede is None:
        return Pace(seconds, wait)
    return Pace(seconds, wait, versions.superseded)
