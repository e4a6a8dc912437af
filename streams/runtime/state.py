"""Keyed state while a stage works: restored, seen by its records one after the other, committed.

A partition's table holds what is committed. What records in flight have made of it waits beside it
in memory, like their other outputs: it becomes part of the table when their transaction commits,
and is forgotten with the session, or when the partition goes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.flow.outcome import Received
from streams.flow.port import Opened
from streams.flow.stage import Stage
from streams.flow.state import State, Store
from streams.runtime.codec import Codec
from streams.runtime.processing import Aside, Processing
from streams.runtime.record import Output, Record, now_ms, order_key
from streams.runtime.restoring import GoneError, Tables
from streams.runtime.settings import RuntimeSettings
from streams.runtime.spans import Spans
from streams.runtime.table import Change, Table
from streams.runtime.telemetry import StageMetrics

EXPIRY_MS = 60_000  # between two looks for entries that are too old


@dataclass(slots=True)
class _Partition:
    """A partition that is ours."""

    number: int
    table: Table | None = None  # None: not restored yet
    pending: dict[bytes, tuple[bytes | None, int]] = field(
        default_factory=dict[bytes, tuple[bytes | None, int]]
    )  # by key: the newest entry that is not committed, and how many are not
    in_use: bool = False
    gone: bool = False
    looked: int = 0  # when entries were last removed for their age


class Keeper:
    """Processes the records of a stage that has a store, in one session of its worker.

    One lane calls it; its loop says what is committed and which partitions go.
    """

    def __init__(
        self,
        stage: Stage,
        ports: Opened,
        codec: Codec,
        settings: RuntimeSettings,
        metrics: StageMetrics,
        spans: Spans,
        tables: Tables,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        assert stage.store is not None
        self.stage = stage
        self.metrics = metrics
        self.restoring = False  # its lane may be a while, and nothing can be done to help
        store: Store[Any] = stage.store
        self._topic = store.changelog
        ports = ports.beside(store.port, self._entry)
        self._processing = Processing(stage, ports, codec, settings, metrics, spans, clock)
        self._codec = codec
        self._tables = tables
        self._clock = clock
        self._lock = threading.Lock()
        self._partitions: dict[int, _Partition] = {}
        self._ends: dict[int, int] = {}
        self._current: _Partition | None = None
        self._closed = False

    def __call__(self, records: Sequence[Record], aside: Aside | None = None) -> list[Record]:  # noqa: ARG002 - no lanes for slow records where records share state
        """As `Processing`, but each record sees what those before it have made of the state.

        So one that follows another of its key, which is to be tried again, waits for that.
        """
        again: list[Record] = []
        delayed: set[bytes | None] = set()
        for record in records:
            key = order_key(record)
            if key in delayed or self._process(record):
                again.append(record)
                delayed.add(key)
                delayed.discard(None)
        return again

    def refused(self, record: Record, output: Output, why: str) -> None:
        """Nothing else can come of it: records behind it may rest on what it made of the state."""

    def written(self, partition: int, end: int) -> None:
        """A change was written to the changelog: `end` is the offset behind it."""
        self._ends[partition] = end

    def settled(self, records: Sequence[Record]) -> None:
        """The transaction of these records is committed.

        Raises:
            BrokenTableError: a table cannot be written; the changelog has what it lacks.
        """
        now = self._clock()
        changes: dict[int, list[Change]] = {}
        for output in self._changes(records):
            change = Change(output.key, output.value, now)
            changes.setdefault(output.partition, []).append(change)
        with self._lock:
            for number, made in changes.items():
                partition = self._partitions.get(number)
                if partition is None or partition.table is None:
                    continue
                partition.table.apply(made, self._ends.get(number))
                for change in made:
                    value, count = partition.pending.pop(change.key)
                    if count > 1:
                        partition.pending[change.key] = value, count - 1
                self._expire(partition, now)

    def let_go(self, number: int) -> None:
        """A partition is another's, once it is no longer in flight here."""
        with self._lock:
            partition = self._partitions.pop(number, None)
            if partition is not None:
                partition.gone = True
                self._close(partition)

    def close(self) -> None:
        """The session is over: what was not committed is forgotten."""
        with self._lock:
            self._closed = True
        for number in list(self._partitions):
            self.let_go(number)

    def _process(self, record: Record) -> bool:
        """Whether it is to be tried again. One that is no longer ours is left as it is."""
        partition = self._enter(record)
        if partition is None:
            return False
        try:
            if partition.table is None:
                self._restore(partition)
            self._current = partition
            again = self._processing([record])
            with self._lock:
                for output in self._changes([record]):
                    count = partition.pending.get(output.key, (None, 0))[1]
                    partition.pending[output.key] = output.value, count + 1
            return bool(again)
        except GoneError:
            return False
        finally:
            self._leave(partition)

    def _enter(self, record: Record) -> _Partition | None:
        with self._lock:
            if self._closed or record.done:  # done unseen: its partition went
                return None
            number = record.partition
            partition = self._partitions.setdefault(number, _Partition(number))
            partition.in_use = True
            return partition

    def _leave(self, partition: _Partition) -> None:
        with self._lock:
            partition.in_use = False
            if partition.gone:
                self._close(partition)

    def _close(self, partition: _Partition) -> None:
        if partition.table is not None and not partition.in_use:
            partition.table.close()

    def _entry(self, received: Received[Any]) -> State[Any]:
        """What the stage sees of its store, for the record in work."""
        partition = self._current
        assert partition is not None
        assert partition.table is not None
        table, key = partition.table, received.key or b""

        def load() -> Any:
            with self._lock:
                if key in partition.pending:
                    value = partition.pending[key][0]
                else:
                    value = table.get(key, self._tables.not_before())
            return None if value is None else self._codec.decode(self._topic, value)

        return State(load)

    def _changes(self, records: Sequence[Record]) -> Iterator[Output]:
        for record in records:
            for output in record.outputs:
                if output.topic == self._topic.name:
                    yield output

    def _restore(self, partition: _Partition) -> None:
        def going() -> None:
            if partition.gone:
                raise GoneError

        self.restoring = True
        try:
            partition.table = self._tables.restored(partition.number, going)
        finally:
            self.restoring = False

    def _expire(self, partition: _Partition, now: int) -> None:
        """From time to time: remove what is too old."""
        if partition.table is not None and now - partition.looked > EXPIRY_MS:
            partition.looked = now
            self._tables.expire(partition.table)
