"""Keyed state on a real broker: killed anywhere, files lost, partitions moved; counted exactly."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from schemas.events import DocumentFed
from streams.runtime import kafka
from streams.runtime.failpoints import POINTS, STATE_POINTS
from tests.support.counting import counts, documents, feedback, numbered
from tests.system.counting import Counts, restored
from tests.system.harness import Bench, WorkerOf, until

SLOW_TIMEOUTS = {"session_timeout_ms": 40_000, "transaction_timeout_ms": 60_000}


@pytest.fixture
def made(bench: Bench) -> Counts:
    return Counts(bench)


@contextmanager
def running(worker: WorkerOf) -> Generator[WorkerOf]:
    worker.start()
    try:
        worker.wait_ready()
        yield worker
    finally:
        worker.stop()


def test_workers_killed_at_every_point_number_each_record_once(made: Counts) -> None:
    for point in (*POINTS, *STATE_POINTS):
        made.send(80)
        if point in STATE_POINTS:  # so that there is something to restore
            remove(made.files())
        failpoint = f"count:{point}:{1 if point in STATE_POINTS else 3}"
        worker = made.process("w", **SLOW_TIMEOUTS, max_batch=10, failpoint=failpoint)
        worker.start()
        worker.await_kill()
        assert (made.settings.data / "run" / f"failpoint.count.{point}").exists()
        assert made.lag() > 0, f"at {point} it was killed in the midst of its work"
    with running(made.process("w", **SLOW_TIMEOUTS)):
        made.await_consumed()
    made.assert_numbered()


def remove(files: Iterable[Path]) -> None:
    for file in files:
        for each in file.parent.glob(f"{file.name}*"):
            each.unlink()


def spoil(made: Counts, fate: str, old: Mapping[Path, bytes]) -> None:
    files = made.files()
    others = [file.read_bytes() for file in files]
    for number, file in enumerate(files):
        content = bytearray(file.read_bytes())
        if fate == "stale":
            content[:] = old[file]
        elif fate == "torn":
            content[40 + number :: 97] = b"\x55" * len(content[40 + number :: 97])
        elif fate == "another partition's":
            content[:] = others[number - 1]
        file.write_bytes(content)
    if fate == "deleted":
        remove(files)


def test_state_files_that_are_lost_or_wrong_are_made_good_from_the_changelog(made: Counts) -> None:
    made.send(120)
    with running(made.process("w")):
        made.await_consumed()
    old = {file: file.read_bytes() for file in made.files()}
    assert len(old) == made.settings.partitions
    fates = {
        "as it was": (0, 0),
        "stale": (1, 160),
        "deleted": (120, 999),
        "torn": (160, 999),
        "another partition's": (200, 999),
    }
    for fate, (least, most) in fates.items():
        spoil(made, fate, old)
        made.send(40)
        with running(made.process("w")) as worker:
            made.await_consumed()
        assert least <= restored(worker) <= most, fate
        made.assert_numbered()


def test_state_moves_with_its_partitions_between_workers_that_join_leave_and_die(
    made: Counts,
) -> None:
    stays, leaves, dies = (
        made.process(session_timeout_ms=3000, transaction_timeout_ms=3000, max_batch=20)
        for _ in range(3)
    )
    ended = threading.Event()

    def feed() -> None:
        while not ended.is_set():
            made.send(12, keys=24)
            time.sleep(0.05)

    feeding = threading.Thread(target=feed)
    stays.start()
    stays.wait_ready()
    feeding.start()
    try:
        leaves.start()
        until(lambda: restored_at_all(leaves), "the second worker's first state")
        leaves.signal(signal.SIGTERM)
        assert leaves.await_end() == 0
        dies.start()
        until(lambda: restored_at_all(dies), "the third worker's first state")
        dies.signal(signal.SIGKILL)
        dies.await_kill()
        time.sleep(0.5)
    finally:
        ended.set()
        feeding.join()
    try:
        made.await_consumed()
    finally:
        for worker in (stays, leaves, dies):
            worker.stop()
    made.assert_numbered()


def restored_at_all(worker: WorkerOf) -> bool:
    return "state restored" in worker.log.read_text()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_successor_waits_for_a_worker_that_froze_in_its_commit(when: str, made: Counts) -> None:
    """Its offsets are sent; its change is written before or after the successor asks for it."""
    first = made.fed("a")
    made.put(first)
    frozen, producer = _frozen(made)
    producer.begin_transaction()
    place = made.place(documents(made.prefix).name, "a")
    place.offset = 1
    if when == "before":
        _write(made, producer, first)
    producer.send_offsets_to_transaction([place], frozen.consumer_group_metadata(), 10)
    frozen.close()
    made.put(made.said("a"))
    with running(made.process("w")):
        time.sleep(3)
        assert made.numbers() == {}
        if when == "after":
            _write(made, producer, first)
        producer.commit_transaction(10)
        made.await_consumed()
    made.assert_numbered()


def _frozen(made: Counts) -> tuple[Consumer, Producer]:
    """A member of the stage's group with all its partitions, and its producer."""
    group = f"{made.prefix}.count"
    consumer = kafka.new_consumer(
        kafka.consumer_options(made.settings, group) | {"partition.assignment.strategy": "range"}
    )
    names = {documents(made.prefix).name, feedback(made.prefix).name}
    # One that the broker does not know of yet would be asked for again in minutes.
    until(lambda: names <= set(consumer.list_topics(timeout=10).topics), "its topics")
    consumer.subscribe(sorted(names))

    def owns_all() -> bool:
        consumer.poll(0.1)
        return len(consumer.assignment()) == 2 * made.settings.partitions

    until(owns_all, "its partitions")
    producer = kafka.new_producer(
        kafka.producer_options(made.settings, f"{group}.frozen")
        | {"transaction.timeout.ms": 60_000}
    )
    producer.init_transactions(10)
    return consumer, producer


def _write(made: Counts, producer: Producer, event: DocumentFed) -> None:
    """What the stage makes of the first record of a key."""
    entry = DocumentFed(op="upsert", tenant="t", doc_id=event.doc_id, body="", version=1)
    for topic in (numbered(made.prefix), counts(made.prefix).changelog):
        place = made.place(topic.name, event.doc_id)
        value = made.bench.codec.encode(topic.name, entry)
        producer.produce(topic.name, value, b"t/a", partition=place.partition)
    producer.flush(10)
