"""What happens to a batch of records between Kafka and Kafka, with no Kafka in it.

The worker and the in-memory driver both run this, so a test of one is a test of the other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from streams.flow.errors import Reject, Retry
from streams.flow.outcome import Outcome, Received
from streams.flow.port import Opened
from streams.flow.stage import Stage
from streams.flow.state import Kept
from streams.flow.topic import Gone, To, Topic
from streams.runtime.calls import Call, noted
from streams.runtime.codec import Codec
from streams.runtime.envelope import Common, Envelope, cause_of, common, stamp_of
from streams.runtime.faults import BEYOND, Faults, Faulty
from streams.runtime.letters import dead_letter
from streams.runtime.record import Output, Record, now_ms
from streams.runtime.settings import RuntimeSettings
from streams.runtime.spans import Spans, Work
from streams.runtime.telemetry import StageMetrics
from streams.runtime.versions import Versions, written

# Kafka's default cap of 1 MiB counts key, headers and batch framing too. Dead letters carry the
# whole original, so their topics have a higher cap.
RECORD_LIMIT = 1024 * 1024 - 32 * 1024
_FAILURES = (Reject, Retry)
QUIET_S = 10.0  # between two warnings of a stage that something is to be tried again

log = logging.getLogger("millrace.worker")

Aside = Callable[[Record, Received[Any]], bool]
"""Whether a record was put aside, for others to process."""


class _Way:
    """What is the same for all events of one kind that a stage writes."""

    __slots__ = ("envelope", "timed", "topic")

    def __init__(self, stage: Stage, topic: Topic[Any]) -> None:
        self.topic = topic
        self.envelope = Envelope(stage.name, topic.event)
        slots = getattr(topic.event, "__slots__", ())
        # Where the events keep time; None: they do not.
        self.timed: Callable[[Any], dict[str, float]] | None = None
        if "timings_ms" in slots:
            self.timed = attrgetter("timings_ms")
        elif "carried" in slots:
            self.timed = attrgetter("carried.timings_ms")


class _Asked(NamedTuple):
    """Since when a record was worked on, what was asked meanwhile, and in which traces that is."""

    begun: int
    calls: Sequence[Call]
    beside: Sequence[bytes]


class Processing:
    """Runs one stage's processor over records: decode, deadline, process, encode.

    Not safe for concurrent calls on one record; different batches may run in several threads.
    """

    def __init__(
        self,
        stage: Stage,
        ports: Opened,
        codec: Codec,
        settings: RuntimeSettings,
        metrics: StageMetrics,
        spans: Spans,
        clock: Callable[[], int] = now_ms,
        versions: Versions | None = None,
    ) -> None:
        self.stage = stage
        self._versions = versions if stage.supersede is not None else None
        self._faults = Faults(stage.name, stage.make(ports))
        self._reads = {topic.name: topic for topic in stage.reads}
        self._codec = codec
        self._attempts = settings.retry_attempts
        self.metrics = metrics
        self._spans = spans
        self._clock = clock
        self._quiet_until = 0.0
        self._groups = {
            topic.name: f"{settings.group_prefix}.{each.group}"
            for each in stage.subscriptions
            for topic in each.topics
        }
        # Of topics with one event the first counts: it knows where it diverts events to.
        written = (*stage.writes, stage.dead_letters)
        self._ways: dict[type, _Way] = {
            topic.event: _Way(stage, topic) for topic in reversed(written)
        }
        if stage.store is not None:
            self._ways[Kept] = _Way(stage, stage.store.changelog)

    def __call__(self, records: Sequence[Record], aside: Aside | None = None) -> list[Record]:
        """Process records; returns those that must be tried again, in order.

        All others are done: their outputs are set. A bug that ends the worker is raised, and then
        none of the batch is done. What `aside` takes is left to others.
        """
        begun = time.time_ns()
        owners: list[Record] = []
        received: list[Received[Any]] = []
        results: list[tuple[Record, Any, Outcome]] = []
        asked: dict[int, _Asked] = {}  # by the id of the record
        for record in records:
            if record.settled is not None:  # a registry was away: the processor has done its part
                results.append((record, *record.settled))
                continue
            try:
                found = self._looked_at(record)
                if isinstance(found, Received):
                    if aside is None or not aside(record, found):
                        owners.append(record)
                        received.append(found)
                else:
                    results.append((record, *found))
            except Exception as bug:
                results.append((record, None, self._faults.fault(record, bug)))
        if received:
            outcomes = self._outcomes(owners, received, asked)
            events = [item.event for item in received]
            results += zip(owners, events, outcomes, strict=True)
        moment = self._clock()
        stamp = stamp_of(moment)
        again: list[Record] = []
        for record, event, outcome in results:
            if isinstance(outcome, Retry) and (
                record.attempts < self._attempts or isinstance(outcome, Faulty)
            ):
                record.attempts += 1
                self._put_off(outcome)
                again.append(record)
                continue
            try:
                work = self._work(record, begun, asked.get(id(record)))
                self._finish(record, event, outcome, moment, stamp, work)
            except Retry as failure:  # the schema registry is away, and this topic's schema new
                record.settled = event, outcome
                self._put_off(failure)
                again.append(record)
        if len(again) > 1:
            again.sort(key=lambda record: (record.topic, record.partition, record.offset))
        return again

    def _outcomes(
        self,
        owners: Sequence[Record],
        received: Sequence[Received[Any]],
        asked: dict[int, _Asked],
    ) -> Sequence[Outcome]:
        """What becomes of each; notes what was asked for each, where anybody is told of spans."""
        if not self._spans.told:
            return self._faults.outcomes(owners, received)
        if self.stage.whole_batch:
            begun = time.time_ns()
            with noted() as calls:
                outcomes = self._faults.outcomes(owners, received)
            beside = [cause_of(owner)[2] for owner in owners] if len(owners) > 1 else []
            asked.update((id(owner), _Asked(begun, calls, beside)) for owner in owners)
            return outcomes
        each: list[Outcome] = []
        for owner, item in zip(owners, received, strict=True):
            begun = time.time_ns()
            with noted() as calls:
                each += self._faults.outcomes([owner], [item])
            asked[id(owner)] = _Asked(begun, calls, ())
        return each

    def _work(self, record: Record, begun: int, asked: _Asked | None) -> Work:
        group = self._groups[record.topic]
        return Work(group, begun) if asked is None else Work(group, *asked)

    def _looked_at(self, record: Record) -> Received[Any] | tuple[Any, Outcome]:
        """A record as the processor takes it; or its event and outcome, where it need not."""
        topic, promise = self._reads[record.topic], self.stage.promise
        if record.condemned and record.alone >= BEYOND:  # even to read it was too much
            return None, Reject(record.condemned, answered=True)
        try:
            event = self._codec.decode(topic, record.value)
        except (Reject, Retry) as failure:
            # A tombstone is about what was dealt with already.
            return None, ([] if record.value is None and topic.compacted else failure)
        if record.condemned:
            return event, Reject(record.condemned)
        if promise is not None and promise.deadline(event) < self._clock():
            reason = f"the deadline passed before {self.stage.name}"
            self.metrics.expired.inc()
            return event, list(promise.settle(event, "expired", reason))
        if self._versions is not None and self._versions.superseded(record):
            assert self.stage.supersede is not None
            self.metrics.superseded.inc()
            return event, list(self.stage.supersede(event))
        place = (record.topic, record.partition, record.offset, record.timestamp, record.key)
        return Received(event, *place, record.headers)

    def _finish(
        self,
        record: Record,
        event: Any,
        outcome: Outcome,
        moment: int,
        stamp: bytes,
        work: Work,
    ) -> None:
        """Set the record's outputs: what the processor gave, or a dead letter."""
        verdict, letters = "done", isinstance(outcome, _FAILURES)
        if isinstance(outcome, _FAILURES):
            verdict = str(outcome)
            outcome = self._dead(record, event, outcome, moment)
        cause, correlation, parent = cause_of(record)
        span = self._spans.begin(self.stage.name, parent, cause, record, work)
        shared = common(stamp, cause, correlation, self._spans.traceparent(span))
        elapsed = max(0, moment - record.timestamp)
        try:
            record.outputs = self._written(outcome, cause, elapsed, shared)
        except Retry:
            raise
        except Exception as bug:  # an output over the record limit, or that no schema can hold
            failure = bug if isinstance(bug, Reject) else self._unwritable(bug)
            verdict = str(failure)
            if not letters:
                outcome = self._dead(record, event, failure, moment)
            try:
                record.outputs = self._written(outcome, cause, elapsed, shared)
            except Retry:
                raise
            except Exception:  # nor can the answer that is owed: the letter alone says it
                record.outputs = self._written(outcome[:1], cause, elapsed, shared)
        # Where a copy is among several events, something else may have to come of it.
        copies = len(outcome) > 1 and any(item.__class__ is To for item in outcome)
        record.settled = (event, outcome) if copies else None
        self._spans.end(span, verdict, event, outcome)
        record.done = True

    def _unwritable(self, bug: Exception) -> Reject:
        failure = Reject(f"what {self.stage.name} made of it cannot be written: {bug}")
        failure.__cause__ = bug
        return failure

    def refused(self, record: Record, output: Output, why: str) -> None:
        """A topic does not take an output of a record that is done: make something else of it."""
        moment = self._clock()
        work = self._work(record, time.time_ns(), None)
        event, outcome = record.settled or (None, ())
        copy = next((item for item in outcome if _is_copy(item, output)), None)
        if copy is not None:
            instead = [*copy.instead(f"{output.topic} does not take a copy: {why}")]
            kinds: set[type] = {item.__class__ for item in instead}
            others = [item for item in outcome if item is not copy]
            kept = [item for item in others if item.__class__ not in kinds]
            self._finish(record, event, [*kept, *instead], moment, stamp_of(moment), work)
            return
        said = f"{output.topic} does not take what {self.stage.name} made of it: {why}"
        try:
            event = self._codec.decode(self._reads[record.topic], record.value)
        except (Reject, Retry):
            event = None
        self._finish(record, event, Reject(said), moment, stamp_of(moment), work)

    def _dead(self, record: Record, event: Any, failure: Reject | Retry, moment: int) -> list[Any]:
        self.metrics.dead_letters.inc()
        return dead_letter(self.stage, record, event, failure, moment)

    def _put_off(self, failure: Retry) -> None:
        """Count a try that failed, and say why records wait, but not for each of them."""
        self.metrics.retries.inc()
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_S
            log.warning(
                "to be tried again", extra={"stage": self.stage.name, "reason": str(failure)}
            )

    def _written(
        self, items: Sequence[Any], cause: bytes, elapsed: int, shared: Common
    ) -> list[Output]:
        """Events as records: topic, key, bytes and headers."""
        outputs: list[Output] = []
        for ordinal, item in enumerate(items):
            kind: type = item.__class__
            if kind is Gone:
                outputs.append(self._tombstone(item, cause, ordinal, shared))
                continue
            if kind is Kept:
                outputs.append(self._kept(item, cause, ordinal, shared))
                continue
            event: Any = item
            if kind is To:
                event = item.event
                kind = event.__class__
            way = self._ways.get(kind)
            if way is None:
                raise TypeError(f"stage {self.stage.name} does not write {kind.__name__}")
            topic = way.topic
            if topic.diverted is not None and topic.diverted.when(event):
                topic = topic.diverted.to
            name = topic.name
            if event is not item:
                name = item.topic
            elif topic.suffix is not None:
                name = f"{name}.{topic.suffix(event)}"
            if way.timed is not None:
                # The runtime keeps time, so that no processor has to: events are frozen, this map
                # is not.
                way.timed(event)[self.stage.name] = float(elapsed)
            key, spread = topic.key(event).encode(), None
            if topic.part is not None and (part := topic.part(event)) is not None:
                # All parts go to the partition of the whole, under keys of their own.
                key, spread = part_key(key, part), key
            value = self._codec.encode(name, event)
            size = len(key) + len(value)
            if size > RECORD_LIMIT and topic is not self.stage.dead_letters:
                raise self._too_large(name, size)
            headers = way.envelope.headers(cause, ordinal, shared)
            if topic.stamp is not None:
                headers.append(written(topic.stamp(event)))
            measured = () if topic.measures is None else tuple(topic.measures(event))
            outputs.append(
                Output(name, key, value, headers, spread, measured=measured, copy=event is not item)
            )
        return outputs

    def _kept(self, kept: Kept, cause: bytes, ordinal: int, shared: Common) -> Output:
        """A change of state, as a record of its changelog."""
        way, key = self._ways[Kept], kept.key
        name = way.topic.name
        value = None if kept.value is None else self._codec.encode(name, kept.value)
        size = len(key) + len(value or b"")
        if size > RECORD_LIMIT:
            raise self._too_large(name, size)
        headers = way.envelope.headers(cause, ordinal, shared)
        return Output(name, key, value, headers, partition=kept.partition)

    def _too_large(self, topic: str, size: int) -> Reject:
        return Reject(
            f"stage {self.stage.name} would write {size:,} bytes to {topic}, and a record holds "
            f"{RECORD_LIMIT:,}: shorten the title and metadata"
        )

    def _tombstone(self, gone: Gone, cause: bytes, ordinal: int, shared: Common) -> Output:
        key = gone.key.encode()
        headers = self._ways[gone.topic.event].envelope.headers(cause, ordinal, shared)
        return Output(gone.topic.name, part_key(key, gone.part), None, headers, key)


def _is_copy(item: Any, output: Output) -> bool:
    return item.__class__ is To and item.topic == output.topic


def part_key(key: bytes, part: str) -> bytes:
    """The key of a part of what `key` names; the first has that key itself."""
    return key + b"\0" + part.encode() if part else key
