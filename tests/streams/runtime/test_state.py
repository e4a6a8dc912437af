"""Keyed state: what a record sees of it, and what is left of it after crashes."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from schemas.events import DocumentFed, FeedbackGiven
from streams.flow.port import Opened
from streams.runtime.codec import Codec
from streams.runtime.processing import Record
from streams.runtime.restoring import HOUR_MS, Stretch, Tables
from streams.runtime.settings import RuntimeSettings
from streams.runtime.spans import DerivedSpans
from streams.runtime.state import Keeper
from streams.runtime.stretches import Extent, Going
from streams.runtime.telemetry import REGISTRY, StageMetrics
from streams.runtime.testing import Changelog, Driver
from tests.support.counting import (
    HOURS,
    counting,
    counts,
    dead_letters,
    documents,
    feedback,
    numbered,
)

IN, TOO, OUT, COUNTS = documents("test"), feedback("test"), numbered("test"), counts("test")
CODEC = Codec()


def _fed(doc_id: str, body: str = "") -> DocumentFed:
    return DocumentFed(op="upsert", tenant="t", doc_id=doc_id, body=body)


def _said(request_id: str) -> FeedbackGiven:
    return FeedbackGiven(tenant="t", request_id=request_id, rating=1, comment="said")


def _numbers(driver: Driver) -> dict[str, list[int | None]]:
    found: dict[str, list[int | None]] = defaultdict(list)
    for event in driver.events(OUT):
        found[event.doc_id].append(event.version)
    return dict(found)


def _told(what: str) -> float:
    """What the metrics say of the stage's state."""
    return REGISTRY.get_sample_value(f"millrace_state_{what}_total", {"stage": "count"}) or 0


class Bench:
    """A keeper on a changelog that a test writes as a broker would."""

    def __init__(self) -> None:
        self.now = 1_000_000_000
        self.log: dict[str, list[list[Record]]] = {}
        self.keeper = self.anew()
        self._offset = 0

    def anew(self, changelog: Changelog | None = None, folder: Path | None = None) -> Keeper:
        """A new session's."""
        stage, metrics = counting(), StageMetrics("count")
        changelog = changelog or Changelog(self.log, COUNTS.changelog.name)
        tables = Tables(stage, CODEC, metrics, changelog, folder, lambda: self.now)
        return Keeper(
            stage,
            Opened({}),
            CODEC,
            RuntimeSettings(),
            metrics,
            DerivedSpans(),
            tables,
            lambda: self.now,
        )

    def record(self, doc_id: str, body: str = "", partition: int = 0) -> Record:
        self._offset += 1
        event = _fed(doc_id, body)
        value = CODEC.encode(IN.name, event)
        return Record(IN.name, partition, self._offset, self.now, IN.key(event).encode(), value, ())

    def commit(self, records: Iterable[Record], keeper: Keeper | None = None) -> None:
        """What a transaction does; without a keeper, one that another worker commits."""
        partitions = self.log.setdefault(COUNTS.changelog.name, [[] for _ in range(4)])
        committed = [*records]
        for output in (each for record in committed for each in record.outputs):
            if output.topic == COUNTS.changelog.name:
                log, number = partitions[output.partition], output.partition
                log.append(
                    Record(output.topic, number, len(log), self.now, output.key, output.value, ())
                )
                if keeper is not None:
                    keeper.written(number, len(log))
        if keeper is not None:
            keeper.settled(committed)


def _number(record: Record) -> int | None:
    (value,) = [each.value for each in record.outputs if each.topic == OUT.name]
    return CODEC.decode(OUT, value).version


def test_each_record_sees_what_those_before_it_under_its_key_have_made_of_the_state() -> None:
    driver = Driver([counting()])
    for doc_id in "aabab":
        driver.send(IN, _fed(doc_id))
    driver.run()
    assert _numbers(driver) == {"a": [1, 2, 3], "b": [1, 2]}


def test_records_of_two_topics_meet_under_one_key() -> None:
    driver = Driver([counting()])
    driver.send(IN, _fed("a"))
    driver.send(TOO, _said("a"))
    driver.run()
    driver.send(IN, _fed("a"))
    driver.run()
    assert _numbers(driver) == {"a": [1, 2, 3]}


def test_a_dead_letter_leaves_the_state_as_it_was() -> None:
    driver = Driver([counting()])
    for body in ("", "reject", ""):
        driver.send(IN, _fed("a", body))
    driver.run()
    assert _numbers(driver) == {"a": [1, 2]}
    assert [each.reason for each in driver.dead_letters(dead_letters("test"))] == ["it says so"]


def test_an_entry_too_large_for_a_record_makes_a_dead_letter_and_leaves_the_state_as_it_was() -> (
    None
):
    driver = Driver([counting()])
    driver.send(IN, _fed("a"))
    # As an output it has just room; its number, and the entry's key, are what is too much.
    driver.send(IN, _fed("a", "x" * (1024 * 1024)))
    driver.send(IN, _fed("a"))
    driver.run()
    assert _numbers(driver) == {"a": [1, 2]}
    (letter,) = driver.dead_letters(dead_letters("test"))
    assert "a record holds 1,015,808" in letter.reason


def test_a_record_without_a_key_is_a_dead_letter() -> None:
    driver = Driver([counting()])
    driver.send(IN, _fed("a"), key=None)
    driver.run()
    (letter,) = driver.dead_letters(dead_letters("test"))
    assert letter.reason == "the record has no key, and count keeps state by key"


def test_what_is_deleted_is_gone_and_says_so_in_the_changelog() -> None:
    driver = Driver([counting()])
    for body in ("", "forget", ""):
        driver.send(IN, _fed("a", body))
    driver.run()
    assert _numbers(driver) == {"a": [1, 2, 1]}
    values = [each.value for each in driver.records(COUNTS.changelog.name)]
    assert [value is None for value in values] == [False, True, False]


def test_a_change_stands_in_the_partition_of_its_record_whatever_its_key() -> None:
    bench = Bench()
    record = bench.record("a", partition=3)
    bench.keeper([record])
    (change,) = [each for each in record.outputs if each.topic == COUNTS.changelog.name]
    assert (change.partition, change.key) == (3, b"t/a")


def test_behind_a_record_that_is_to_be_tried_again_its_key_waits_and_others_go_on() -> None:
    bench = Bench()
    first, second, other = bench.record("a", "retry"), bench.record("a"), bench.record("b")
    again = bench.keeper([first, second, other])
    assert again == [first, second]
    assert (other.done, second.done) == (True, False)
    assert bench.keeper(again) == []
    assert [_number(each) for each in (first, second, other)] == [1, 2, 1]


def test_what_is_not_committed_is_seen_in_its_session_and_by_no_other() -> None:
    bench = Bench()
    first, second, third = (bench.record("a") for _ in range(3))
    bench.keeper([first])
    bench.commit([first], bench.keeper)
    bench.keeper([second])
    bench.keeper([third])
    assert _number(third) == 3
    # Their transaction is aborted: the results wait to be sent again, and what comes sees them.
    fourth = bench.record("a")
    bench.keeper([fourth])
    assert _number(fourth) == 4
    bench.keeper.close()
    again = bench.record("a")
    bench.anew()([again])
    assert _number(again) == 2


def test_changes_that_are_committed_one_by_one_hide_none_that_is_not() -> None:
    bench = Bench()
    records = [bench.record("a") for _ in range(3)]
    bench.keeper(records)
    bench.commit(records[:1], bench.keeper)
    fourth = bench.record("a")
    bench.keeper([fourth])
    assert _number(fourth) == 4
    bench.commit([*records[1:], fourth], bench.keeper)
    fifth = bench.record("a")
    bench.keeper([fifth])
    assert _number(fifth) == 5


def test_a_partition_that_comes_back_has_what_another_worker_made_of_it() -> None:
    bench = Bench()
    mine, lost = bench.record("a"), bench.record("a")
    bench.keeper([mine])
    bench.commit([mine], bench.keeper)
    bench.keeper([lost])
    bench.keeper.let_go(0)
    other = bench.anew()
    theirs = [bench.record("a") for _ in range(5)]
    other(theirs)
    bench.commit(theirs, other)
    back = bench.record("a")
    bench.keeper([back])
    assert _number(back) == 7


def test_records_of_a_partition_that_went_while_they_waited_touch_nothing() -> None:
    bench = Bench()
    stale = bench.record("a")
    stale.done = True  # as InFlight leaves it
    bench.keeper([stale])
    fresh = bench.record("a")
    bench.keeper([fresh])
    assert not stale.outputs
    assert _number(fresh) == 1


def test_a_partition_that_goes_while_its_state_is_restored_is_left_alone() -> None:
    bench = Bench()
    before = bench.record("a")
    bench.keeper([before])
    bench.commit([before])

    class Slow(Changelog):
        def read(self, partition: int, start: int, end: int, going: Going) -> Iterator[Stretch]:
            yield from super().read(partition, start, end, going)
            keeper.let_go(partition)
            going()

    keeper = bench.anew(Slow(bench.log, COUNTS.changelog.name))
    record = bench.record("a")
    assert keeper([record]) == []
    assert not record.done
    assert not record.outputs


def test_an_entry_is_gone_once_it_is_older_than_its_changelog_keeps_it() -> None:
    bench = Bench()
    records = [bench.record("a"), bench.record("a"), bench.record("b")]
    bench.keeper(records)
    bench.commit(records, bench.keeper)
    unmet, expired = _told("unmet"), _told("expired")
    bench.now += HOURS * HOUR_MS + 1
    late = bench.record("a")
    bench.keeper([late])
    assert _number(late) == 1
    bench.commit([late], bench.keeper)
    # What was just written anew under one key did not expire; under the other, one waited.
    assert (_told("expired"), _told("unmet")) == (expired + 1, unmet + 1)


def test_what_the_log_keeps_longer_than_it_must_is_not_restored() -> None:
    bench = Bench()
    old = bench.record("a")
    bench.keeper([old])
    bench.commit([old])
    bench.now += HOURS * HOUR_MS + 1
    expired = _told("expired")
    late = bench.record("a")
    bench.anew()([late])
    assert _number(late) == 1
    assert _told("expired") == expired, "it was told when it went"


@dataclass(frozen=True, slots=True)
class Other(Changelog):
    """What is no continuation of what the file was copied from."""

    extends: Callable[[Extent], Extent]

    def extent(self, partition: int, going: Going) -> Extent:
        return self.extends(Changelog.extent(self, partition, going))


# What is next numbered, of a file that copied three records of a log which now
FATES: dict[str, tuple[int, Callable[[Extent], Extent]]] = {
    "goes on": (4, lambda extent: extent),
    "is a topic made anew": (2, lambda extent: replace(extent, log="anew")),
    "ends before": (2, lambda extent: replace(extent, end=1)),
    "begins behind": (1, lambda extent: replace(extent, first=4, end=4)),
}


@pytest.mark.parametrize("fate", FATES)
def test_a_file_counts_for_nothing_unless_its_log(fate: str, tmp_path: Path) -> None:
    number, extends = FATES[fate]
    bench = Bench()
    first = bench.anew(folder=tmp_path)
    records = [bench.record("a") for _ in range(3)]
    first(records)
    bench.commit(records, first)
    first.close()
    if fate == "is a topic made anew":
        log = bench.log[COUNTS.changelog.name][0]
        log[:] = [log[0]] * 3
    second = bench.anew(Other(bench.log, COUNTS.changelog.name, extends), folder=tmp_path)
    last = bench.record("a")
    second([last])
    assert _number(last) == number
    second.close()


def test_what_was_committed_is_not_read_from_the_log_again(tmp_path: Path) -> None:
    bench = Bench()
    first = bench.anew(folder=tmp_path)
    records = [bench.record("a") for _ in range(3)]
    first(records)
    bench.commit(records, first)
    first.close()
    bench.log[COUNTS.changelog.name][0][:] = []  # as if compacted: nothing to read, all complete
    read = _told("restored")
    same = Other(bench.log, COUNTS.changelog.name, lambda extent: replace(extent, end=3))
    second = bench.anew(same, folder=tmp_path)
    last = bench.record("a")
    second([last])
    assert (_number(last), _told("restored")) == (4, read)
    second.close()


@pytest.mark.parametrize("seed", range(12))
def test_any_crashes_number_every_record_once_and_in_order(seed: int) -> None:
    rng = random.Random(seed)
    crashes = 0

    def fault(_stage: str, _moment: str) -> bool:
        nonlocal crashes
        crash = rng.random() < 0.3
        crashes += crash
        return crash

    driver = Driver([counting()], batch=3, fault=fault)
    wanted: dict[str, int] = defaultdict(int)
    for _ in range(120):
        name = f"d{rng.randrange(9)}"
        wanted[name] += 1
        if rng.random() < 0.4:
            driver.send(TOO, _said(name))
        else:
            driver.send(IN, _fed(name, rng.choice(["", "", "retry"])))
        if rng.random() < 0.2:
            driver.run()
    driver.run()
    assert _numbers(driver) == {name: [*range(1, n + 1)] for name, n in wanted.items()}
    assert crashes > 10
    assert not driver.dead_letters(dead_letters("test"))
