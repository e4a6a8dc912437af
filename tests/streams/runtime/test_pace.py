"""How much a lane takes at once, and when a bulk lane begins."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest

from streams.runtime.pace import GROWTH, HURRIED_S, MOST_PATIENCE_S, OVERHEAD, PATIENCE, Pace
from streams.runtime.precedence import Precedence
from streams.runtime.record import Record

KIB = 1024


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Wait:
    """A precedence that is asked; `free` is what it answers."""

    free: bool = True
    asked: list[float] = field(default_factory=list[float])

    def __call__(self, at_most: float) -> bool:
        self.asked.append(at_most)
        return self.free


def _records(count: int, size: int = KIB - OVERHEAD) -> list[Record]:
    return [Record("t", 0, n, 0, None, b"", (), size=size) for n in range(count)]


def _work(pace: Pace, clock: Clock, records: list[Record], per_record_s: float) -> int:
    """Take a batch and work on it; returns how many records it had."""
    count = pace.begin(records, len(records))
    clock.now += count * per_record_s
    pace.end()
    return count


@pytest.mark.parametrize(("per_record_s", "wanted"), [(0.001, 500), (0.1, 5), (2.0, 1)])
def test_a_batch_takes_about_the_time_that_it_may(per_record_s: float, wanted: int) -> None:
    clock = Clock()
    pace = Pace(0.5, clock=clock)
    taken = [_work(pace, clock, _records(1000), per_record_s) for _ in range(10)]
    assert taken[0] == 1, "nothing is known of the first"
    assert taken[-1] == wanted
    assert all(after <= GROWTH * before for before, after in itertools.pairwise(taken))


def test_long_records_are_fewer_in_a_batch() -> None:
    clock = Clock()
    pace = Pace(0.5, clock=clock)
    for _ in range(10):
        _work(pace, clock, _records(100), 0.01)
    assert pace.begin(_records(100), 100) == 50
    assert pace.begin(_records(100, 10 * KIB - OVERHEAD), 100) == 5
    assert pace.begin(_records(100, 10_000 * KIB), 100) == 1
    assert pace.begin(_records(3), 100) == 3


def test_a_machine_that_becomes_slow_has_smaller_batches_soon() -> None:
    clock = Clock()
    pace = Pace(0.5, clock=clock)
    for _ in range(10):
        _work(pace, clock, _records(1000), 0.001)
    slow = [_work(pace, clock, _records(1000), 0.01) for _ in range(8)]
    assert slow[0] == 500
    assert slow[1] < 150
    assert slow[-1] < 70


def test_a_bulk_lane_is_patient_for_a_few_times_its_last_batch_and_no_longer() -> None:
    clock, wait = Clock(), Wait()
    pace = Pace(0.5, wait, clock=clock)
    for _ in range(8):
        _work(pace, clock, _records(1000), 0.001)
    assert wait.asked[0] == 0
    assert wait.asked[1] == pytest.approx(PATIENCE * 0.001)
    assert wait.asked[-1] == MOST_PATIENCE_S
    assert pace.begin(_records(1000), 1000) == 500


def test_beside_live_records_bulk_batches_are_short() -> None:
    clock, wait = Clock(), Wait()
    pace = Pace(0.5, wait, clock=clock)
    for _ in range(8):
        _work(pace, clock, _records(1000), 0.001)
    wait.free = False
    assert pace.begin(_records(1000), 1000) == pytest.approx(1000 * HURRIED_S, abs=1)


def test_whoever_holds_live_records_goes_first_and_each_tells_for_itself() -> None:
    precedence, chunk, embed = Precedence(), object(), object()
    assert precedence.wait(0)
    precedence.live(chunk, True)
    precedence.live(embed, True)
    precedence.live(chunk, False)
    assert not precedence.wait(0.01)
    precedence.live(embed, False)
    precedence.live(embed, False)
    assert precedence.wait(0)
