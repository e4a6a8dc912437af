"""What happens to a batch of records between Kafka and Kafka, with no Kafka in it.

The worker and the in-memory driver both run this, so a test of one is a test of the other.
"""

from __future__ import annotations

import hashlib
import logging
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, cast

from schemas.events import DeadLettered, RecordHeader
from streams.flow.errors import Reject, Retry
from streams.flow.outcome import Outcome, Received
from streams.flow.port import Opened
from streams.flow.stage import Stage
from streams.flow.topic import Gone, To, Topic
from streams.runtime.codec import Codec
from streams.runtime.settings import RuntimeSettings
from streams.runtime.telemetry import Spans, StageMetrics

Headers = list[tuple[str, bytes]]
Trailing = tuple[tuple[str, bytes], ...]

# Kafka's default cap of 1 MiB counts key, headers and batch framing too. Dead letters carry the
# whole original, so their topics have a higher cap.
RECORD_LIMIT = 1024 * 1024 - 32 * 1024
LETTER_SLACK = 256 * 1024
LONGEST_ID = 256  # bytes of a propagated id; a longer one is replaced by its digest
LONGEST_REASON = 2000
QUIET_S = 10.0  # between two warnings of a stage that something is to be tried again

log = logging.getLogger("millrace.worker")


@dataclass(slots=True, eq=False)
class Record:
    """A consumed record, and later what it caused."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    size: int = 0  # bytes, for the bound on what is in flight
    attempts: int = 1
    done: bool = False
    start: int = 0  # the offset behind the record before it
    aside: bool = False  # it waits for a slow lane, or is in one
    let_go: bool = False  # its value is to be read again before it is worked on
    outputs: list[Output] = field(default_factory=list["Output"])


@dataclass(frozen=True, slots=True)
class Output:
    """A record to write. `spread` is the key that picks the partition where `key` must not."""

    topic: str
    key: bytes
    value: bytes | None  # None: a tombstone
    headers: Headers
    spread: bytes | None = None


Aside = Callable[[Record, Received[Any]], bool]
"""Whether a record was put aside, for others to process."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class _Way:
    """What is the same for all events of one kind that a stage writes."""

    __slots__ = ("headers", "seed", "timed", "topic")

    def __init__(self, stage: Stage, topic: Topic[Any]) -> None:
        self.topic = topic
        slots = getattr(topic.event, "__slots__", ())
        # Where the events keep time; None: they do not.
        self.timed: Callable[[Any], dict[str, float]] | None = None
        if "timings_ms" in slots:
            self.timed = attrgetter("timings_ms")
        elif "carried" in slots:
            self.timed = attrgetter("carried.timings_ms")
        # The ce_id of an output derives from its stage, cause and ordinal: the same whenever the
        # same input is processed again.
        self.seed = stage.name.encode() + b"|"
        self.headers = (
            ("ce_type", b"io.millrace." + topic.event.__name__.encode()),
            ("ce_specversion", b"1.0"),
            ("ce_source", b"/millrace/" + stage.name.encode()),
            ("content-type", b"application/avro"),
        )


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
    ) -> None:
        self.stage = stage
        self._run = stage.make(ports)
        self._reads = {topic.name: topic for topic in stage.reads}
        self._codec = codec
        self._attempts = settings.retry_attempts
        self.metrics = metrics
        self._spans = spans
        self._clock = clock
        self._quiet_until = 0.0
        self._ways = {
            topic.event: _Way(stage, topic) for topic in (*stage.writes, stage.dead_letters)
        }

    def __call__(self, records: Sequence[Record], aside: Aside | None = None) -> list[Record]:
        """Process records; returns those that must be tried again, in order.

        All others are done: their outputs are set. A bug in a processor is raised, and then none
        of the batch is done. What `aside` takes is left to others.
        """
        received: list[Received[Any]] = []
        owners: list[Record] = []
        results: list[tuple[Record, Any, Outcome]] = []
        promise = self.stage.promise
        for record in records:
            try:
                event = self._codec.decode(self._reads[record.topic], record.value)
            except (Reject, Retry) as failure:
                # A tombstone is about what was dealt with already.
                gone = record.value is None and self._reads[record.topic].compacted
                results.append((record, None, [] if gone else failure))
                continue
            if promise is not None and promise.deadline(event) < self._clock():
                reason = f"the deadline passed before {self.stage.name}"
                self.metrics.expired.inc()
                results.append((record, event, list(promise.settle(event, "expired", reason))))
                continue
            item = Received(
                event,
                record.topic,
                record.partition,
                record.offset,
                record.timestamp,
                record.key,
            )
            if aside is not None and aside(record, item):
                continue
            owners.append(record)
            received.append(item)
        if received:
            outcomes = self._run(received)
            for record, item, outcome in zip(owners, received, outcomes, strict=True):
                results.append((record, item.event, outcome))
        again: list[Record] = []
        finished_at = self._clock()
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(finished_at / 1000))
        stamp = f"{when}.{finished_at % 1000:03d}Z".encode()
        for record, event, outcome in results:
            if isinstance(outcome, Retry) and record.attempts < self._attempts:
                record.attempts += 1
                self.metrics.retries.inc()
                self._warn(outcome)
                again.append(record)
                continue
            try:
                self._finish(record, event, outcome, finished_at, stamp)
            except Retry as failure:  # the schema registry is away, and this topic's schema new
                self.metrics.retries.inc()
                self._warn(failure)
                again.append(record)
        if len(again) > 1:
            again.sort(key=lambda record: (record.partition, record.offset))
        return again

    def _warn(self, failure: Retry) -> None:
        """Say why records wait, but not for each of them."""
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_S
            log.warning(
                "to be tried again", extra={"stage": self.stage.name, "reason": str(failure)}
            )

    def _finish(
        self, record: Record, event: Any, outcome: Outcome, finished_at: int, stamp: bytes
    ) -> None:
        """Set the record's outputs: what the processor gave, or a dead letter."""
        verdict = "done"
        if isinstance(outcome, Reject | Retry):
            verdict = str(outcome)
            outcome = self._dead(record, event, outcome, finished_at)
        cause, correlation, parent = b"", b"", b""
        for name, value in record.headers:
            if name == "ce_id":
                cause = _bounded(value or b"")
            elif name == "correlationid":
                correlation = _bounded(value or b"")
            elif name == "traceparent":
                parent = value or b""
        if not cause:  # written by somebody who knows no CloudEvents: its place is its id
            cause = f"{record.topic}/{record.partition}/{record.offset}".encode()
        span = self._spans.begin(self.stage.name, parent, cause, record)
        trailing = (
            ("ce_time", stamp),
            ("correlationid", correlation or cause),
            ("causationid", cause),
            ("traceparent", self._spans.traceparent(span)),
        )
        elapsed = float(max(0, finished_at - record.timestamp))
        try:
            record.outputs = self._written(outcome, cause, elapsed, trailing)
        except Reject as failure:  # an output over the record limit
            verdict = str(failure)
            letters = self._dead(record, event, failure, finished_at)
            try:
                record.outputs = self._written(letters, cause, elapsed, trailing)
            except Reject:  # so is the answer that is owed: the letter alone says what happened
                record.outputs = self._written(letters[:1], cause, elapsed, trailing)
        self._spans.end(span, verdict)
        record.done = True

    def _written(
        self, items: Sequence[Any], cause: bytes, elapsed: float, trailing: Trailing
    ) -> list[Output]:
        """Events as records: topic, key, bytes and headers."""
        stage = self.stage
        outputs: list[Output] = []
        for ordinal, item in enumerate(items):
            event: Any = cast("Any", item).event if isinstance(item, To) else item
            way = self._ways.get(cast("type[Any]", type(event)))
            if way is None and isinstance(item, Gone):
                outputs.append(self._tombstone(item, cause, ordinal, trailing))
                continue
            if way is None:
                raise TypeError(f"stage {stage.name} does not write {type(event).__name__}")
            topic = way.topic
            name = topic.name
            if event is not item:
                name = cast("Any", item).topic
            elif topic.suffix is not None:
                name = f"{name}.{topic.suffix(event)}"
            if way.timed is not None:
                # The runtime keeps time, so that no processor has to: events are frozen, this map
                # is not.
                way.timed(event)[stage.name] = elapsed
            key = topic.key(event).encode()
            spread = None
            part = None if topic.part is None else topic.part(event)
            if part is not None:
                # All parts go to the partition of the whole, under keys of their own.
                spread, key = key, part_key(key, part)
            value = self._codec.encode(name, event)
            size = len(key) + len(value)
            if size > RECORD_LIMIT and topic is not stage.dead_letters:
                raise Reject(
                    f"stage {stage.name} would write {size:,} bytes to {name}, and a record "
                    f"holds {RECORD_LIMIT:,}: shorten the title and metadata"
                )
            event_id = hashlib.blake2b(way.seed + cause + b"|%d" % ordinal, digest_size=16)
            headers = [("ce_id", event_id.hexdigest().encode()), *way.headers, *trailing]
            outputs.append(Output(name, key, value, headers, spread))
        return outputs

    def _tombstone(self, gone: Gone, cause: bytes, ordinal: int, trailing: Trailing) -> Output:
        way = self._ways[gone.topic.event]
        key = gone.key.encode()
        event_id = hashlib.blake2b(way.seed + cause + b"|%d" % ordinal, digest_size=16)
        headers = [("ce_id", event_id.hexdigest().encode()), *way.headers, *trailing]
        return Output(gone.topic.name, part_key(key, gone.part), None, headers, key)

    def _dead(
        self, record: Record, event: Any, failure: Reject | Retry, finished_at: int
    ) -> list[Any]:
        """The dead letter of a record, and the answer that is owed all the same."""
        reason = (str(failure) or type(failure).__name__)[:LONGEST_REASON]
        self.metrics.dead_letters.inc()
        cause = failure.__cause__
        key, value, headers = record.key, record.value, record.headers
        room = self.stage.dead_letters.max_bytes - LETTER_SLACK
        size = len(key or b"") + len(value or b"") + sum(len(n) + len(v or b"") for n, v in headers)
        if size > room:
            digest = hashlib.blake2b(value or b"", digest_size=16).hexdigest()
            reason += f" (its {size:,} bytes are cut here; the value's blake2b-128 is {digest})"
            key, value, headers = (key or b"")[:1024], (value or b"")[: room // 2], ()
        letter = DeadLettered(
            stage=self.stage.name,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp=record.timestamp,
            key=key,
            value=value,
            headers=[RecordHeader(key=name, value=content) for name, content in headers],
            reason=reason,
            detail="".join(traceback.format_exception(cause)) if cause is not None else "",
            attempts=record.attempts,
            failed_at=finished_at,
        )
        promise = self.stage.promise
        if promise is None or (isinstance(failure, Reject) and failure.answered):
            return [letter]
        if event is not None:
            return [letter, *promise.settle(event, "failed", reason)]
        if promise.salvage is not None and record.value:
            return [letter, *promise.salvage(record.value, reason)]
        return [letter]


def part_key(key: bytes, part: str) -> bytes:
    """The key of a part of what `key` names; the first has that key itself."""
    return key + b"\0" + part.encode() if part else key


def order_key(record: Record) -> bytes | None:
    """What a record is kept in order by: the key of the whole that it may be a part of.

    None where it has no key: it is owed no order.
    """
    return None if record.key is None else record.key.partition(b"\0")[0]


def lane_key(record: Record) -> bytes:
    """What goes through one lane at a time; records without a key go by their partition."""
    return order_key(record) or b"%d" % record.partition


def _bounded(value: bytes) -> bytes:
    """An id as it came, or its digest where it is longer than any honest id."""
    if len(value) <= LONGEST_ID:
        return value
    return hashlib.blake2b(value, digest_size=16).hexdigest().encode()
