"""Whose slow records go next, and that nobody has all lanes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from streams.flow.slow import SlowLanes
from streams.runtime import fair
from streams.runtime.fair import Fair
from streams.runtime.processing import Record
from streams.runtime.telemetry import OVER_BUDGET, SLOW_SECONDS, SLOW_WAITING, StageMetrics

STAGE = "fair"


def _record(name: str, offset: int = 0, size: int = 10) -> Record:
    return Record("t", 0, offset, 0, name.encode(), bytes(size), (), size=size)


@dataclass
class Worked:
    """A queue whose lanes are this one thread, under whatever name; its time is told it."""

    lanes: int
    budget_s: float = 30.0
    recalled: list[Record] = field(default_factory=list[Record])
    now: float = 0.0

    def __post_init__(self) -> None:
        self._lane = 0
        slow = SlowLanes(share=lambda _: None, lanes=self.lanes, budget_s=self.budget_s)
        self.queue = Fair(slow, StageMetrics(STAGE), self._recall, lambda: self.now)

    def _recall(self, record: Record) -> bool:
        self.recalled.append(record)
        return True

    def put(self, *names: str) -> None:
        """Records called `share/number`, the key of each its own."""
        for name in names:
            self.queue.put_for(name.partition("/")[0], _record(name))

    def take(self, lane: int) -> Record | None:
        self._lane = lane
        return next(iter(self.queue.take(0)), None)

    def done(self, lane: int, record: Record) -> None:
        self._lane = lane
        self.queue.done([record])

    def lane(self) -> int:
        return self._lane


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Worked]:
    def make(lanes: int, budget_s: float = 30.0) -> Worked:
        made = Worked(lanes, budget_s)
        monkeypatch.setattr(fair, "get_ident", made.lane)
        return made

    return make


def _name(record: Record | None) -> str:
    return "" if record is None else (record.key or b"").decode()


def test_the_last_free_lane_is_for_somebody_who_has_none(worked: Callable[..., Worked]) -> None:
    work = worked(3)
    work.put("a/1", "a/2", "a/3")
    assert [_name(work.take(lane)) for lane in range(3)] == ["a/1", "a/2", ""]
    work.put("b/1", "b/2")
    assert _name(work.take(2)) == "b/1"


def test_who_has_used_less_goes_first(worked: Callable[..., Worked]) -> None:
    work = worked(1)
    work.put("a/1", "a/2", "a/3", "b/1", "b/2", "b/3", "b/4")
    order: list[str] = []
    while record := work.take(0):
        order.append(_name(record))
        work.now += 10 if order[-1].startswith("a") else 4
        work.done(0, record)
    # One of a's costs as much as two and a half of b's.
    assert order == ["a/1", "b/1", "b/2", "b/3", "a/2", "b/4", "a/3"]


def test_what_is_under_way_counts_and_what_is_long_ago_does_not(
    worked: Callable[..., Worked],
) -> None:
    work = worked(3)
    work.put("a/1", "b/1", "b/2", "a/2")
    assert _name(work.take(0)) == "a/1"
    work.now = 30.0
    second = work.take(1)
    assert _name(second) == "b/1"
    assert second is not None
    work.now = 31.0
    work.done(1, second)
    assert _name(work.take(1)) == "b/2", "a's has been at it for 31 s, b's took 1 s"
    work.now = 2000.0
    work.queue.done([])
    assert "b" in work.queue._shares
    work.queue._new("c")
    assert "a" in work.queue._shares, "it has a record here"


def test_one_key_is_in_one_lane_at_a_time_and_in_order(worked: Callable[..., Worked]) -> None:
    work = worked(3)
    versions = [_record("a/1", offset) for offset in range(2)]
    assert not work.queue.holds(versions[0])
    for version in versions:
        work.queue.put_for("a", version)
    assert work.queue.holds(_record("a/1", 2))
    work.put("a/2")
    assert work.take(0) is versions[0]
    assert _name(work.take(1)) == "a/2"
    assert work.take(2) is None
    work.done(0, versions[0])
    assert work.take(2) is versions[1]
    work.done(2, versions[1])
    assert not work.queue.holds(versions[0])


def test_what_follows_a_slow_record_is_put_down_to_whoever_that_is_for(
    worked: Callable[..., Worked],
) -> None:
    work = worked(2)
    work.put("a/1")
    work.queue.put_for("", _record("a/1", 1))
    assert SLOW_WAITING.labels(STAGE, "a")._value.get() == 2


def test_bytes_beyond_a_bound_are_let_go_and_read_again(
    worked: Callable[..., Worked], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fair, "KEPT_BYTES", 100)
    work = worked(2)
    records = [_record(f"a/{number}", number, 60) for number in range(3)]
    for record in records:
        work.queue.put_for("a", record)
    assert [record.value is None for record in records] == [False, True, True]
    for record in records:
        assert work.take(0) is record
        work.done(0, record)
    assert work.recalled == records[1:]
    last = _record("a/3", 3, 500)
    work.queue.put_for("a", last)
    assert last.value is not None, "one alone is kept, however large"


def test_who_is_over_its_budget_is_told_of_once(
    worked: Callable[..., Worked], caplog: pytest.LogCaptureFixture
) -> None:
    work = worked(2, budget_s=5.0)
    work.put(*(f"poor/{number}" for number in range(4)))
    begun = SLOW_SECONDS.labels(STAGE, "poor")._value.get()
    for _ in range(4):
        record = work.take(0)
        assert record is not None
        work.now += 3
        work.done(0, record)
    assert SLOW_SECONDS.labels(STAGE, "poor")._value.get() - begun == 12
    assert OVER_BUDGET.labels(STAGE, "poor")._value.get() == 1
    assert [each.message for each in caplog.records] == [
        "over its budget: its slow records wait behind those of others"
    ]


def test_a_lane_that_waits_is_woken_by_a_record_and_by_the_end() -> None:
    slow = SlowLanes(share=lambda _: None, lanes=2, budget_s=1)
    queue = Fair(slow, StageMetrics(STAGE), lambda _: True)
    taken: list[list[Record]] = []

    def lane() -> None:
        while records := queue.take():
            taken.append(records)
            queue.done(records)

    lanes = [threading.Thread(target=lane) for _ in range(2)]
    for each in lanes:
        each.start()
    records = [_record(f"a/{number % 7}", number) for number in range(100)]
    queue.put(records)
    while len(taken) < len(records):
        pass
    queue.end()
    for each in lanes:
        each.join(5)
        assert not each.is_alive()
    by_key = sorted(records, key=lambda each: (each.key, each.offset))
    assert sorted((each for (each,) in taken), key=lambda each: each.key or b"") == by_key
