"""What tenants' chunks say, word by word, in a file beside its shard, kept up with each write.

Counts are by who may see the chunks: a correction tells nobody a word that stands only in what they
may not see. They are by chunk id, too, so that a change that is applied again counts once. They go
before the shard: a kill in between is mended when the change comes again.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from connectors.payloads import fence_id, read_text
from processors.guard.access import Access
from processors.ports import Document
from processors.text.lexicon import said
from schemas.events import DocumentEmbedded, EmbeddedChunk

_TABLES = """
CREATE TABLE IF NOT EXISTS chunks (
    id TEXT PRIMARY KEY, document TEXT, tenant TEXT, labels TEXT, words TEXT, pairs TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS documents ON chunks (document);
CREATE TABLE IF NOT EXISTS words (
    tenant TEXT, word TEXT, labels TEXT, n INTEGER, PRIMARY KEY (tenant, word, labels)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS long_forms (
    tenant TEXT, short TEXT, long TEXT, labels TEXT, n INTEGER,
    PRIMARY KEY (tenant, short, long, labels)
) WITHOUT ROWID;
"""
_MOST = 500  # variables of one statement
_BETWEEN, _MEANS = "\n", "\t"


class Spoken(NamedTuple):
    """What a chunk says, of which document it is, and who may see that."""

    chunk_id: str
    document: str
    tenant: str
    labels: str
    text: str


def said_of(document: Document, change: DocumentEmbedded, item: EmbeddedChunk) -> Spoken:
    """A chunk as it is counted."""
    version = change.document
    labels = _labels(version.classes or (), version.acl or ())
    text = read_text(change, item)
    return Spoken(item.chunk.chunk_id, fence_id(document), document[0], labels, text)


def kept(chunk_id: str, payload: Mapping[str, Any], text: str) -> Spoken:
    """A chunk as it is counted, of what the shard has of it."""
    labels = _labels(payload["classes"], payload["acl"])
    return Spoken(chunk_id, payload["document"], payload["tenant"], labels, text)


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

    def rewrite(self, put: Sequence[Spoken], gone: Collection[str]) -> None:
        """Count chunks, and forget those that are no more, by id."""
        words: Counter[tuple[str, str, str]] = Counter()
        pairs: Counter[tuple[str, str, str, str]] = Counter()
        rows: list[tuple[str, ...]] = []
        for each in put:
            has, means = said(each.text)
            words.update((each.tenant, word, each.labels) for word in has)
            pairs.update((each.tenant, *pair, each.labels) for pair in means)
            found = _BETWEEN.join(_MEANS.join(pair) for pair in means)
            rows.append((*each[:4], _BETWEEN.join(has), found))
        with self._lock, self._transaction():
            self._subtract([*(each.chunk_id for each in put), *gone], words, pairs)
            self._file.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._add(words, pairs)

    def relabel(self, document: str, classes: Sequence[str], acl: Sequence[str]) -> None:
        """Others may see a document: its words move."""
        labels = _labels(classes, acl)
        words: Counter[tuple[str, str, str]] = Counter()
        pairs: Counter[tuple[str, str, str, str]] = Counter()
        query = "SELECT tenant, labels, words, pairs FROM chunks WHERE document = ?"
        with self._lock, self._transaction():
            for tenant, former, has, means in self._file.execute(query, (document,)).fetchall():
                _move(words, pairs, (tenant, has, means), former, -1)
                _move(words, pairs, (tenant, has, means), labels, 1)
            update = "UPDATE chunks SET labels = ? WHERE document = ?"
            self._file.execute(update, (labels, document))
            self._add(words, pairs)

    def having(self, tenant: str, words: Collection[str], access: Access) -> dict[str, int]:
        """Those of `words` that some chunk has which may be seen, and how many have it."""
        left, found = [*words], Counter[str]()
        with self._lock:
            for at in range(0, len(left), _MOST):
                some = left[at : at + _MOST]
                asked = ",".join("?" * len(some))
                query = f"SELECT word, labels, n FROM words WHERE tenant = ? AND word IN ({asked})"  # noqa: S608
                for word, labels, n in self._file.execute(query, (tenant, *some)):
                    found[word] += n * _allows(access, labels)
        return {word: n for word, n in found.items() if n > 0}

    def long_forms(self, tenant: str, short: str, access: Access) -> dict[str, int]:
        """What an acronym stands for in the chunks that may be seen, and in how many."""
        query = "SELECT long, labels, n FROM long_forms WHERE tenant = ? AND short = ?"
        found = Counter[str]()
        with self._lock:
            for long, labels, n in self._file.execute(query, (tenant, short)):
                found[long] += n * _allows(access, labels)
        return {long: n for long, n in found.items() if n > 0}

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._file.execute("BEGIN")
        try:
            yield
            self._file.execute("COMMIT")
        except BaseException:
            self._file.execute("ROLLBACK")
            raise

    def _subtract(
        self,
        ids: Sequence[str],
        words: Counter[tuple[str, str, str]],
        pairs: Counter[tuple[str, str, str, str]],
    ) -> None:
        """Take what these chunks said so far out of what is to be added, and forget them."""
        for at in range(0, len(ids), _MOST):
            some = ids[at : at + _MOST]
            where = f"WHERE id IN ({','.join('?' * len(some))})"
            query = f"SELECT tenant, labels, words, pairs FROM chunks {where}"  # noqa: S608
            for tenant, labels, has, means in self._file.execute(query, some).fetchall():
                _move(words, pairs, (tenant, has, means), labels, -1)
            self._file.execute(f"DELETE FROM chunks {where}", some)  # noqa: S608

    def _add(
        self, words: Counter[tuple[str, str, str]], pairs: Counter[tuple[str, str, str, str]]
    ) -> None:
        self._file.executemany(
            "INSERT INTO words VALUES (?, ?, ?, ?) "
            "ON CONFLICT (tenant, word, labels) DO UPDATE SET n = n + excluded.n",
            _changed(words),
        )
        self._file.executemany(
            "INSERT INTO long_forms VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (tenant, short, long, labels) DO UPDATE SET n = n + excluded.n",
            _changed(pairs),
        )
        self._file.executemany(
            "DELETE FROM words WHERE tenant = ? AND word = ? AND labels = ? AND n <= 0",
            [key for key, n in words.items() if n < 0],
        )
        self._file.executemany(
            "DELETE FROM long_forms "
            "WHERE tenant = ? AND short = ? AND long = ? AND labels = ? AND n <= 0",
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
    """`Words` of what somebody may see of one tenant."""

    def __init__(self, counts: WordCounts, tenant: str, access: Access) -> None:
        self._counts = counts
        self._tenant = tenant
        self._access = access

    def having(self, words: Collection[str]) -> Mapping[str, int]:
        return self._counts.having(self._tenant, words, self._access)

    def long_forms(self, short: str) -> Mapping[str, int]:
        return self._counts.long_forms(self._tenant, short, self._access)


def _labels(classes: Sequence[str], acl: Sequence[str]) -> str:
    return json.dumps([sorted({*classes}), sorted({*acl})])


@lru_cache(maxsize=4096)
def _allows(access: Access, labels: str) -> bool:
    return access.allows(*json.loads(labels))


def _move(
    words: Counter[tuple[str, str, str]],
    pairs: Counter[tuple[str, str, str, str]],
    row: tuple[str, str, str],
    labels: str,
    by: int,
) -> None:
    """Count what a chunk says, as it is kept, once more or less."""
    tenant, has, means = row
    for word in filter(None, has.split(_BETWEEN)):
        words[tenant, word, labels] += by
    for pair in filter(None, means.split(_BETWEEN)):
        short, _, long = pair.partition(_MEANS)
        pairs[tenant, short, long, labels] += by


def _changed(counts: Mapping[Any, int]) -> list[tuple[Any, ...]]:
    return [(*key, n) for key, n in counts.items() if n]
