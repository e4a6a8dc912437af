"""What tenants' chunks say, word by word, in a file beside its shard, kept up with each write.

Counts are by chunk id, so that a change that is applied again counts once. They go before the
shard: a kill in between is mended when the change comes again.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from processors.text.lexicon import said

_TABLES = """
CREATE TABLE IF NOT EXISTS chunks (id TEXT PRIMARY KEY, tenant TEXT, words TEXT, pairs TEXT)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS words (tenant TEXT, word TEXT, n INTEGER, PRIMARY KEY (tenant, word))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS long_forms (
    tenant TEXT, short TEXT, long TEXT, n INTEGER, PRIMARY KEY (tenant, short, long)
) WITHOUT ROWID;
"""
_MOST = 500  # variables of one statement
_BETWEEN, _MEANS = "\n", "\t"


class WordCounts:
    """The words of every tenant, in one SQLite file. Safe to call from several threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = _opened(path)

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def become(self, other: WordCounts) -> None:
        """Go on with the other's file, which it lets go of."""
        with self._lock:
            before, self._file = self._file, other._file
            before.close()

    def sync(self) -> None:
        """Return once all of it would survive the machine's death."""
        with self._lock:
            self._file.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def rewrite(self, put: Mapping[str, tuple[str, str]], gone: Collection[str]) -> None:
        """Chunks by id, each with its tenant and text, and ids of those that are no more."""
        words: Counter[tuple[str, str]] = Counter()
        pairs: Counter[tuple[str, str, str]] = Counter()
        rows: list[tuple[str, str, str, str]] = []
        for chunk_id, (tenant, text) in put.items():
            has, means = said(text)
            words.update((tenant, word) for word in has)
            pairs.update((tenant, *pair) for pair in means)
            found = _BETWEEN.join(_MEANS.join(pair) for pair in means)
            rows.append((chunk_id, tenant, _BETWEEN.join(has), found))
        with self._lock:
            self._file.execute("BEGIN")
            try:
                self._subtract([*put, *gone], words, pairs)
                self._file.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?)", rows)
                self._add(words, pairs)
                self._file.execute("COMMIT")
            except BaseException:
                self._file.execute("ROLLBACK")
                raise

    def having(self, tenant: str, words: Collection[str]) -> dict[str, int]:
        """Those of `words` that some chunk of the tenant has, and how many have it."""
        left, found = [*words], dict[str, int]()
        with self._lock:
            for at in range(0, len(left), _MOST):
                some = left[at : at + _MOST]
                asked = ",".join("?" * len(some))
                query = f"SELECT word, n FROM words WHERE tenant = ? AND word IN ({asked})"  # noqa: S608
                found.update(self._file.execute(query, (tenant, *some)))
        return found

    def long_forms(self, tenant: str, short: str) -> dict[str, int]:
        """What an acronym stands for in the tenant's chunks, and in how many."""
        query = "SELECT long, n FROM long_forms WHERE tenant = ? AND short = ?"
        with self._lock:
            return dict(self._file.execute(query, (tenant, short)))

    def _subtract(
        self,
        ids: Sequence[str],
        words: Counter[tuple[str, str]],
        pairs: Counter[tuple[str, str, str]],
    ) -> None:
        """Take what these chunks said so far out of what is to be added, and forget them."""
        for at in range(0, len(ids), _MOST):
            some = ids[at : at + _MOST]
            where = f"WHERE id IN ({','.join('?' * len(some))})"
            query = f"SELECT tenant, words, pairs FROM chunks {where}"  # noqa: S608
            for tenant, has, means in self._file.execute(query, some).fetchall():
                words.subtract((tenant, word) for word in has.split(_BETWEEN) if word)
                for pair in filter(None, means.split(_BETWEEN)):
                    short, _, long = pair.partition(_MEANS)
                    pairs.subtract([(tenant, short, long)])
            self._file.execute(f"DELETE FROM chunks {where}", some)  # noqa: S608

    def _add(self, words: Counter[tuple[str, str]], pairs: Counter[tuple[str, str, str]]) -> None:
        self._file.executemany(
            "INSERT INTO words VALUES (?, ?, ?) "
            "ON CONFLICT (tenant, word) DO UPDATE SET n = n + excluded.n",
            _changed(words),
        )
        self._file.executemany(
            "INSERT INTO long_forms VALUES (?, ?, ?, ?) "
            "ON CONFLICT (tenant, short, long) DO UPDATE SET n = n + excluded.n",
            _changed(pairs),
        )
        self._file.executemany(
            "DELETE FROM words WHERE tenant = ? AND word = ? AND n <= 0",
            [key for key, n in words.items() if n < 0],
        )
        self._file.executemany(
            "DELETE FROM long_forms WHERE tenant = ? AND short = ? AND long = ? AND n <= 0",
            [key for key, n in pairs.items() if n < 0],
        )


def _opened(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    # What a power cut takes away is counted again when its chunks are written again.
    file.execute("PRAGMA journal_mode=WAL")
    file.execute("PRAGMA synchronous=NORMAL")
    file.executescript(_TABLES)
    return file


class TenantWords:
    """`Words` of one tenant."""

    def __init__(self, counts: WordCounts, tenant: str) -> None:
        self._counts = counts
        self._tenant = tenant

    def having(self, words: Collection[str]) -> Mapping[str, int]:
        return self._counts.having(self._tenant, words)

    def long_forms(self, short: str) -> Mapping[str, int]:
        return self._counts.long_forms(self._tenant, short)


def _changed(counts: Mapping[Any, int]) -> list[tuple[Any, ...]]:
    return [(*key, n) for key, n in counts.items() if n]
