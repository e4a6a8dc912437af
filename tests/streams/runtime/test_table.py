"""The file that spares a worker its changelog: what it holds, and when it is not believed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from streams.runtime import table as table_module
from streams.runtime.table import BrokenTableError, Change, Table

LONG = b"value " * 40


def _filled(path: Path, count: int = 50) -> None:
    table = Table(path)
    table.begin("log", 0)
    table.apply([Change(b"k%d" % each, LONG + b"%d" % each, each) for each in range(count)], count)
    table.close()


def test_what_was_applied_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "0.sqlite"
    _filled(path)
    table = Table(path)
    assert (table.log, table.position) == ("log", 50)
    assert table.get(b"k7", 0) == LONG + b"7"
    assert table.get(b"other", 0) is None


def test_a_key_has_its_newest_entry_or_none() -> None:
    table = Table()
    table.begin("log", 0)
    table.apply([Change(b"a", b"1", 1), Change(b"a", b"2", 2), Change(b"b", b"1", 2)], 3)
    table.apply([Change(b"b", None, 3)], 4)
    assert (table.get(b"a", 0), table.get(b"b", 0), table.position) == (b"2", None, 4)


def test_changes_without_a_place_leave_it_as_complete_as_it_was() -> None:
    table = Table()
    table.begin("log", 5)
    table.apply([Change(b"a", b"1", 1)], None)
    assert (table.get(b"a", 0), table.position) == (b"1", 5)


def test_what_is_too_old_is_not_given_and_goes_the_oldest_first() -> None:
    table = Table()
    table.begin("log", 0)
    table.apply([Change(b"k%d" % each, b"%d" % each, each) for each in (3, 1, 2)], 3)
    assert (table.get(b"k1", 2), table.get(b"k2", 2)) == (None, b"2")
    assert table.expire(3, 1) == [b"1"]
    assert table.expire(3, 5) == [b"2"]
    assert table.get(b"k1", 0) is None


def test_one_that_begins_anew_has_nothing_of_before(tmp_path: Path) -> None:
    path = tmp_path / "0.sqlite"
    _filled(path)
    table = Table(path)
    table.begin("another", 9)
    assert (table.log, table.position, table.get(b"k1", 0)) == ("another", 9, None)


@pytest.mark.parametrize("kind", ["no such format", "another release's", "cut short"])
def test_a_file_that_cannot_be_read_is_begun_anew(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "0.sqlite"
    _filled(path)
    if kind == "no such format":
        path.write_bytes(b"nothing that SQLite knows" * 1000)
    elif kind == "cut short":
        path.write_bytes(path.read_bytes()[: 4096 + 100])
    else:
        with sqlite3.connect(path) as db:
            db.execute("pragma user_version = 99")
        db.close()
    table = Table(path)
    assert table.position is None
    table.begin("log", 0)
    table.apply([Change(b"a", b"1", 1)], 1)
    assert table.get(b"a", 0) == b"1"


def test_an_entry_that_changed_on_the_disk_is_not_given(tmp_path: Path) -> None:
    path = tmp_path / "0.sqlite"
    _filled(path)
    content = path.read_bytes()
    at = content.index(LONG + b"33")
    path.write_bytes(content[:at] + b"V" + content[at + 1 :])
    table = Table(path)
    assert table.get(b"k7", 0) == LONG + b"7"
    with pytest.raises(BrokenTableError, match="an entry is not what was written"):
        table.get(b"k33", 0)
    assert not path.exists()
    assert Table(path).position is None


def test_a_file_that_somebody_has_open_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_module, "LOCK_S", 0.05)
    path = tmp_path / "0.sqlite"
    _filled(path)
    first = Table(path)
    second = Table(path)
    assert second.position is None
    second.begin("log", 0)
    second.apply([Change(b"k1", b"mine", 1)], 7)
    assert (first.get(b"k1", 0), first.position) == (LONG + b"1", 50)
    second.close()
    first.close()
    assert Table(path).position == 50
