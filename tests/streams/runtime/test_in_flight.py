"""What may be committed, whatever stands before it, and what the committed metadata remembers."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from streams.runtime import in_flight as module
from streams.runtime.in_flight import AHEAD, InFlight, Place, Progress
from streams.runtime.processing import Record

PLACE: Place = "t", 0


def _record(offset: int, key: str | None = None) -> Record:
    name = str(offset) if key is None else key
    return Record("t", 0, offset, 0, name.encode(), b"", (), size=1)


def _unread(places: Sequence[Place]) -> dict[Place, Progress]:
    return {}


def _finish(flight: InFlight, *records: Record) -> None:
    for record in records:
        record.done = True
    flight.done(records)


def _commit(flight: InFlight, most: int = 100) -> tuple[list[int], int, str]:
    """Offsets of a transaction's records, and the offset and metadata that it commits."""
    batch = flight.ready(most)
    flight.settled(batch)
    progress = batch.progress[PLACE]
    return [each.offset for each in batch.records], progress.position, progress.metadata()


def test_a_slow_record_holds_back_its_offset_and_nobodys_outputs() -> None:
    flight = InFlight()
    records = [_record(offset) for offset in range(6)]
    assert flight.add(records, _unread) == records
    _finish(flight, records[0], records[3], records[2])
    assert _commit(flight) == ([0, 3, 2], 1, "ahead 1 2")
    _finish(flight, records[5])
    assert _commit(flight) == ([5], 1, "ahead 1 2 1 1")
    _finish(flight, records[1], records[4])
    assert _commit(flight) == ([1, 4], 6, "")
    assert (flight.records, flight.bytes) == (0, 0)


def test_a_successor_skips_what_was_done_ahead() -> None:
    known: dict[Place, Progress] = {PLACE: Progress.read(1, "ahead 1 2 1 1")}
    flight = InFlight()
    fresh = flight.add([_record(offset) for offset in range(1, 8)], lambda _: known)
    assert [each.offset for each in fresh] == [1, 4, 6, 7]
    _finish(flight, *fresh)
    assert _commit(flight) == ([1, 4, 6, 7], 8, "")


def test_offsets_that_hold_no_record_cost_nothing() -> None:
    """As transactions of one record have them: every second is a marker."""
    flight = InFlight()
    records = [_record(offset) for offset in range(10, 30, 2)]
    flight.add(records, _unread)
    _finish(flight, *records[1:])
    assert _commit(flight)[1:] == (10, "ahead 1 18")
    _finish(flight, records[0])
    assert _commit(flight)[1:] == (29, "")


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_work_and_any_restarts_do_each_record_once(seed: int) -> None:
    rng = random.Random(seed)
    offsets = sorted(rng.sample(range(400), 200))
    committed: dict[Place, Progress] = {}
    done: list[int] = []
    end = offsets[-1] + 1
    while PLACE not in committed or committed[PLACE].position < end:
        start = committed[PLACE].position if committed else 0
        kept = {
            place: Progress.read(each.position, each.metadata())
            for place, each in committed.items()
        }
        flight = InFlight()
        there = [_record(offset) for offset in offsets if offset >= start]
        undone: list[Record] = []
        for _ in range(rng.randrange(1, 30)):  # and then the worker dies
            if there and rng.random() < 0.5:
                count = rng.randrange(1, 20)
                undone += flight.add(there[:count], lambda _, kept=kept: kept)
                del there[:count]
            rng.shuffle(undone)
            ready, undone = undone[: len(undone) // 2 + 1], undone[len(undone) // 2 + 1 :]
            _finish(flight, *ready)
            batch = flight.ready(rng.randrange(1, 20))
            if rng.random() < 0.7:  # else the transaction is aborted
                flight.settled(batch)
                committed |= batch.progress
                done += [each.offset for each in batch.records]
            if not there and not undone and not flight.records:
                break
    assert sorted(done) == offsets


def test_metadata_stays_within_what_a_broker_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_RANGES", 3)
    flight = InFlight()
    records = [_record(offset) for offset in range(40)]
    flight.add(records, _unread)
    _finish(flight, *records[1::2])
    assert _commit(flight) == ([1, 3, 5], 0, "ahead 1 1 1 1 1 1")
    _finish(flight, records[4])  # within the ranges, but behind one that waits
    assert flight.ready(100).records == []
    _finish(flight, records[0])
    assert _commit(flight)[0] == [0]
    assert _commit(flight)[0] == [7], "and now 9 waits, and 4 with it"
    _finish(flight, records[2], *records[6::2])
    while flight.records:
        _commit(flight)
    longest = Progress(0)
    for number in range(300):
        longest.add(3495 * number + 1000, 3495 * number + 2000)
    assert not longest.takes(1 << 20, (1 << 20) + 1)
    assert len(longest.metadata()) < 3500


def test_of_what_others_wrote_nothing_is_believed() -> None:
    for metadata in (None, "", "by hand", f"{AHEAD} 1", f"{AHEAD} 1 -2", f"{AHEAD} x y", "ahead"):
        assert Progress.read(5, metadata).metadata() == ""
        assert 6 not in Progress.read(5, metadata)


def test_a_topic_made_anew_is_read_from_its_beginning() -> None:
    flight = InFlight()
    fresh = flight.add([_record(0), _record(1)], lambda _: {PLACE: Progress(900, [901, 950])})
    assert len(fresh) == 2


def test_records_put_aside_leave_room_for_others() -> None:
    flight = InFlight()
    records = [_record(offset) for offset in range(3)]
    flight.add(records, _unread)
    flight.put_aside(records[0])
    assert (flight.records, flight.bytes, flight.aside) == (2, 2, 1)
    _finish(flight, *records)
    assert _commit(flight) == ([0, 1, 2], 3, "")
    assert (flight.records, flight.bytes, flight.aside) == (0, 0, 0)


def test_of_a_lost_partition_nothing_is_committed_or_begun() -> None:
    flight = InFlight()
    records = [_record(offset) for offset in range(4)]
    flight.add(records, _unread)
    flight.put_aside(records[3])
    _finish(flight, records[0])
    flight.drop(PLACE)
    assert all(each.done for each in records)
    flight.add([again := _record(0)], _unread)  # it comes back
    _finish(flight, *records[1:])  # a lane had begun one of them
    flight.put_aside(records[2])
    assert flight.ready(100).records == []
    assert (flight.records, flight.bytes, flight.aside) == (1, 1, 0)
    _finish(flight, again)
    assert _commit(flight)[0] == [0]


def test_what_one_key_has_in_two_topics_is_committed_in_the_order_it_was_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As state needs it: the second saw what the first had made of their key's entry."""
    monkeypatch.setattr(module, "MOST_AHEAD", 2)
    slow, near, far = (_record(offset) for offset in (0, 1, 5))
    same, other = (
        Record("b", 0, offset, 0, key, b"", ()) for offset, key in enumerate([b"5", b"9"])
    )
    flight = InFlight()
    flight.add([slow, near, far, same, other], _unread)
    _finish(flight, far, same, other, near)
    assert not flight.ready(10).records
    _finish(flight, slow)
    committed: list[Record] = []
    while batch := flight.ready(10).records:
        committed += batch
        flight.settled(flight.ready(10))
    assert committed == [slow, near, far, same, other]
