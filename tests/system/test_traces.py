"""Headers and spans: what happened to an event can be followed from the records alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from schemas.events import DocumentFed
from schemas.topics import document_key
from streams.flow.stage import Stage
from streams.flow.topic import Topic
from streams.runtime.record import Record
from streams.runtime.spans import open_spans
from tests.support.otlp import attributes, collector
from tests.system.copying import copying
from tests.system.harness import Bench, fed, header

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def doubled(event: DocumentFed) -> Iterable[DocumentFed]:
    yield replace(event, title="first")
    yield replace(event, title="second")


@pytest.fixture
def flow(bench: Bench) -> list[Stage]:
    """Two stages in a row: `first` doubles what `second` copies."""
    between = Topic(f"{bench.prefix}.between", DocumentFed, document_key)
    stages = [
        copying(bench.prefix, doubled, name="first", writes=between),
        copying(bench.prefix, name="second", reads=between),
    ]
    bench.create(stages, bench.prefix + ".between")
    return stages


def run(bench: Bench, flow: list[Stage], endpoint: str = "", outputs: int = 2) -> None:
    """Run both stages until `outputs` records came out, and export all spans."""
    with ExitStack() as stack:
        spans = open_spans(endpoint, "millrace.test", stack)
        for each in flow:
            stack.enter_context(bench.working(each, spans))
        bench.await_outputs(outputs)


def trace_of(record: Record) -> str:
    return header(record, "traceparent").split("-")[1]


def test_one_trace_and_a_chain_of_causes_lead_through_all_stages(
    bench: Bench, flow: list[Stage]
) -> None:
    headers = [
        ("ce_id", b"order-7"),
        ("correlationid", b"case-1"),
        ("traceparent", PARENT.encode()),
    ]
    bench.produce(bench.codec.encode(bench.source.name, fed(0, 0)), b"t/0", headers)
    bench.flush()
    run(bench, flow)

    between, out = bench.records(flow[1].reads[0]), bench.records(bench.copies)
    assert len(between) == len(out) == 2
    for record in (*between, *out):
        assert trace_of(record) == TRACE
        assert header(record, "correlationid") == "case-1"
        assert header(record, "ce_specversion") == "1.0"
        assert header(record, "ce_type") == "io.millrace.DocumentFed"
        assert header(record, "content-type") == "application/avro"
        assert header(record, "ce_time").endswith("Z")
    assert {header(record, "causationid") for record in between} == {"order-7"}
    assert {header(record, "ce_source") for record in between} == {"/millrace/first"}
    assert {header(record, "ce_source") for record in out} == {"/millrace/second"}
    ids = [header(record, "ce_id") for record in between]
    # Derived, so that a replay gives the same: from the stage, its input's id and the ordinal.
    assert ids == [
        hashlib.blake2b(b"first|order-7|%d" % ordinal, digest_size=16).hexdigest()
        for ordinal in range(2)
    ]
    assert sorted(header(record, "causationid") for record in out) == sorted(ids)
    spans = [header(record, "traceparent") for record in (*between, *out)]
    assert PARENT not in spans and len(set(spans)) == 3  # one of `first`, two of `second`


def test_a_record_without_headers_starts_a_trace_named_after_its_place(
    bench: Bench, flow: list[Stage]
) -> None:
    bench.send([fed(0, 0), fed(1, 0)])
    run(bench, flow, outputs=4)

    (first, second) = bench.records(bench.source)
    out = bench.records(bench.copies)
    for place in (first, second):
        name = f"{place.topic}/{place.partition}/{place.offset}"
        mine = [record for record in out if header(record, "correlationid") == name]
        assert len(mine) == 2
        assert len({trace_of(record) for record in mine}) == 1
    assert len({trace_of(record) for record in out}) == 2


def test_a_dead_letter_stays_in_the_trace_of_what_it_is_about(bench: Bench) -> None:
    headers = [("ce_id", b"order-7"), ("traceparent", PARENT.encode())]
    bench.produce(b"\x00rubbish", b"t/0", headers)
    bench.flush()
    with bench.working(copying(bench.prefix)):
        bench.await_consumed()

    (letter,) = bench.records(bench.letters)
    assert trace_of(letter) == TRACE and header(letter, "causationid") == "order-7"


def test_spans_of_two_stages_reach_a_collector_in_one_trace(
    bench: Bench, flow: list[Stage]
) -> None:
    headers = [("traceparent", PARENT.encode())]
    bench.produce(bench.codec.encode(bench.source.name, fed(0, 0)), b"t/0", headers)
    bench.produce(b"rubbish", b"t/0", headers)
    bench.flush()
    with collector() as (endpoint, spans):
        run(bench, flow, endpoint)

    assert {span.trace_id.hex() for span in spans} == {TRACE}
    bad, good = sorted(
        (span for span in spans if span.name == f"process {bench.source.name}"),
        key=lambda span: span.status.code == Status.STATUS_CODE_UNSET,
    )
    copied = [span for span in spans if span.name == f"process {flow[1].reads[0].name}"]
    assert good.parent_span_id.hex() == PARENT.split("-")[2]
    assert len(copied) == 2 and {span.parent_span_id for span in copied} == {good.span_id}
    assert bad.status.code == Status.STATUS_CODE_ERROR
    assert "neither a JSON object nor Avro" in bad.status.message
    told = attributes(good)
    assert told["messaging.system"] == "kafka" and told["messaging.operation.type"] == "process"
    assert told["messaging.destination.name"] == bench.source.name
    assert told["messaging.consumer.group.name"].endswith(".first")
    assert told["millrace.stage"] == "first"
    out = bench.records(bench.copies)
    assert {header(record, "traceparent").split("-")[2] for record in out} == {
        span.span_id.hex() for span in copied
    }
