"""The table of one partition of a store, in a file: what is committed, and up to where.

The changelog is the truth, the file a copy that spares reading it from the beginning. It says up to
which offset it is complete, and is thrown away where that or anything else in it cannot be so.
"""

from __future__ import annotations

import fcntl
import logging
import sqlite3
import time
import weakref
import zlib
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

log = logging.getLogger("millrace.worker")

FORMAT = 1
LOCK_S = 1.0  # how long whoever had the partition before may take to close the file
# A crash of the machine may lose the last transactions, and what is lost is read again; it must not
# tear one. SQLite keeps 2 MB of a file in memory unless it is told otherwise, and what was deleted.
_OPENED = f"""
    pragma journal_mode = wal;
    pragma synchronous = normal;
    pragma cache_size = -512;
    pragma secure_delete = on;
    create table if not exists entries (
        key blob primary key, value blob not null, at integer not null, crc integer not null
    );
    create index if not exists by_age on entries (at);
    create table if not exists complete (log text not null, position integer not null);
    pragma user_version = {FORMAT};
"""


class BrokenTableError(Exception):
    """The file cannot be read or written any more; without it, the changelog is read anew."""


@dataclass(frozen=True, slots=True)
class Change:
    """A key's new entry, or None where it is gone; `at` is milliseconds since the epoch."""

    key: bytes
    value: bytes | None
    at: int


class Table:
    """Entries by key. Its owner sees to it that one thread at a time uses it.

    Without a path, or where another process has the file still open, it is one that nobody else
    sees and that ends with it.
    """

    def __init__(self, path: Path | None = None) -> None:
        lock = None if path is None else _locked(path)
        self._path = path if lock else None
        try:
            self._db = _connected(self._path)
        except sqlite3.DatabaseError as error:
            _warn(self._path, error)
            _remove(self._path)
            try:
                self._db = _connected(self._path)
            except sqlite3.DatabaseError as again:
                if lock is not None:
                    lock.close()
                raise BrokenTableError(f"{path}: {again}") from again
        # Also when it is forgotten: no test has to close what it only looks at.
        self.close = weakref.finalize(self, _close, self._db, lock)

    @property
    def position(self) -> int | None:
        """Up to which offset of its changelog it is complete; None: it never was."""
        return self._complete()[1]

    @property
    def log(self) -> str:
        """Which changelog it copies: a topic that is made anew is another."""
        return self._complete()[0]

    def _complete(self) -> tuple[str, int | None]:
        with self._guarded():
            return self._db.execute("select log, position from complete").fetchone() or ("", None)

    def get(self, key: bytes, not_before: int) -> bytes | None:
        """The entry of a key, unless it is older than `not_before`.

        Raises:
            BrokenTableError: the file cannot be believed.
        """
        with self._guarded():
            row = self._db.execute(
                "select value, at, crc from entries where key = ?", (key,)
            ).fetchone()
            if row is None:
                return None
            value, at, crc = row
            if crc != _crc(key, value):
                raise sqlite3.DatabaseError("an entry is not what was written")
            return value if at >= not_before else None

    def apply(self, changes: Iterable[Change], position: int | None) -> None:
        """Take committed changes over; with them it is complete up to `position`.

        Raises:
            BrokenTableError: the file cannot be written.
        """
        with self._guarded(), self._db:
            for change in changes:
                if change.value is None:
                    self._db.execute("delete from entries where key = ?", (change.key,))
                else:
                    crc = _crc(change.key, change.value)
                    self._db.execute(
                        "insert or replace into entries values (?, ?, ?, ?)",
                        (change.key, change.value, change.at, crc),
                    )
            if position is not None:
                self._db.execute("update complete set position = ?", (position,))

    def begin(self, log: str, position: int) -> None:
        """Forget everything: from here on it copies this changelog from this offset."""
        with self._guarded(), self._db:
            self._db.execute("delete from entries")
            self._db.execute("delete from complete")
            self._db.execute("insert into complete values (?, ?)", (log, position))

    def expire(self, before: int, most: int) -> Sequence[bytes]:
        """Remove up to `most` entries that are older than this, the oldest first."""
        with self._guarded(), self._db:
            rows = self._db.execute(
                "select key, value from entries where at < ? order by at limit ?", (before, most)
            ).fetchall()
            self._db.executemany("delete from entries where key = ?", [(key,) for key, _ in rows])
            return [value for _, value in rows]

    def _discard(self) -> None:
        _remove(self._path)  # while it is locked
        self.close()

    @contextmanager
    def _guarded(self) -> Generator[None]:
        """Turns what SQLite says of the file into our own word for it."""
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # ours: the file is as it was
        except sqlite3.DatabaseError as error:
            _warn(self._path, error)
            self._discard()
            raise BrokenTableError(f"{self._path}: {error}") from error


def _connected(path: Path | None) -> sqlite3.Connection:
    # SQLite's own name for a file that is removed when it is closed is the empty one.
    db = sqlite3.connect(path or "", check_same_thread=False)
    try:
        found = db.execute("pragma user_version").fetchone()[0]
        if found not in (0, FORMAT):
            raise sqlite3.DatabaseError(f"it has format {found}, and this release {FORMAT}")
        db.executescript(_OPENED)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _locked(path: Path) -> IO[bytes] | None:
    """The lock of a file, which the kernel gives back however its holder ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_suffix(".lock").open("wb")
    until = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > until:
                lock.close()
                log.warning("a state file is in use: done without", extra={"file": str(path)})
                return None
            time.sleep(0.02)


def _close(db: sqlite3.Connection, lock: IO[bytes] | None) -> None:
    with suppress(sqlite3.Error):
        db.close()
    if lock is not None:
        lock.close()


def _remove(path: Path | None) -> None:
    if path is not None:
        for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            name.unlink(missing_ok=True)


def _crc(key: bytes, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(key))


def _warn(path: Path | None, error: sqlite3.DatabaseError) -> None:
    log.warning("a state file is thrown away", extra={"file": str(path), "reason": str(error)})
