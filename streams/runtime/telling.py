"""What a session tells of itself: to the metrics, to bulk lanes, to whoever reads ahead."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from confluent_kafka import Consumer, TopicPartition

from streams.runtime.ahead import ReadAhead
from streams.runtime.context import Context
from streams.runtime.in_flight import InFlight, Place, place_of
from streams.runtime.meters import METERS, trace_of
from streams.runtime.record import Record, now_ms

TELL_S = 1.0
LOOK_AHEAD_S = 0.1


class Telling:
    """Tells how one session of a stage stands. Its loop owns it."""

    def __init__(self, context: Context, consumer: Consumer, ahead: ReadAhead | None) -> None:
        self._stage = context.stage.name
        self._metrics = context.metrics
        self._consumer = consumer
        self._ahead = ahead
        self._holds_live = context.holds_live
        self._holds = False
        self._told = 0.0

    def in_hand(self, records: int) -> None:
        """So many records are taken and not committed."""
        if (records > 0) != self._holds:
            self._holds = records > 0
            self._holds_live(self._holds)

    def committed(self, records: Sequence[Record], in_flight: InFlight) -> None:
        """These were committed, and what is left is in flight."""
        metrics = self._metrics
        now = now_ms()
        metrics.records.inc(len(records))
        metrics.outputs.inc(sum(len(record.outputs) for record in records))
        for record in records:
            METERS.committed(self._stage, record.outputs)
        metrics.batch.observe(len(records))
        metrics.in_flight.set(in_flight.records + in_flight.aside)
        # One observation a partition and commit, of its oldest record: a bound on all of them.
        oldest: dict[Place, Record] = {}
        for record in records:
            oldest.setdefault(place_of(record), record)
        for record in oldest.values():
            trace = trace_of(record.outputs[0]) if record.outputs else ""
            metrics.took(max(0, now - record.timestamp) / 1000, trace)

    def lag(self, owned: Iterable[Place]) -> None:
        """How far these partitions are taken, now and then."""
        now = time.monotonic()
        if now - self._told < (TELL_S if self._ahead is None else LOOK_AHEAD_S):
            return
        self._told = now
        places = [TopicPartition(*place) for place in owned]
        stands: dict[Place, tuple[int, int]] = {}
        for place in self._consumer.position(places) if places else ():
            _, high = self._consumer.get_watermark_offsets(place, cached=True)
            if high >= 0 and place.offset >= 0:  # else nothing has come from it yet
                stands[place.topic, place.partition] = place.offset, high
                self._metrics.lag(place.topic, place.partition, max(0, high - place.offset))
        if self._ahead is not None:
            self._ahead.look(stands)
