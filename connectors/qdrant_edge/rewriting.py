"""A generation written anew from the points that are there, while that one answers and is written.

Documents that are written meanwhile are noted, and copied again: so the new one becomes equal by
what it is, whatever was done to the old one.
"""

from __future__ import annotations

import errno
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from qdrant_edge import (
    EdgeShard,
    FieldCondition,
    Filter,
    MatchValue,
    Point,
    ScrollRequest,
    UpdateOperation,
)

from connectors.payloads import text_read
from connectors.qdrant_edge import generations, graph
from connectors.qdrant_edge.points import PLACES, Left
from connectors.qdrant_edge.shard import config, create, damaged, sound
from connectors.qdrant_edge.words import Spoken, WordCounts, kept

# Every call of the engine holds the GIL until it returns: writing 16 points takes about 4 ms.
_SLICE = 16
MIB = 1024 * 1024
_SPARE = 256 * MIB
_BETWEEN_FLUSHES = 2000  # points: one then takes as long as those of the generation that answers


class StoppedError(Exception):
    """The process ends: the next one begins again."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Pace:
    """How much of the time a rewrite takes: the rest is the questions'."""

    def __init__(self, share: float, stopping: threading.Event) -> None:
        self._share = share
        self._stopping = stopping
        self._since = time.monotonic()

    def __call__(self) -> None:
        """Called after each slice.

        Raises:
            StoppedError: it is not to go on.
        """
        took = time.monotonic() - self._since
        if self._stopping.wait(took * (1 / self._share - 1)):
            raise StoppedError
        self._since = time.monotonic()


class Copy:
    """The next generation of a shard, open. Not whole before it is declared to be.

    `written` are keys of documents that somebody writes to meanwhile; who adds to it has a lock,
    and adds before it writes.

    Raises:
        OSError: there is no room for it.
    """

    def __init__(self, live: EdgeShard, path: Path, dimensions: int) -> None:
        _check_room(path.parent, beside=_size(path.parent))
        self.path = path
        self.shard = create(path, dimensions)
        self.words = WordCounts(path / generations.WORDS)
        self.written: set[str] = set()
        self.left = Left()
        self._live = live
        self._dimensions = dimensions
        self._begun = now_ms()

    def close(self) -> None:
        """Of one that nobody takes over."""
        self.words.close()
        self.shard.close()

    def all(self, pace: Callable[[], None]) -> None:
        """Copy every point but the one that says how far the log is reflected."""
        offset, copied = None, 0
        while True:
            records, offset = self._live.scroll(ScrollRequest(offset, _SLICE, None, True, True))
            self._put([each for each in records if str(each.id) != PLACES])
            copied += len(records)
            if copied >= _BETWEEN_FLUSHES:
                _check_room(self.path)
                self.shard.flush()
                copied = 0
            pace()
            if offset is None:
                return

    def link(self, pace: Callable[[], None]) -> None:
        """Have its graph built.

        Raises:
            OSError: that failed.
        """
        self.shard.flush()
        self.shard.close()
        graph.build(self.path, self._dimensions, pace)
        self.shard = EdgeShard.load(str(self.path), config(self._dimensions))

    def again(self, documents: Collection[str]) -> None:
        """Make these documents what they are now."""
        for key in documents:
            condition = Filter(must=[FieldCondition("document", match=MatchValue(key))])
            fence = self._live.retrieve([key], with_payload=True, with_vector=True)
            before = {str(each.id) for each in _every(self.shard, condition, whole=False)}
            now = [*_every(self._live, condition, whole=True)]
            gone = before - {str(each.id) for each in now}
            self._put([*fence, *now])
            if gone:
                self.shard.update(UpdateOperation.delete_points([*gone]))
                self.words.rewrite([], gone)
            self.left = self.left.more(len(before), self._begun)

    def _put(self, records: Iterable[Any]) -> None:
        points, texts = list[Point](), list[Spoken]()
        for each in records:
            if not sound(each):
                raise damaged(self.path.parent, f"{each.id} is not as it was written")
            payload: dict[str, Any] = each.payload or {}
            points.append(Point(each.id, each.vector or {}, payload))
            if "text" in payload:  # a fence has none
                texts.append(kept(str(each.id), payload, text_read(payload)))
        if points:
            self.shard.update(UpdateOperation.upsert_points(points))
            self.words.rewrite(texts, ())


def _every(shard: EdgeShard, which: Filter, *, whole: bool) -> Iterable[Any]:
    offset = None
    while True:
        records, offset = shard.scroll(ScrollRequest(offset, _SLICE, which, whole, whole))
        yield from records
        if offset is None:
            return


def _size(folder: Path) -> int:
    """Bytes of the disk that it takes: the engine's files are mostly holes."""
    size = 0
    for each in folder.rglob("*"):
        with suppress(FileNotFoundError):  # the engine removes what it has done with
            size += each.stat().st_blocks * 512
    return size


def _check_room(folder: Path, beside: int = 0) -> None:
    """The engine dies of a disk that is full: it maps its files.

    Raises:
        OSError: there is none for so many bytes.
    """
    needed = beside + _SPARE
    free = shutil.disk_usage(folder).free
    if free < needed:
        said = f"a rewrite needs {needed // MIB:,} MB, {free // MIB:,} are free"
        raise OSError(errno.ENOSPC, said, str(folder))
