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
from streams.runtime.processing import Processing
from streams.runtime.record import Output, Record, now_ms
from streams.runtime.settings import RuntimeSettings
from streams.runtime.telemetry import DerivedSpans, Spans, StageMetrics

E = TypeVar("E")

Fault = Callable[[str, str], bool]
"""Asked with (stage, "before" or "after" processing): True loses the batch, as a crash would."""


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
        self._processing = {
            stage.name: Processing(
                stage,
                self.ports,
                self.codec,
                self.settings,
                StageMetrics(stage.name),
                self.spans,
                self.clock,
            )
            for stage in self.stages
        }

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
            return
        copies = [
            Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers)
            for r in records
        ]
        waiting = self._processing[stage.name](copies)
        while waiting:
            waiting = self._processing[stage.name](waiting)
        if self.fault(stage.name, "after"):
            return
        for record in copies:
            for output in record.outputs:
                self._write(output)
        self._positions[stage.name, topic, number] = at + len(records)

    def _write(self, output: Output) -> None:
        spread = output.key if output.spread is None else output.spread
        headers: list[tuple[str, bytes | None]] = list(output.headers)
        self._append(output.topic, output.key, output.value, headers, spread, None)

    def _append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes | None]],
        spread: bytes | None,
        timestamp: int | None,
    ) -> Record:
        partitions = self.log.setdefault(topic, [[] for _ in range(self.partitions)])
        number = zlib.crc32(spread or b"") % self.partitions
        when = self.clock() if timestamp is None else timestamp
        record = Record(topic, number, len(partitions[number]), when, key, value, headers)
        partitions[number].append(record)
        return record
