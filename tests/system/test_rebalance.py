"""Workers that join, leave, freeze and come back, and a broker that is killed, all under load."""

from __future__ import annotations

import os
import signal
import time

from streams.local.broker import Broker
from tests.system.harness import Bench, fed, feeding, load_of, until

KEYS = 24


def hands(bench: Bench) -> set[str]:
    """The pids of the workers that have copied something so far."""
    return {event.title or "" for event in bench.copied()}


def test_workers_that_join_leave_and_die_under_load_lose_and_double_nothing(bench: Bench) -> None:
    events = load_of(3000, KEYS, "sleep 0.001")
    stays, leaves, dies = (
        bench.process(session_timeout_ms=3000, transaction_timeout_ms=3000, max_batch=20)
        for _ in range(3)
    )
    stays.start()
    stays.wait_ready()
    pids = {str(stays.pid)}
    try:
        with feeding(bench, events, per_second=150):
            leaves.start()
            pids.add(str(leaves.pid))
            until(lambda: str(leaves.pid) in hands(bench), "the second worker's first copies")
            leaves.signal(signal.SIGTERM)
            assert leaves.await_end() == 0
            dies.start()
            pids.add(str(dies.pid))
            until(lambda: str(dies.pid) in hands(bench), "the third worker's first copies")
            dies.signal(signal.SIGKILL)
            dies.await_kill()
            assert bench.sent() < len(events), "all of that happened under load"
        bench.await_consumed()
    finally:
        for worker in (stays, leaves, dies):
            worker.stop()

    bench.assert_copied(len(events), KEYS)
    assert hands(bench) == pids


def test_a_full_worker_that_is_given_more_partitions_skips_nothing(bench: Bench) -> None:
    count = 40
    first = bench.process(session_timeout_ms=3000, max_in_flight=1)
    second = bench.process(session_timeout_ms=3000)
    try:
        first.start()
        first.wait_ready()
        (member,) = bench.owners()
        second.start()
        until(lambda: len(bench.owners()) == 2, "both workers to have partitions")
        kept = bench.owners()[member]
        second.signal(signal.SIGSTOP)
        # While the first is busy and holds all it may, it is given partitions full of records.
        bench.produce(fed("slow", 0, "sleep 12"), partition=min(kept))
        bench.flush()
        bench.send(load_of(count))
        until(lambda: len(bench.owners()) == 1, "the first worker to have everything")
        bench.await_consumed()
    finally:
        first.stop()
        second.signal(signal.SIGKILL)
        second.stop()

    copied = [event for event in bench.copied() if event.doc_id != "slow"]
    assert len(copied) == count
    assert len(bench.copied()) == count + 1


def test_a_frozen_worker_that_comes_back_is_fenced(bench: Bench) -> None:
    events = load_of(1500, KEYS, "sleep 0.002")
    frozen, successor = (bench.process("w", max_batch=20) for _ in range(2))
    frozen.start()
    frozen.wait_ready()
    try:
        with feeding(bench, events, per_second=150):
            until(lambda: str(frozen.pid) in hands(bench), "the first worker's copies")
            frozen.signal(signal.SIGSTOP)
            successor.start()
            until(lambda: str(successor.pid) in hands(bench), "the successor's copies")
            frozen.signal(signal.SIGCONT)
            assert frozen.await_end(45) == 1
        bench.await_consumed()
        assert successor.alive
    finally:
        frozen.stop()
        successor.stop()

    bench.assert_copied(len(events), KEYS)
    assert "took its place" in frozen.log.read_text()


def test_sigterm_finishes_what_is_in_flight_and_hands_the_partitions_over_at_once(
    bench: Bench,
) -> None:
    count = 30
    first, second = (bench.process(session_timeout_ms=40_000) for _ in range(2))
    first.start()
    first.wait_ready()
    bench.send(load_of(count, keys=1, body="sleep 0.1"))
    until(lambda: bench.copied(), "the first copy")

    first.signal(signal.SIGTERM)
    assert first.await_end() == 0

    assert bench.lag() == 0, "all was in flight, so all is finished"
    bench.assert_copied(count, keys=1)
    second.start()
    try:
        second.wait_ready()
        begun = time.monotonic()
        bench.send(load_of(count + 8, keys=1)[count:])
        bench.await_consumed(20)
        print(f"taken over {time.monotonic() - begun:.2f} s after ready")
    finally:
        second.stop()
    bench.assert_copied(count + 8, keys=1)


def test_a_broker_killed_under_load_comes_back_and_everything_is_copied_once(
    bench: Bench, broker: Broker
) -> None:
    events = load_of(3000, KEYS)
    worker = bench.process("w", max_batch=20)
    worker.start()
    worker.wait_ready()
    try:
        with feeding(bench, events, per_second=300):
            for share in (0.1, 0.4):
                until(lambda least=share: bench.committed() > least * len(events), "some copies")
                assert broker.alive
                os.kill(broker.pid, signal.SIGKILL)
                until(lambda: not broker.alive, "the broker's end")
                assert broker.exit_code == -signal.SIGKILL
                broker.start()
                broker.wait_ready()
        bench.await_consumed()
        assert worker.alive
    finally:
        worker.stop()

    bench.assert_copied(len(events), KEYS)
