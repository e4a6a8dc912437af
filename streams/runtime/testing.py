"""The in-memory driver: a whole topology on plain lists, with faults injected.

It runs the same processing as the worker, through the same bytes, and commits as a transaction
does: a batch's outputs and its new position appear together or, under an injected fault, not at
all, and then the batch comes again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from schemas.events import DeadLettered
from streams.flow.port import Opened
from streams.flow.stage import Stage
from streams.flow.topic import Topic
from streams.runtime.codec import Codec
from streams.runtime.meters import METERS
from streams.runtime.processing import Processing
from streams.runtime.record import Output, Record, now_ms
from streams.runtime.restoring import Stretch, Tables
from streams.runtime.settings import RuntimeSettings
from streams.runtime.spans import DerivedSpans, Spans
from streams.runtime.state import Keeper
from streams.runtime.stretches import Extent, Going
from streams.runtime.table import Change
from streams.runtime.telemetry import StageMetrics
from streams.runtime.versions import Versions

E = TypeVar("E")

Fault = Callable[[str, str], bool]
"""Asked with (stage, "before" or "after" processing): True loses the batch, as a crash would."""


@dataclass(frozen=True, slots=True)
class Changelog:
    """A changelog among the driver's topics."""

    log: dict[str, list[list[Record]]]
    topic: str

    def extent(self, partition: int, going: Going) -> Extent:
        going()
        return Extent(self.topic, 0, len(self._partition(partition)))

    def read(self, partition: int, start: int, end: int, going: Going) -> Iterator[Stretch]:
        going()
        records = self._partition(partition)[start:end]
        yield Stretch([Change(r.key or b"", r.value, r.timestamp) for r in records], end)

    def _partition(self, number: int) -> list[Record]:
        partitions = self.log.get(self.topic)
        return partitions[number] if partitions else []


@dataclass
class Driver:
    """Runs stages to rest on topics held in memory."""

    stages: Sequence[Stage]
    ports: Opened = field(default_factory=lambda: Opened({}))
    partitions: int = 4
    batch: int = 10
    settings: RuntimeSettings = field(default_factory=lambda: RuntimeSettings(retry_backoff_ms=1))
    clock: Callable[[], int] = now_ms
    fault: Fault = lambda _stage, _moment: False
    spans: Spans = field(default_factory=DerivedSpans)
    codec: Codec = field(default_factory=Codec)
    log: dict[str, list[list[Record]]] = field(default_factory=dict[str, list[list[Record]]])

    def __post_init__(self) -> None:
        self._positions: dict[tuple[str, str, int], int] = {}
        self._versions = {stage.name: Versions() for stage in self.stages}
        self._processing = {
            stage.name: Processing(
                stage,
                self.ports,
                self.codec,
                self.settings,
                StageMetrics(stage.name),
                self.spans,
                self.clock,
                self._versions[stage.name],
            )
            for stage in self.stages
            if stage.store is None
        }
        self._keepers = {
            stage.name: self._kept(stage) for stage in self.stages if stage.store is not None
        }

    def _kept(self, stage: Stage) -> Keeper:
        assert stage.store is not None
        metrics = StageMetrics(stage.name)
        changelog = Changelog(self.log, stage.store.changelog.name)
        tables = Tables(stage, self.codec, metrics, changelog, clock=self.clock)
        return Keeper(
            stage, self.ports, self.codec, self.settings, metrics, self.spans, tables, self.clock
        )

    def send(
        self,
        topic: Topic[Any] | str,
        value: Any,
        *,
        key: bytes | None = b"",
        headers: Iterable[tuple[str, bytes | None]] = (),
        timestamp: int | None = None,
    ) -> Record:
        """Produce one record: an event (keyed as its topic says), or bytes as they are."""
        name = topic if isinstance(topic, str) else topic.name
        if not isinstance(value, bytes | None):
            assert not isinstance(topic, str), "an event needs its topic"
            key = topic.key(value).encode() if key == b"" else key
            value = self.codec.encode(name, value)
        return self._append(name, key, value, list(headers), key, timestamp)

    def run(self, most_rounds: int = 10_000) -> None:
        """Run until no stage has anything to read."""
        for _ in range(most_rounds):
            worked = [self._step(stage) for stage in self.stages]
            if not any(worked):
                return
        raise RuntimeError(f"the topology has not come to rest after {most_rounds} rounds")

    def events(self, topic: Topic[E]) -> list[E]:
        """All events of a topic, partition by partition, without tombstones."""
        records = self.records(topic.name)
        return [
            self.codec.decode(topic, record.value)
            for record in records
            if record.value is not None or not topic.compacted
        ]

    def records(self, topic: str) -> Iterator[Record]:
        for partition in self.log.get(topic, []):
            yield from partition

    def dead_letters(self, topic: Topic[DeadLettered]) -> list[DeadLettered]:
        return self.events(topic)

    def _step(self, stage: Stage) -> bool:
        worked = False
        for topic in sorted(stage.reads, key=lambda topic: topic.bulk):
            if topic.bulk and worked:
                break  # as a worker does: live records first
            for number, partition in enumerate(self.log.get(topic.name, [])):
                at = self._positions.get((stage.name, topic.name, number), 0)
                fresh = partition[at : at + (stage.max_batch or self.batch)]
                if fresh:
                    worked = True
                    self._transaction(stage, topic.name, number, at, fresh)
        return worked

    def _transaction(
        self, stage: Stage, topic: str, number: int, at: int, records: list[Record]
    ) -> None:
        if self.fault(stage.name, "before"):
            self._crash(stage)
            return
        copies = [
            Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers)
            for r in records
        ]
        keeper = self._keepers.get(stage.name)
        process = keeper or self._processing[stage.name]
        waiting = copies
        while waiting:
            waiting = process(waiting)
        if self.fault(stage.name, "after"):
            self._crash(stage)
            return
        for record in copies:
            METERS.committed(stage.name, record.outputs)
            for output in record.outputs:
                written = self._write(output)
                if keeper is not None and output.partition >= 0:
                    keeper.written(written.partition, written.offset + 1)
        if keeper is not None:
            keeper.settled(copies)
        self._positions[stage.name, topic, number] = at + len(records)

    def _crash(self, stage: Stage) -> None:
        """What was in memory is gone; state comes back from its changelog."""
        if keeper := self._keepers.get(stage.name):
            keeper.close()
            self._keepers[stage.name] = self._kept(stage)

    def _write(self, output: Output) -> Record:
        spread = output.key if output.spread is None else output.spread
        headers: list[tuple[str, bytes | None]] = list(output.headers)
        return self._append(
            output.topic, output.key, output.value, headers, spread, None, output.partition
        )

    def _append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes | None]],
        spread: bytes | None,
        timestamp: int | None,
        number: int = -1,
    ) -> Record:
        partitions = self.log.setdefault(topic, [[] for _ in range(self.partitions)])
        if number < 0:
            number = zlib.crc32(spread or b"") % self.partitions
        when = self.clock() if timestamp is None else timestamp
        record = Record(topic, number, len(partitions[number]), when, key, value, headers)
        partitions[number].append(record)
        for stage in self.stages:
            if any(each.name == topic for each in stage.reads):  # a worker reads ahead
                self._versions[stage.name].note([(key, headers)])
        return record
