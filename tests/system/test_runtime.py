"""What a stage promises when records, processors or deadlines are bad; the broker is real."""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from connectors.schema_registry.client import SchemaRegistry
from schemas.events import DocumentFed
from streams.flow.errors import Retry
from streams.flow.outcome import Promise
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.processing import RECORD_LIMIT
from streams.runtime.record import now_ms
from streams.runtime.telemetry import ABORTS, HELD
from tests.support.registry_server import RegistryServer
from tests.system.copying import copying, obey
from tests.system.harness import Bench, fed, load_of, until

ONE_KEY = b"t/0"


def test_poison_between_good_records_goes_to_the_dead_letters_as_it_came(bench: Bench) -> None:
    poison = {
        b"\xff\x00 no Avro": "neither a JSON object nor Avro",
        b"\xc3\x01" + bytes(8) + b"rest": "unknown schema",
        b'{"op": "upsert", "tenant": "t", "doc_id": "0", "verison": 7}': "did you mean 'version'",
        b'{"op": "upsert", "tenant": "t"}': "missing field 'doc_id'",
        bench.codec.encode(bench.source.name, fed(0, 99, "reject it smells")): "it smells",
        None: "no value",
    }
    headers = [("ce_id", b"mine"), ("x", b"\x00\xff"), ("x", b"twice")]
    for version, value in enumerate(poison):
        bench.send([fed(0, version)])
        bench.produce(value, ONE_KEY, headers)
    bench.send([fed(0, len(poison))])

    with bench.working(copying(bench.prefix)):
        bench.await_consumed()

    bench.assert_copied(len(poison) + 1, keys=1)
    letters = bench.dead()
    assert [letter.value for letter in letters] == list(poison)
    for number, (letter, reason) in enumerate(zip(letters, poison.values(), strict=True)):
        assert reason in letter.reason
        assert letter.key == ONE_KEY and letter.stage == "copy" and letter.attempts == 1
        assert [(each.key, each.value) for each in letter.headers] == headers
        assert (letter.topic, letter.offset) == (bench.source.name, 2 * number + 1)


def test_a_registry_outage_holds_up_what_needs_it_and_nothing_else(bench: Bench) -> None:
    seen: list[str] = []

    def look(event: DocumentFed) -> Iterable[DocumentFed]:
        seen.append(f"{event.doc_id} {event.version}")
        yield event

    def plain(doc: str, version: int) -> bytes:
        return json.dumps(
            {"op": "upsert", "tenant": "t", "doc_id": doc, "version": version}
        ).encode()

    own, held = bench.codec, HELD.labels("copy")._value
    with RegistryServer() as server, closing(SchemaRegistry(server.url)) as registry:
        stage = copying(bench.prefix, look)
        bench.codec = Codec(registry)
        bench.codec.prepare(stage.writes)
        with closing(SchemaRegistry(server.url)) as producers:
            needy = Codec(producers).encode(bench.source.name, fed("needy", 1))
        server.away = True
        bench.produce(needy, b"t/needy", partition=0)
        bench.produce(plain("needy", 2), b"t/needy", partition=0)  # behind it, by their key
        bench.produce(plain("beside", 1), b"t/beside", partition=0)
        bench.produce(plain("other", 1), b"t/other", partition=1)
        bench.flush()
        with bench.working(stage, retry_backoff_max_ms=100, retry_attempts=10**6):
            until(lambda: {"beside 1", "other 1"} <= set(seen), "others to go on")
            bench.produce(plain("needy", 3), b"t/needy", partition=0)
            bench.produce(plain("other", 2), b"t/other", partition=1)
            bench.flush()
            until(lambda: "other 2" in seen, "others to go on")
            until(lambda: held.get() >= 2, "it to be visible")
            bench.await_outputs(2)
            assert {"needy 1", "needy 3"}.isdisjoint(seen)
            server.away = False
            bench.await_consumed()
            assert held.get() == 0
        copied = [f"{event.doc_id} {event.version}" for event in bench.copied()]
    bench.codec = own
    of_needy = [each for each in copied if each.startswith("needy")]
    assert of_needy == ["needy 1", "needy 2", "needy 3"]
    assert sorted(set(copied) - set(of_needy)) == ["beside 1", "other 1", "other 2"]
    assert len(copied) == 6
    assert bench.dead() == []


def test_a_retry_keeps_the_order_and_waits_longer_each_time(bench: Bench) -> None:
    tried: list[float] = []

    def third_time_lucky(event: DocumentFed) -> Iterable[DocumentFed]:
        if event.version == 1:
            tried.append(time.monotonic())
            if len(tried) < 4:
                raise Retry("the store is away")
        yield event

    bench.send(load_of(4, keys=1))
    stage = copying(bench.prefix, third_time_lucky)
    with bench.working(stage, retry_backoff_ms=100):
        bench.await_consumed()

    bench.assert_copied(4, keys=1)
    assert not bench.dead()
    waits = [after - before for before, after in pairwise(tried)]
    # With full jitter: half of 100, 200, 400 ms at least.
    assert [wait > least for wait, least in zip(waits, (0.05, 0.1, 0.2), strict=True)] == 3 * [True]


def test_a_retry_that_never_succeeds_is_given_up_and_the_next_record_goes_on(bench: Bench) -> None:
    def away(event: DocumentFed) -> Iterable[DocumentFed]:
        if event.body == "away":
            try:
                raise ConnectionError("refused by 10.0.0.7")
            except ConnectionError as error:
                raise Retry("the store is away") from error
        yield event

    bench.send([fed(0, 0), fed(0, 98, "away"), fed(0, 99, "away"), fed(0, 1)])
    stage = copying(bench.prefix, away)
    with bench.working(stage, retry_attempts=3, retry_backoff_ms=1):
        bench.await_consumed()

    bench.assert_copied(2, keys=1)
    assert [(each.offset, each.attempts, each.reason) for each in bench.dead()] == [
        (1, 3, "the store is away"),
        (2, 3, "the store is away"),
    ]
    assert "refused by 10.0.0.7" in bench.dead()[0].detail


def test_a_bug_that_nothing_gets_past_ends_the_worker_and_is_tried_again(bench: Bench) -> None:
    fixed = bench.settings.data / "fixed"
    bench.send([fed(0, 0, f"fail {fixed}")])

    broken = bench.process("w")
    broken.start()
    assert broken.await_end() == 1
    assert "a bug in the processor" in broken.log.read_text()
    assert bench.committed() == 0 and not bench.dead()

    fixed.touch()
    bench.send([fed(0, 1)])
    mended = bench.process("w")
    mended.start()
    bench.await_consumed()
    mended.stop()

    bench.assert_copied_each([fed(0, 0), fed(0, 1)])


def test_a_record_past_its_deadline_is_answered_at_once(bench: Bench) -> None:
    asked: list[int | None] = []

    def slow(event: DocumentFed) -> Iterable[DocumentFed]:
        asked.append(event.version)
        time.sleep(0.5)
        yield event

    def settle(event: DocumentFed, status: str, reason: str) -> Iterable[DocumentFed]:
        yield replace(event, title=status, body=reason)

    promise = Promise(lambda event: event.changed_at or 0, settle)
    late, soon = now_ms() - 1, now_ms() + 600_000
    bench.send([replace(fed(0, n), changed_at=soon if n == 3 else late) for n in range(200)])

    with bench.working(copying(bench.prefix, slow, promise=promise)):
        bench.await_consumed(timeout=20)

    bench.assert_copied(200, keys=1)
    assert asked == [3]
    expired = [event for event in bench.copied() if event.title == "expired"]
    assert len(expired) == 199
    assert {event.body for event in expired} == {"the deadline passed before copy"}


@pytest.mark.parametrize("heavy", ["body", "doc_id"])
def test_an_output_over_the_record_limit_is_a_dead_letter(bench: Bench, heavy: str) -> None:
    def doubling(event: DocumentFed) -> Iterable[DocumentFed]:
        yield replace(event, body=event.body * 2) if event.body else event

    # Random, since the broker's limit is on what is left after compression. A long doc_id is in
    # the key as well as in the value.
    much = base64.b64encode(os.urandom(RECORD_LIMIT * 45 // 100)).decode()
    large = fed(0, 98, much) if heavy == "body" else fed(much, 98)
    value = bench.codec.encode(bench.source.name, large)
    bench.send([fed(0, 0)])
    bench.produce(value, ONE_KEY)
    bench.send([fed(0, 1)])

    with bench.working(copying(bench.prefix, doubling)):
        bench.await_consumed(timeout=20)

    bench.assert_copied(2, keys=1)
    (letter,) = bench.dead()
    assert f"a record holds {RECORD_LIMIT:,}" in letter.reason
    assert (letter.key, letter.value) == (ONE_KEY, value)


def test_an_output_that_the_broker_refuses_is_a_dead_letter_of_its_own_record(
    bench: Bench,
) -> None:
    before = ABORTS.labels("copy")._value.get()
    limit_records(bench, 1500)  # bytes: the broker refuses what comes out of the third record
    bench.send([fed(0, n, os.urandom(2000).hex() if n == 2 else "") for n in range(5)])

    with bench.working(copying(bench.prefix), max_batch=2):
        bench.await_consumed()

    assert ABORTS.labels("copy")._value.get() >= before + 3, "it may have been a passing setting"
    bench.assert_copied_each([fed(0, 0), fed(0, 1), fed(0, 3), fed(0, 4)])
    (letter,) = bench.dead()
    assert letter.offset == 2
    assert f"{bench.copies.name} does not take what copy made of it" in letter.reason


def limit_records(bench: Bench, size: int, topic: str = "") -> None:
    """Set what the broker takes in one batch for the output topic."""
    change = AlterConfigOpType.SET
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=change)
    resource = ConfigResource(
        ConfigResource.Type.TOPIC, topic or bench.copies.name, incremental_configs=[entry]
    )
    client: Any = kafka.admin(bench.settings)
    client.incremental_alter_configs([resource])[resource].result(20)


def test_a_slow_processor_neither_evicts_its_worker_nor_holds_other_keys_up(
    bench: Bench,
) -> None:
    slow_s, quick = 30.0, 60
    calls: list[tuple[str, int | None]] = []
    alone: list[int | None] = []
    began = threading.Event()

    def run(event: DocumentFed) -> Iterable[DocumentFed]:
        calls.append((event.doc_id, event.version))
        if event.body:
            began.set()
        return obey(event)

    def run_alone(event: DocumentFed) -> Iterable[DocumentFed]:
        alone.append(event.version)
        return obey(event)

    # Beside it, a stage that does one record at a time and holds three: it is full all the while.
    lone = Bench(bench.settings.model_copy(update={"group_prefix": f"{bench.prefix}-lone"}))
    lone.create([copying(lone.prefix)])
    lone.send([fed(0, 0, f"sleep {slow_s}"), *(fed(0, number) for number in range(1, 10))])
    bench.send([fed("slow", 0, f"sleep {slow_s}")])
    short: dict[str, Any] = {"max_poll_interval_ms": 10_000, "session_timeout_ms": 6_000}
    with (
        lone.working(copying(lone.prefix, run_alone), max_in_flight=3, **short),
        bench.working(copying(bench.prefix, run, concurrency=4), **short),
    ):
        assert began.wait(20)
        begun = time.monotonic()
        bench.send(load_of(quick, keys=20))
        until(lambda: len(calls) == 1 + quick, "other keys to be processed", 5)
        # What shares the slow one's partition waits for it to be committed; the rest does not.
        until(lambda: len(bench.copied()) > quick / 2, "other partitions to be committed", 10)
        assert time.monotonic() - begun < slow_s / 2
        lone.await_consumed()
        bench.await_consumed()
        assert time.monotonic() - begun > slow_s - 10

    lone.close()
    lone.assert_copied(10, keys=1)
    assert alone == list(range(10)), "an evicted worker would have read its records again"
    assert len(calls) == 1 + quick
    others = [event for event in bench.copied() if event.doc_id != "slow"]
    assert len(others) == quick and len(bench.copied()) == 1 + quick
