"""Slow records in one partition with quick ones: who waits for whom, and what a kill costs."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import defaultdict
from collections.abc import Sequence

from schemas.events import DocumentFed
from streams.runtime.recall import Recall
from tests.system.copying import sharing
from tests.system.harness import Bench, until


def _fed(tenant: str, doc: int, version: int, body: str = "") -> DocumentFed:
    return DocumentFed(op="upsert", tenant=tenant, doc_id=f"{doc}", version=version, body=body)


def _put(bench: Bench, *events: DocumentFed) -> None:
    for event in events:  # of one partition, so that each stands behind those before it
        bench.produce(bench.codec.encode(bench.source.name, event), _key(event), partition=0)
    bench.flush()


def _key(event: DocumentFed) -> bytes:
    return f"{event.tenant}/{event.doc_id}".encode()


def test_a_tenants_slow_records_hold_up_nobody_behind_them(bench: Bench) -> None:
    slow = [_fed("bad", number, 0, "sleep 1.5") for number in range(8)]
    with bench.working(sharing(bench.prefix, 3)):
        _put(bench, *slow)
        begun = time.monotonic()
        for number in range(5):
            _put(
                bench,
                _fed("good", number, 0),
                _fed("good", number, 1, "sleep 0.01"),
                _fed("good", number, 2),
            )
            until(lambda n=number: _of(bench, "good") >= 3 * n + 3, "what stands behind")
        took = time.monotonic() - begun
        assert _of(bench, "bad") < len(slow), "they are still at it"
        assert bench.ahead()
        bench.await_consumed()
    print(f"15 records behind 12 s of slow ones: {took:.2f} s")
    quick = [_fed("good", number, version) for number in range(5) for version in range(3)]
    _assert_in_order(bench, [*slow, *quick])


def test_a_shutdown_waits_for_no_slow_record_and_keeps_its_place(bench: Bench) -> None:
    slow = _fed("bad", 0, 0, "sleep 60")
    with bench.process("w", slow=2) as worker:
        _put(bench, slow, _fed("good", 0, 0))
        until(lambda: _of(bench, "good") == 1, "the quick one behind it")
        begun = time.monotonic()
        worker.signal(signal.SIGTERM)
        assert worker.await_end() == 0
        assert time.monotonic() - begun < 10
    assert bench.ahead() == ["ahead 1 1"]
    assert bench.lag() == 2, "the slow one's place is kept"


def test_records_are_read_again_in_any_order(bench: Bench) -> None:
    rng = random.Random(seed := int.from_bytes(os.urandom(4), "big"))
    print(f"seed {seed}")
    for number in range(1000):
        bench.produce(b"%d" % number * rng.choice([1, 1, 1, 20_000]), b"%d" % rng.randrange(9))
    bench.flush()
    records = bench.records(bench.source)
    values = [record.value for record in records]
    recall = Recall(bench.settings, f"{bench.prefix}.copy")
    begun = time.monotonic()
    chosen = [*range(300, 420), *rng.sample(range(1000), 60)]
    for number in chosen:
        records[number].value = None
        assert recall(records[number])
        assert records[number].value == values[number]
    print(f"{1000 * (time.monotonic() - begun) / len(chosen):.1f} ms a record")
    recall.close()
    assert not recall(records[0])


def _of(bench: Bench, tenant: str) -> int:
    return sum(event.tenant == tenant for event in bench.copied())


def _assert_in_order(bench: Bench, sent: Sequence[DocumentFed]) -> None:
    """Each came out once, and each document's versions in the order in which they were sent."""
    found: dict[bytes, list[int]] = defaultdict(list)
    for event in bench.copied():
        found[_key(event)].append(event.version or 0)
    wanted: dict[bytes, list[int]] = defaultdict(list)
    for event in sent:
        wanted[_key(event)].append(event.version or 0)
    assert found == wanted
    assert bench.dead() == []


def test_under_kills_and_with_more_bytes_than_a_worker_holds_each_is_done_once(
    bench: Bench,
) -> None:
    """Several times what may be in flight waits in front; that is let go, and read again."""
    rng = random.Random(seed := int.from_bytes(os.urandom(4), "big"))
    print(f"seed {seed}")
    large = "x" * 400_000
    slow = [_fed("bad", number % 24, number // 24, f"sleep 0.12\n{large}") for number in range(48)]
    quick: list[DocumentFed] = []
    _put(bench, *slow)
    kills = 0
    for kill in range(4):
        fresh = [_fed("good", number, kill) for number in range(20)]
        quick += fresh
        with bench.process("w", slow=3, transaction_timeout_ms=60_000) as worker:
            _put(bench, *fresh)
            until(lambda: _of(bench, "good") == 20 * (kill + 1), "those behind")  # noqa: B023
            time.sleep(rng.uniform(0, 1))
            if bench.ahead():
                worker.signal(signal.SIGKILL)
                worker.await_kill()
                kills += 1
    assert kills >= 2, "it was killed with work done ahead"
    with bench.process("w", slow=3, transaction_timeout_ms=60_000):
        bench.await_consumed()
    assert bench.ahead() == []
    _assert_in_order(bench, [*slow, *quick])
