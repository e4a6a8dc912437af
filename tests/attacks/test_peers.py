"""What belongs to others: topics for copies, schema registries, their open transactions."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from connectors.schema_registry.client import SchemaRegistry
from schemas.events import DocumentFed
from schemas.topics import RAG_FEEDBACK
from streams.edge import admin, transactions
from streams.flow.errors import Reject, Retry
from streams.flow.topic import To, Topic
from streams.runtime import kafka
from streams.runtime.codec import Codec
from tests.support.registry_server import RegistryServer
from tests.system.copying import copying
from tests.system.harness import Bench, fed, load_of, until
from tests.system.test_runtime import limit_records


@pytest.mark.parametrize("topic", ["missing", "small"])
def test_a_topic_that_takes_no_copy_costs_the_copy_and_nothing_else(
    bench: Bench, topic: str
) -> None:
    name = f"{bench.prefix}.{topic}"
    if topic == "small":
        copies = Topic(name, DocumentFed, bench.source.key)
        admin.apply_topics(bench.settings, [copying(bench.prefix, name="other", writes=copies)])
        limit_records(bench, 100, name)

    def answer(event: DocumentFed) -> Iterable[DocumentFed | To]:
        yield event
        if event.title:
            yield To(event.title, event, lambda reason: [replace(event, title="", uri=reason)])

    asked = replace(fed(0, 99, "x" * 200), title=name)
    bench.send([*load_of(20), asked, *load_of(20)])
    with bench.working(copying(bench.prefix, answer)):  # type: ignore[arg-type]
        bench.await_consumed()

    assert bench.dead() == []
    assert len(bench.copied()) == 41
    (told,) = [event for event in bench.copied() if event.version == 99]
    assert told.title == "" and f"{name} does not take a copy: " in (told.uri or "")


def _record(*fields: Any, name: str = "FeedbackGiven") -> dict[str, Any]:
    numbered = [{"name": f"f{n}", "type": kind} for n, kind in enumerate(fields)]
    return {"type": "record", "name": name, "namespace": "io.millrace", "fields": numbered}


NOTHING = _record(name="Nothing")
DEEP: Any = "string"
for _ in range(40):
    DEEP = {"type": "array", "items": DEEP}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (_record({"type": "array", "items": "null"}), "items take no bytes"),
        (_record({"type": "array", "items": NOTHING}), "items take no bytes"),
        (_record(NOTHING, {"type": "array", "items": "Nothing"}), "items take no bytes"),
        (
            _record({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}),
            "items take no bytes",
        ),
        (_record(["null", "io.millrace.FeedbackGiven"]), "holds itself"),
        (_record({"type": "array", "items": "FeedbackGiven"}), "holds itself"),
        (_record(_record(name="A"), _record("int", name="A")), "defines A twice"),
        (_record(DEEP), "32 inside another"),
        (_record(*["string"] * 3_000), "more than 2,000 types"),
        ("[" * 100_000, "is not Avro"),
        ({"type": "record", "name": 7, "fields": "x"}, "cannot be used"),
        (["null"], "does not fit|cannot be read"),
    ],
)
def test_a_hostile_schema_costs_its_record_and_no_time(schema: Any, said: str) -> None:
    many = b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"  # of items, as an array says: 2^62
    with RegistryServer() as server, closing(SchemaRegistry(server.url)) as registry:
        server.schemas.append(schema if isinstance(schema, str) else json.dumps(schema))
        codec = Codec(registry)
        for body in (many, b"", bytes(1000)):
            with pytest.raises(Reject, match=said):
                codec.decode(RAG_FEEDBACK, b"\0" + struct.pack(">I", 1) + body)


@pytest.mark.parametrize(("status", "raised"), [(400, Reject), (422, Reject), (401, Retry)])
def test_a_registry_that_refuses_costs_the_record_that_needs_it(
    status: int, raised: type[Exception]
) -> None:
    with RegistryServer() as server, closing(SchemaRegistry(server.url)) as registry:
        server.status = status
        with pytest.raises(raised):
            Codec(registry).decode(RAG_FEEDBACK, b"\0" + struct.pack(">I", 7) + b"x")


def test_a_foreign_transaction_that_freezes_readers_is_named_and_can_be_aborted(
    bench: Bench,
) -> None:
    stages = [copying(bench.prefix)]
    stranger = kafka.new_producer(kafka.producer_options(bench.settings, "a stranger's"))
    stranger.init_transactions(20)
    stranger.begin_transaction()
    stranger.produce(bench.source.name, b"{}", b"t/0", 0)
    stranger.flush(20)
    bench.send(load_of(40))

    with bench.working(copying(bench.prefix)):
        found = until(lambda: transactions.foreign(bench.settings, stages, 0), "it to be named")
        (open_one,) = found
        assert open_one.transactional_id == "a stranger's"
        assert open_one.places == [f"{bench.source.name}/0"]
        assert transactions.foreign(bench.settings, stages, 3600) == []
        assert len(bench.copied()) < 40, "what stands behind it waits"
        transactions.abort(bench.settings, "a stranger's")
        until(lambda: len(bench.copied()) == 40, "the readers to go on")
    assert transactions.foreign(bench.settings, stages, 0) == []
    assert bench.dead() == []
