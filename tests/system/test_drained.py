"""What is read is no lag: exactly zero under transactions, as a scaler counts it."""

from __future__ import annotations

import os
import signal

from confluent_kafka import Producer

from streams.edge import admin
from streams.runtime import kafka
from streams.runtime.stretches import extents
from tests.system.copying import copying
from tests.system.harness import Bench, fed, load_of, until


def _writes(bench: Bench, count: int, *, abort: bool = False) -> None:
    """Some transactions to every partition, as a stage before this one writes them."""
    options = kafka.producer_options(bench.settings, f"{bench.prefix}.before")
    producer = Producer(options)
    producer.init_transactions(30)
    for number in range(count):
        producer.begin_transaction()
        for event in load_of(8):
            value = bench.codec.encode(bench.source.name, event)
            key = bench.source.key(event).encode()
            producer.produce(bench.source.name, value, key, partition=number % 3)
        producer.flush(30)
        if abort:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)


def _lag(bench: Bench) -> int:
    """As `millrace lag` and KEDA count it: the ends of all that was written less the committed."""
    return admin.lag(bench.settings, [copying(bench.prefix)])["copy"]


def _ends(bench: Bench) -> int:
    """Where the partitions that are read end, all together."""
    return sum(each.end for each in extents(bench.settings, [bench.source.name]).values())


def test_a_drained_group_has_no_lag_whatever_transactions_left_behind(bench: Bench) -> None:
    _writes(bench, 6)
    bench.send([fed("tombstone", 0)])
    bench.produce(None, b"t/tombstone")
    bench.flush()
    _writes(bench, 3, abort=True)
    assert _lag(bench) > 48
    first = bench.process(session_timeout_ms=3000, transaction_timeout_ms=3000)
    second = bench.process(session_timeout_ms=3000, transaction_timeout_ms=3000)
    first.start()
    try:
        until(lambda: _lag(bench) == 0, "all that was written to be no lag")
        assert len(bench.copied()) == 49
        written = _ends(bench)
        _writes(bench, 3, abort=True)  # nothing comes of these, and no record follows them
        assert _ends(bench) > written
        until(lambda: _lag(bench) == 0, "what was aborted to be no lag")
        # Whoever takes the partitions over is told their ends anew, and reads nothing twice.
        second.start()
        second.wait_ready()
        os.kill(first.pid, signal.SIGKILL)
        first.await_kill()
        _writes(bench, 3)
        until(lambda: _lag(bench) == 0, "the successor to have no lag")
    finally:
        first.stop()
        second.stop()
    assert len(bench.copied()) == 49 + 24
    assert bench.lag() == 0, "the end of what is written and what is committed are one"
