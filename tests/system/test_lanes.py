"""A live and a bulk lane on a real broker: who goes first, who is never starved, and what a kill
costs."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest

from schemas.events import DocumentFed
from streams.edge import admin
from streams.runtime.failpoints import POINTS
from tests.system.harness import Bench, WorkerOf, fed, feeding, load_of, until
from tests.system.loading import bulk, loading

WORK_S = 0.004
WORK = f"sleep {WORK_S}"


@pytest.fixture
def lanes(bench: Bench) -> Bench:
    bench.create([loading(bench.prefix)], new=bulk(bench.prefix).name)
    return bench


def _load(bench: Bench, events: Iterable[DocumentFed]) -> None:
    """Put events in the bulk topic."""
    topic = bulk(bench.prefix)
    for event in events:
        value = bench.codec.encode(topic.name, event)
        bench.produce(value, topic.key(event).encode(), topic=topic.name)
    bench.flush()


def _bulky(count: int, body: str = WORK) -> list[DocumentFed]:
    return [fed(f"bulk{number % 8}", number // 8, body) for number in range(count)]


def _copied(bench: Bench, kind: str) -> list[tuple[str, int]]:
    return [(e.doc_id, e.version or 0) for e in bench.copied() if e.doc_id.startswith(kind)]


def _await_rest(bench: Bench) -> None:
    stages = [loading(bench.prefix)]
    until(lambda: sum(admin.lag(bench.settings, stages).values()) == 0, "both to be consumed")


def test_a_live_record_overtakes_a_bulk_load(lanes: Bench) -> None:
    count = 3000
    _load(lanes, _bulky(count))
    worker = WorkerOf(lanes.settings, "tests.system.loading")
    worker.start()
    took: list[float] = []
    try:
        worker.wait_ready()
        until(lambda: _copied(lanes, "bulk"), "the load to be under way")
        for number in range(10):
            begun = time.monotonic()
            lanes.send([fed(f"live{number}", 0)])
            until(lambda n=number: len(_copied(lanes, "live")) > n, "the live copy")
            took.append(time.monotonic() - begun)
        done = len(_copied(lanes, "bulk"))
        assert done < count / 2, "the load went on all the while"
        until(lambda: len(_copied(lanes, "bulk")) > done + 50, "the load to go on")
    finally:
        worker.stop()
    print(f"live beside a load: {sorted(round(each, 3) for each in took)} s")
    assert sorted(took)[5] < 0.5, f"the load takes {count * WORK_S:.0f} s"


def test_live_records_without_end_leave_the_load_its_share(lanes: Bench) -> None:
    count = 300
    worker = WorkerOf(lanes.settings, "tests.system.loading")
    worker.start()
    try:
        worker.wait_ready()
        # More than the live lane can do, so that it is never without.
        with feeding(lanes, load_of(2500, body=WORK), per_second=300):
            until(lambda: len(lanes.copied()) > 20, "live records to be in work")
            _load(lanes, _bulky(count))
            begun = time.monotonic()
            until(lambda: len(_copied(lanes, "bulk")) == count, "the load")
            took = time.monotonic() - begun
            live = len(lanes.copied()) - count
        print(
            f"the load took {took:.1f} s beside {live} live records; alone {count * WORK_S:.1f} s"
        )
        assert live < 2500, "there were live records all the while"
        _await_rest(lanes)
    finally:
        worker.stop()
    lanes.assert_copied_each(load_of(2500) + _bulky(count))


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_with_both_lanes_killed_at(point: str, lanes: Bench) -> None:
    events, load = load_of(200), _bulky(200, "")
    options = {"worker": "w", "max_batch": 10, "failpoint": f"copy:{point}:4"}
    settings = lanes.settings.model_copy(update=options)
    lanes.send(events[:100])
    _load(lanes, load[:100])
    first = WorkerOf(settings, "tests.system.loading")
    first.start()
    first.await_kill()
    marker = settings.data / "run" / f"failpoint.copy.{point}"
    assert marker.read_text() == str(first.pid)
    lanes.send(events[100:])
    _load(lanes, load[100:])
    second = WorkerOf(settings, "tests.system.loading")
    second.start()
    try:
        second.wait_ready()
        _await_rest(lanes)
    finally:
        second.stop()
    lanes.assert_copied_each(events + load)
    assert not lanes.dead()
