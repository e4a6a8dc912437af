"""The tables of a store as a worker has them: restored from their changelog, rid of what is old."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from streams.flow.errors import Reject, Retry
from streams.flow.stage import Stage
from streams.flow.state import Store
from streams.runtime.codec import Codec
from streams.runtime.failpoints import Reach
from streams.runtime.record import now_ms
from streams.runtime.stretches import Extent, Going
from streams.runtime.table import Change, Table
from streams.runtime.telemetry import StageMetrics

log = logging.getLogger("millrace.worker")

HOUR_MS = 3_600_000
EXPIRED_AT_ONCE = 50  # an entry may have a megabyte


class GoneError(Exception):
    """The partition is no longer ours, or the session is over."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Committed changes in the order of the log, and the offset behind them."""

    changes: Sequence[Change]
    end: int


class Changelog(Protocol):
    """The changelog of a store."""

    def extent(self, partition: int, going: Going) -> Extent:
        """Asked once the partition is ours, so that nobody before us commits any more."""
        ...

    def read(self, partition: int, start: int, end: int, going: Going) -> Iterator[Stretch]: ...


class Tables:
    """Opens the tables of one store. `folder` is where their files are; without, they have none."""

    def __init__(
        self,
        stage: Stage,
        codec: Codec,
        metrics: StageMetrics,
        changelog: Changelog,
        folder: Path | None = None,
        clock: Callable[[], int] = now_ms,
        reach: Reach = lambda _: None,
    ) -> None:
        assert stage.store is not None
        self._store: Store[Any] = stage.store
        self._stage = stage.name
        self._codec = codec
        self._metrics = metrics
        self._changelog = changelog
        self._folder = folder
        self._clock = clock
        self._reach = reach

    def not_before(self) -> int:
        """What is older than this has expired."""
        return self._clock() - self._store.changelog.retention_hours * HOUR_MS

    def restored(self, number: int, going: Going) -> Table:
        """The table of a partition, brought up to the end of its changelog.

        Raises:
            GoneError: the partition goes first.
            BrokenTableError: the file cannot be written.
        """
        began = time.monotonic()
        extent = self._changelog.extent(number, going)
        table = Table(None if self._folder is None else self._folder / f"{number}.sqlite")
        try:
            read = self._read(table, extent, number, going)
        except BaseException:
            table.close()
            raise
        self._metrics.restored.inc(read)
        seconds = round(time.monotonic() - began, 3)
        told = {"stage": self._stage, "partition": number, "changes": read, "seconds": seconds}
        log.info("state restored", extra=told)
        return table

    def _read(self, table: Table, extent: Extent, number: int, going: Going) -> int:
        """How many changes the table lacked."""
        read, at = 0, table.position
        if at is None or table.log != extent.log or not extent.first <= at <= extent.end:
            at = extent.first
            table.begin(extent.log, at)
        self._reach("before_restore")
        for stretch in self._changelog.read(number, at, extent.end, going):
            read += len(stretch.changes)
            table.apply(map(self._unless_old, stretch.changes), stretch.end)
            self._reach("while_restoring")
        self.expire(table)
        return read

    def _unless_old(self, change: Change) -> Change:
        """What is too old is gone, though the log may hold it for some days more."""
        if change.at >= self.not_before():
            return change
        return Change(change.key, None, change.at)

    def expire(self, table: Table) -> None:
        """Remove what is too old, and tell how much of it waited for something."""
        before = self.not_before()
        while True:
            old = table.expire(before, EXPIRED_AT_ONCE)
            self._metrics.expired_state(len(old), sum(map(self._unmet, old)))
            if len(old) < EXPIRED_AT_ONCE:
                return

    def _unmet(self, value: bytes) -> int:
        try:
            return self._store.unmet(self._codec.decode(self._store.changelog, value))
        except (Reject, Retry):  # of a schema that nobody has any more
            return 0
