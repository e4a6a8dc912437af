"""Ends of partitions: committed past what holds no record, never past what is not done."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from streams.runtime.ends import SETTLE_S, Ends
from streams.runtime.in_flight import InFlight, Place, Progress
from streams.runtime.notes import Notes
from streams.runtime.record import Record

PLACE: Place = "t", 0
OTHER: Place = "t", 1


def _record(offset: int) -> Record:
    return Record("t", 0, offset, 0, f"{offset}".encode(), b"", (), size=1)


@dataclass
class Group:
    """What the broker has of a group, one session of it, and a clock."""

    known: dict[Place, Progress] = field(default_factory=dict[Place, Progress])
    commits: list[dict[Place, tuple[int, str]]] = field(
        default_factory=list[dict[Place, tuple[int, str]]]
    )
    refuses: bool = False
    now: float = 100.0

    def __post_init__(self) -> None:
        self.flight = InFlight()
        self.ends = Ends(self.flight, self.committed, self.commit, clock=lambda: self.now)

    def committed(self, places: Sequence[Place]) -> dict[Place, Progress]:
        return {
            place: Progress.read(each.position, each.metadata())
            for place, each in self.known.items()
            if place in places
        }

    def commit(self, progress: dict[Place, Progress]) -> bool:
        if not self.refuses:
            self.commits.append(
                {place: (each.position, each.metadata()) for place, each in progress.items()}
            )
            self.known |= {place: each.copy() for place, each in progress.items()}
        return not self.refuses

    def take(self, *offsets: int) -> list[Record]:
        return self.flight.add([_record(offset) for offset in offsets], self.committed)

    def finish(self, *records: Record) -> None:
        """These are done, and committed in a transaction."""
        for record in records:
            record.done = True
        self.flight.done(records)
        batch = self.flight.ready(100)
        self.known |= {place: each.copy() for place, each in batch.progress.items()}
        self.flight.settled(batch)

    def settle(self) -> None:
        self.now += SETTLE_S
        self.ends.step()

    def at(self, place: Place = PLACE) -> tuple[int, str]:
        return self.known[place].position, self.known[place].metadata()


def test_a_transactions_marker_is_no_lag_once_its_records_are_done() -> None:
    group = Group()
    group.finish(*group.take(0, 1, 2))
    assert group.at() == (3, "")
    group.ends.told(PLACE, 4)
    group.settle()
    assert group.at() == (4, "")


def test_the_end_of_a_partition_takes_nothing_along_that_is_not_done() -> None:
    group = Group()
    first, second = group.take(0, 2)
    group.ends.told(PLACE, 4)
    group.settle()
    assert group.commits == [], "the first is in work"
    group.finish(second)
    assert group.at() == (0, "ahead 1 3"), "nothing but the first is undone"
    group.finish(first)
    assert group.at() == (4, "")


def test_a_worker_that_dies_before_a_slow_record_is_done_has_committed_nothing_past_it() -> None:
    group = Group()
    slow, quick = group.take(0, 1)
    group.finish(quick)
    group.ends.told(PLACE, 3)
    group.settle()
    successor = Group(group.known)
    assert [each.offset for each in successor.take(0, 1)] == [slow.offset]


def test_aborted_transactions_keep_no_worker_alive() -> None:
    """They give no record at all: the partition is known by its end alone."""
    group = Group({PLACE: Progress(7)})
    group.ends.told(PLACE, 131)
    group.settle()
    assert group.at() == (131, "")
    group.ends.told(PLACE, 255)  # and again, in the same session
    group.settle()
    assert group.at() == (255, "")


def test_what_retention_or_compaction_took_away_unread_is_no_lag() -> None:
    never_read, behind = Group(), Group({PLACE: Progress(7, [9, 12])})
    for group in (never_read, behind):
        group.ends.told(PLACE, 60)
        group.settle()
        assert group.at() == (60, "")


def test_tombstones_that_were_cleaned_away_behind_the_last_record_are_no_lag() -> None:
    group = Group()
    group.finish(*group.take(3))
    group.ends.told(PLACE, 20)  # offsets 4 to 19 are of records that compaction removed
    group.settle()
    assert group.at() == (20, "")


def test_idle_partitions_cost_no_transaction() -> None:
    group = Group({PLACE: Progress(12)})
    group.ends.told(PLACE, 12)
    group.ends.told(OTHER, 0)  # empty, and never read
    group.settle()
    assert group.commits == []


def test_ends_under_a_light_load_are_committed_together_and_seldom() -> None:
    group = Group()
    for offset in range(0, 200, 2):  # records, and the marker of each
        group.now += SETTLE_S / 50
        group.finish(*group.take(offset))
        group.ends.told(PLACE, offset + 2)
        group.ends.told(OTHER, offset + 1)
        group.ends.step()
    assert len(group.commits) == 1
    group.settle()
    assert len(group.commits) == 2
    for _ in range(100):
        group.settle()
    assert len(group.commits) == 2, "nothing more is told, and nothing is committed"
    assert (group.at(), group.at(OTHER)) == ((200, ""), (199, ""))


def test_an_end_that_could_not_be_committed_is_committed_later() -> None:
    group = Group(refuses=True)
    group.finish(*group.take(0))
    group.ends.told(PLACE, 2)
    group.settle()
    assert group.at() == (1, "")
    group.refuses = False
    group.ends.step()
    assert group.at() == (1, ""), "not at once"
    group.settle()
    assert group.at() == (2, "")


def test_of_a_partition_that_went_to_another_worker_no_end_is_committed() -> None:
    group = Group({PLACE: Progress(3)})
    group.ends.told(PLACE, 9)
    group.flight.drop(PLACE)
    group.ends.let_go(PLACE)
    group.settle()
    assert group.commits == []


def test_a_topic_made_anew_is_behind_by_nothing_while_it_is_empty() -> None:
    group = Group({PLACE: Progress(900)})
    group.ends.told(PLACE, 0)
    group.settle()
    assert group.at() == (0, "")


def test_an_end_is_no_try_and_forgets_no_try() -> None:
    """What killed a process stays suspected, and what only ended is not."""
    group = Group({PLACE: Progress(3, tried=2), OTHER: Progress(3)})
    group.ends.told(OTHER, 5)
    group.ends.told(PLACE, 3)
    group.settle()
    assert group.flight.begun() == [], "nothing was begun"
    group.take(3, 4)
    group.ends.told(PLACE, 6)
    group.settle()
    assert group.at() == (3, "tried 2")
    notes = Notes(group.flight, {}, group.commit)
    assert group.flight.begun() == [PLACE]
    assert notes.begin([PLACE]) == [PLACE]
    assert notes.tries(PLACE) == 1


def test_a_stage_that_is_stuck_is_not_taken_for_one_that_moves() -> None:
    group = Group()
    group.take(0)
    before = group.flight.commits
    group.ends.told(OTHER, 5)
    group.settle()
    assert group.at(OTHER) == (5, "")
    assert group.flight.commits == before


@pytest.mark.parametrize("seed", range(20))
def test_whatever_dies_when_each_record_is_done_once_and_the_end_is_reached(seed: int) -> None:
    rng = random.Random(seed)
    offsets = sorted(rng.sample(range(200), 100))
    end = offsets[-1] + rng.randrange(1, 5)
    broker: dict[Place, Progress] = {}
    done: list[int] = []
    group = Group(broker)
    while not broker or broker[PLACE].position < end:
        group = Group(broker, refuses=rng.random() < 0.2)
        broker = group.known
        start = broker[PLACE].position if broker else 0
        there = [offset for offset in offsets if offset >= start]
        undone: list[Record] = []
        for _ in range(rng.randrange(1, 30)):  # and then the worker dies
            count = rng.randrange(0, 20)
            undone += group.take(*there[:count])
            given = there[:count]
            del there[:count]
            # The end may move while a transaction is open: it is told of what is over.
            told = there[0] if there else end
            if given or not there:
                group.ends.told(PLACE, rng.randrange(given[-1] + 1, told + 1) if given else told)
            if rng.random() < 0.5:
                group.settle()
            rng.shuffle(undone)
            ready, undone = undone[: len(undone) // 2 + 1], undone[len(undone) // 2 + 1 :]
            done += [each.offset for each in ready]
            group.finish(*ready)
    assert sorted(done) == offsets
    assert group.at() == (end, "")
