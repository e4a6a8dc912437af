"""A span for each record that a stage works on, in the trace that the record came with.

Names and attributes are OpenTelemetry's, of its conventions for messaging and for generative AI;
what these have no name for begins with `millrace.`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from schemas.events import ModelUsage
from schemas.traced import Told, cost_of, operation_of, traced
from streams.flow.masking import masked
from streams.runtime.calls import Call

TRACEPARENT_BYTES = 55
HERE = "millrace"  # whose models run in the worker itself
BESIDE = 32  # records of a batch that a span links to
CLOSING_S = 2.0  # that a worker's end may wait for a collector
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Place(Protocol):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Work:
    """How a record was worked on: for which group, since when, and what was asked meanwhile.

    `beside` are the traceparents of the records that were worked on in one step with it.
    """

    group: str
    begun: int  # nanoseconds since the epoch
    calls: Sequence[Call] = ()
    beside: Sequence[bytes] = ()


class Spans(Protocol):
    """Gives each record a span in the trace it came with."""

    @property
    def told(self) -> bool:
        """Whether anybody is told of them: else calls need not be noted."""
        ...

    def begin(self, stage: str, parent: bytes, cause: bytes, place: Place, work: Work) -> Any:
        """A span of `stage` under the traceparent `parent` (empty: a new trace)."""
        ...

    def traceparent(self, span: Any) -> bytes: ...

    def end(self, span: Any, outcome: str, before: Any, events: Sequence[Any]) -> None:
        """The record's event was `before`, and `events` came of it."""
        ...


class DerivedSpans:
    """Propagates trace context without exporting: ids follow from the record's own id.

    So a question has one trace id across all stages even where nobody collects spans, and a replay
    gives the same ids.
    """

    told = False

    def __init__(self) -> None:
        self._seeds: dict[str, blake2b] = {}  # by stage

    def begin(
        self,
        stage: str,
        parent: bytes,
        cause: bytes,
        place: Place,  # noqa: ARG002
        work: Work,  # noqa: ARG002
    ) -> tuple[str, bytes, bytes]:
        return stage, parent, cause

    def traceparent(self, span: tuple[str, bytes, bytes]) -> bytes:
        stage, parent, cause = span
        seed = self._seeds.get(stage)
        if seed is None:
            seed = self._seeds[stage] = blake2b(stage.encode() + b"#", digest_size=24)
        made = seed.copy()
        made.update(cause)
        digest = made.hexdigest().encode()
        trace_id = parent[3:35] if _TRACEPARENT.fullmatch(parent) else digest[16:]
        return b"00-%b-%b-01" % (trace_id, digest[:16])

    def end(
        self, span: tuple[str, bytes, bytes], outcome: str, before: Any, events: Sequence[Any]
    ) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Open:
    span: trace.Span
    work: Work


class ExportedSpans:
    """OpenTelemetry spans to an exporter: one trace per question and per document change.

    A record's span ends before its transaction: one of a batch that was aborted comes twice.
    """

    told = True

    def __init__(self, exporter: SpanExporter, service: str) -> None:
        self._exporter = exporter
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("millrace")
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, stage: str, parent: bytes, cause: bytes, place: Place, work: Work) -> _Open:
        span = self._tracer.start_span(
            f"process {place.topic}",
            context=self._context(parent) if parent else None,
            kind=trace.SpanKind.CONSUMER,
            start_time=work.begun,
            links=[*self._links(parent, work.beside)],
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.name": place.topic,
                "messaging.destination.partition.id": str(place.partition),
                "messaging.kafka.offset": place.offset,
                "messaging.consumer.group.name": work.group,
                "messaging.message.id": cause.decode("utf-8", "replace"),
                "millrace.stage": stage,
                "millrace.waited_ms": max(0, work.begun // 1_000_000 - place.timestamp),
            },
        )
        return _Open(span, work)

    def _context(self, parent: bytes) -> Any:
        return self._propagator.extract({"traceparent": parent.decode("ascii", "replace")})

    def _links(self, parent: bytes, beside: Sequence[bytes]) -> Iterator[trace.Link]:
        """To what caused the others of a batch: whose calls these are too."""
        others = [each for each in dict.fromkeys(beside) if each and each != parent]
        for each in others[:BESIDE]:
            context = trace.get_current_span(self._context(each)).get_span_context()
            if context.is_valid:
                yield trace.Link(context)

    def traceparent(self, span: _Open) -> bytes:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, trace.set_span_in_context(span.span))
        return carrier.get("traceparent", "").encode()

    def end(self, span: _Open, outcome: str, before: Any, events: Sequence[Any]) -> None:
        said, open_span = traced(before, events), span.span
        _tell(open_span, said.attributes)
        if beside := len(span.work.beside):
            open_span.set_attribute("millrace.batch.size", beside)
        open_span.set_attribute("millrace.outcome", masked(_text(outcome)))
        if outcome not in ("done", "expired"):
            open_span.set_attribute("error.type", "dead_letter")
            open_span.set_status(trace.StatusCode.ERROR, masked(_text(outcome)))
        elif said.attributes.get("millrace.status") in ("failed", "expired"):
            open_span.set_attribute("error.type", str(said.attributes["millrace.status"]))
            open_span.set_status(trace.StatusCode.ERROR)
        usage = [*said.usage]
        for call in span.work.calls:
            self._called(open_span, call, _used(call, usage), said.found.get(call.target, ""))
        open_span.end()

    def _called(self, parent: trace.Span, call: Call, used: ModelUsage | None, found: str) -> None:
        """A call's own span, below the record's: in each of a batch, with what that one used."""
        span = self._tracer.start_span(
            f"{call.operation} {call.target}",
            context=trace.set_span_in_context(parent),
            kind=trace.SpanKind.INTERNAL if call.provider == HERE else trace.SpanKind.CLIENT,
            start_time=call.begun,
            attributes={"gen_ai.operation.name": call.operation},
        )
        if call.provider:
            span.set_attribute("gen_ai.provider.name", call.provider)
        if call.operation == "retrieval":
            span.set_attribute("gen_ai.data_source.id", call.target)
            if found:
                span.set_attribute("gen_ai.retrieval.documents", found)
        else:
            span.set_attribute("gen_ai.request.model", call.target)
        _tell(span, call.attributes)
        if used is not None:
            span.set_attribute("gen_ai.usage.input_tokens", used.input_tokens)
            span.set_attribute("gen_ai.usage.output_tokens", used.output_tokens)
            if used.tier:
                span.set_attribute("millrace.tier", used.tier)
            if (cost := cost_of(used)) is not None:
                span.set_attribute("millrace.cost", cost)
        if call.failed:
            span.set_attribute("error.type", call.failed)
            span.set_status(trace.StatusCode.ERROR)
        span.end(call.ended)

    def close(self) -> None:
        """Send what is left; a collector that does not answer holds the end up for no longer."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(CLOSING_S)
        if sending.is_alive():
            self._exporter.shutdown()


def _used(call: Call, usage: list[ModelUsage]) -> ModelUsage | None:
    """What the record's call of this model used; each is of one call."""
    for each in usage:
        if each.model == call.target and operation_of(each) == call.operation:
            usage.remove(each)
            return each
    return None


def _tell(span: trace.Span, attributes: Any) -> None:
    for name, value in attributes.items():
        span.set_attribute(name, _sound(value))


def _sound(value: Told) -> Any:
    """As Protobuf takes it: half a surrogate pair in one text would lose its whole batch."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Sequence):
        return [_text(each) if isinstance(each, str) else each for each in value]
    return value


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


def open_spans(endpoint: str, service: str, stack: ExitStack) -> Spans:
    """Spans to an OTLP endpoint (over HTTP), or only propagated where none is set."""
    if not endpoint:
        return DerivedSpans()
    spans = ExportedSpans(OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces"), service)
    stack.callback(spans.close)
    return spans
