"""What is known of newer versions, and how a backlog is read ahead."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from streams.runtime import ahead as ahead_module
from streams.runtime.ahead import ReadAhead
from streams.runtime.record import Record
from streams.runtime.settings import RuntimeSettings
from streams.runtime.versions import MOST_KEYS, Versions, stamp_in, written

PLACE = ("t", 0)


def _record(key: bytes | None, *stamp: int) -> Record:
    return Record("t", 0, 0, 0, key, b"", [("ce_id", b"x"), written(stamp)] if stamp else ())


def _note(versions: Versions, *records: Record) -> None:
    versions.note((record.key, record.headers) for record in records)


def test_a_record_is_superseded_by_a_higher_stamp_under_its_key_and_no_other() -> None:
    versions = Versions()
    _note(versions, _record(b"t/a", 2, 5, 0), _record(b"t/a", 1, 9, 0))
    assert versions.superseded(_record(b"t/a", 2, 4, 0))
    assert versions.superseded(_record(b"t/a", 1, 1 << 60, 0))
    assert not versions.superseded(_record(b"t/a", 2, 5, 0))
    assert not versions.superseded(_record(b"t/a", 2, 5, 1))
    assert not versions.superseded(_record(b"t/b", 1, 1, 0))


def test_parts_are_versions_of_the_whole() -> None:
    versions = Versions()
    _note(versions, _record(b"t/a\x003.2.0", 2, 0, 0))
    assert versions.superseded(_record(b"t/a", 1, 0, 0))
    assert versions.superseded(_record(b"t/a\x000.1.0", 1, 0, 0))


@pytest.mark.parametrize("value", [b"", b"x", b"1.x", b"1..2", None])
def test_of_a_stamp_that_cannot_be_read_nothing_follows(value: bytes | None) -> None:
    versions = Versions()
    assert stamp_in([("stamp", value)]) is None
    versions.note([(b"k", [("stamp", value)]), (None, [written((9,))])])
    _note(versions, _record(b"k", 5))
    foreign = Record("t", 0, 0, 0, b"k", b"", [("stamp", value)])
    assert not versions.superseded(foreign)
    assert not versions.superseded(_record(b"k"))
    assert not versions.superseded(_record(None, 1))


def test_of_many_keys_the_oldest_are_forgotten() -> None:
    versions = Versions()
    for n in range(MOST_KEYS + 1):
        _note(versions, _record(b"%d" % n, 2), _record(b"often", 2))
    assert not versions.superseded(_record(b"0", 1))
    assert versions.superseded(_record(b"%d" % MOST_KEYS, 1))
    assert versions.superseded(_record(b"often", 1))


@dataclass
class Log:
    """A consumer of one partition whose records have these keys and stamps."""

    records: list[tuple[bytes, int]] = field(default_factory=list[tuple[bytes, int]])
    at: int = -1
    assigned: list[int] = field(default_factory=list[int])

    def assign(self, places: list[TopicPartition]) -> None:
        self.at = places[0].offset
        self.assigned.append(self.at)

    def unassign(self) -> None:
        self.at = -1

    def consume(self, count: int, _timeout: float) -> list[Any]:
        found = [
            _Message(n, *self.records[n])
            for n in range(self.at, min(self.at + count, len(self.records)))
        ]
        self.at += len(found)
        return found

    def close(self) -> None:
        pass


@dataclass
class _Message:
    number: int
    named: bytes
    version: int

    def topic(self) -> str:
        return PLACE[0]

    def partition(self) -> int:
        return PLACE[1]

    def offset(self) -> int:
        return self.number

    def key(self) -> bytes:
        return self.named

    def headers(self) -> list[tuple[str, bytes]]:
        return [written((self.version,))]

    def error(self) -> None:
        return None


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    made = Log()
    monkeypatch.setattr(ahead_module.kafka, "new_consumer", lambda _: made)
    return made


def _ahead() -> tuple[ReadAhead, Versions]:
    versions = Versions()
    return ReadAhead(RuntimeSettings(bootstrap_servers="b:1"), "g", versions), versions


def test_a_backlog_is_read_from_where_the_work_stands_and_only_while_there_is_one(log: Log) -> None:
    ahead, versions = _ahead()
    ahead.look({PLACE: (3, 3)})
    ahead.read()
    assert log.assigned == [], "there is nothing to read ahead of"
    log.records = [(b"k", n) for n in range(1000)]
    ahead.look({PLACE: (3, 1000)})
    ahead.read()
    assert ahead.reading
    assert versions.superseded(_record(b"k", 4))
    for taken in (10, 20, 999):
        ahead.look({PLACE: (taken, 1000)})
        ahead.read()
    assert log.assigned == [3, 999], "it goes on from where it is, unless it was overtaken"
    ahead.look({PLACE: (1000, 1000)})
    assert not ahead.reading


def test_it_reads_no_further_ahead_than_it_can_remember(log: Log) -> None:
    ahead, _ = _ahead()
    log.records = [(b"%d" % n, 1) for n in range(3 * MOST_KEYS)]
    for _ in range(200):
        ahead.look({PLACE: (0, len(log.records))})
        ahead.read()
    assert MOST_KEYS < log.at < MOST_KEYS + 500
    assert not ahead.reading
    ahead.look({PLACE: (5000, len(log.records))})
    ahead.read()
    assert ahead.reading


def test_what_comes_in_hand_is_known_without_reading_ahead() -> None:
    ahead, versions = _ahead()
    ahead.taken([_record(b"k", 1), _record(b"k", 2)])
    assert versions.superseded(_record(b"k", 1))
