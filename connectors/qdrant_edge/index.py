"""The embedded index: dense and BM25 vectors in one Qdrant Edge shard per index version."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from qdrant_edge import (
    EdgeShard,
    FieldCondition,
    Filter,
    MatchAny,
    MatchValue,
    PayloadSelector,
    ScrollRequest,
    UpdateOperation,
)

from connectors.bm25.encoder import Bm25Encoder
from connectors.payloads import MADE, fence_id, labels, made_of, stored_chunk
from connectors.qdrant_edge import generations, graph, seal, searching, sums
from connectors.qdrant_edge.points import (
    PLACES,
    Left,
    chunk_point,
    fence_point,
    left,
    places_point,
    reflected,
)
from connectors.qdrant_edge.rewriting import Copy, now_ms
from connectors.qdrant_edge.shard import damaged, load
from connectors.qdrant_edge.words import TenantWords, WordCounts, said_of
from processors.documents.labels import Labels
from processors.documents.lacking import Lacking
from processors.guard.access import Access
from processors.ports import Document, Made, Ranking, Rewritten, SearchQuery, StoredChunk
from processors.text.lexicon import Lexicon
from streams.flow.errors import Retry
from streams.flow.mirror import Place, Reflected

# Every call of the engine holds the GIL until it returns, so that writes go in slices a search can
# get in between: 64 points take about 2 ms.
_SLICE = 64
_PAGE = 64
# Seconds between two flushes of the segments: one takes 100 ms, in which no question is answered.
# What they lack after a crash is applied from the write-ahead log when the shard is opened.
_FLUSH_S = 30.0
# Documents that may still differ when writes stop for the last of a rewrite: 20 ms of work.
_FEW = 8
_ROUNDS = 10


class EdgeIndex:
    """Chunk store, dense and lexical search over a shard directory, by one process at a time.

    Opens nothing until `open`. A document has, beside a point per chunk, a point without vectors
    that keeps its fence, also after a delete. It is written before the chunks, so that a document
    without one has no chunks, and a batch cut short by a crash is completed by applying it again.

    The engine's calls are safe from several threads (they hold the GIL); `write` reads before it
    writes and takes a lock. The engine keeps what was deleted in its files: `rewrite` is for that.
    """

    def __init__(self, path: Path, version: str, dimensions: int = 384) -> None:
        self._path = path
        self._version = version
        self._dimensions = dimensions
        self._encoder = Bm25Encoder()
        self._lock = threading.Lock()
        self._folder: IO[bytes] | None = None
        self._generation = path
        self._opened: EdgeShard | None = None
        self._flushed = time.monotonic()
        self._words: WordCounts | None = None
        self._reflected: dict[Place, Reflected] = {}
        self._left = Left()
        self._copy: Copy | None = None
        self.lacking = Lacking()

    @property
    def where(self) -> str:
        return str(self._path)

    @property
    def version(self) -> str:
        return self._version

    @property
    def dimensions(self) -> int:
        return self._dimensions

    def open(self) -> Self:
        """Open the shard, made new where the directory does not exist.

        Raises `UserError` for a directory that is in use by another process or cannot be read.
        """
        if self._opened is None:
            folder = generations.hold(self._path)
            try:
                self._generation, self._opened = load(self._path, self._dimensions)
            except BaseException:
                folder.close()
                raise
            self._folder = folder
            self._words = WordCounts(self._generation / generations.WORDS)
            for record in self._opened.retrieve([PLACES], with_payload=True, with_vector=False):
                self._reflected = reflected(record.payload or {})
                self._left = left(record.payload or {})
        return self

    def close(self) -> None:
        """Flush and release the directory. Closing twice is harmless."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None
            if self._words is not None:
                self._words.close()
                self._words = None
                seal.close(self._path)
            if self._folder is not None:
                self._folder.close()
                self._folder = None

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _shard(self) -> EdgeShard:
        if self._opened is None:
            raise RuntimeError(f"the index in {self._path} is not open")
        return self._opened

    def fences(self, documents: Collection[Document]) -> dict[Document, dict[str, Any]]:
        """See `ChunkStore.fences`."""
        ids = {fence_id(document): document for document in documents}
        records = self._shard.retrieve([*ids], with_payload=True, with_vector=False)
        return {ids[str(record.id)]: record.payload or {} for record in records}

    def made(self, documents: Collection[Document]) -> dict[Document, dict[str, Made]]:
        """See `ChunkStore.made`."""
        ids = {fence_id(document): document for document in documents}
        condition = FieldCondition("document", match=MatchAny([*ids]))
        fields = PayloadSelector.Include([*MADE])
        found: dict[Document, dict[str, Made]] = {document: {} for document in documents}
        for chunk_id, payload in self._scroll(Filter(must=[condition]), fields):
            found[ids[payload["document"]]][chunk_id] = made_of(payload)
        return found

    def write(self, changes: Mapping[Document, Rewritten]) -> None:
        """See `ChunkStore.write`. Few writes and one sync for all `changes`."""
        with self._lock:
            now = self.fences(changes)
            for document, change in changes.items():
                if now.get(document) != change.before:
                    raise Retry(f"{'/'.join(document)} was written by somebody else meanwhile")
            if self._copy is not None:
                self._copy.written |= {fence_id(document) for document in changes}
            self._write(changes)
        for document, change in changes.items():
            self.lacking.met(document, change.fence)

    def reflects(self) -> dict[Place, Reflected]:
        """See `Reflecting.reflects`."""
        with self._lock:
            return {**self._reflected}

    def reflect(self, places: Mapping[Place, Reflected]) -> None:
        """See `Reflecting.reflect`. The next sync is early enough."""
        with self._lock:
            self._reflected |= places
            self._tell(0, 0)

    def _tell(self, fewer: int, more: int) -> None:
        """Write how far the log is reflected, and how many points there are, by so many."""
        now = self._shard.info().points_count
        most = now + more + 1  # itself, when it is new
        point = places_point(self._reflected, now - fewer, most, self._left)
        self._shard.update(UpdateOperation.upsert_points([point]))

    def _write(self, changes: Mapping[Document, Rewritten]) -> None:
        put = [(d, *each) for d, change in changes.items() for each in change.put]
        gone = [chunk for change in changes.values() for chunk in change.gone]
        assert self._words is not None, "an open shard has its words open"
        for document, change in changes.items():
            if change.labels is not None:
                new = change.labels.needed, change.labels.groups
                self._words.relabel(fence_id(document), *new)
        self._words.rewrite([said_of(d, change, item) for d, change, item in put], gone)
        fences = [fence_point(fence_id(d), change.fence) for d, change in changes.items()]
        points = [chunk_point(fence_id(d), change, i, self._encoder) for d, change, i in put]
        self._left = self._left.more(len(gone) + self._replaced(changes), now_ms())
        self._tell(len(gone), len(fences) + len(points))
        for start in range(0, len(fences), _SLICE):  # first: see the class
            self._shard.update(UpdateOperation.upsert_points(fences[start : start + _SLICE]))
        for document, change in changes.items():
            if change.labels is not None:
                self._relabel(fence_id(document), change.labels)
        for start in range(0, len(points), _SLICE):
            self._shard.update(UpdateOperation.upsert_points(points[start : start + _SLICE]))
        for start in range(0, len(gone), _SLICE):
            self._shard.update(UpdateOperation.delete_points([*gone[start : start + _SLICE]]))
        self._persist()

    def _replaced(self, changes: Mapping[Document, Rewritten]) -> int:
        """How many points are written over: their text stays in the folder, too."""
        known = [each for each in changes.values() if each.before is not None]
        ids = [item.chunk.chunk_id for each in known for _, item in each.put]
        return len(self._shard.retrieve([*ids], with_payload=False, with_vector=False))

    def _relabel(self, key: str, said: Labels) -> None:
        """Every chunk of one document, in one write."""
        chunks = Filter(must=[FieldCondition("document", match=MatchValue(key))])
        new = labels(said.needed, said.groups)
        new = {**new, sums.LABELS: sums.of_labels(key, **new)}
        self._shard.update(UpdateOperation.set_payload_by_filter(chunks, new))

    def _persist(self) -> None:
        """Return once what was written would survive the machine's death."""
        now = time.monotonic()
        if now - self._flushed >= _FLUSH_S:
            self._shard.flush()
            self._flushed = now
            return
        generations.sync_log(self._generation)

    def left(self) -> tuple[Left, int]:
        """What the folder still has of what was deleted, and how many points there are."""
        with self._lock:
            return self._left, self._shard.info().points_count

    @property
    def linked(self) -> int:
        """Of how many points the graph was built; 0: every search looks at all."""
        return graph.points(self._generation)

    def rewrite(
        self,
        pace: Callable[[], None] = lambda: None,
        reach: Callable[[str], None] = lambda _: None,
        *,
        linked: bool = False,
    ) -> None:
        """Write what there is to a new generation, which takes over; nothing else is left after it.

        Searches and writes go on. `pace` is called after each slice, and may raise; `reach` at each
        step. `linked`: the new one has a graph, by which nearest vectors are found without looking
        at all of them.

        Raises:
            UserError: a point is not as it was written.
            OSError: there is no room, or the graph was not built.
        """
        generation = self._rewritten(pace, reach, linked=linked)
        reach("taken_over")
        generations.only(generation)
        reach("removed")

    def _rewritten(
        self, pace: Callable[[], None], reach: Callable[[str], None], *, linked: bool
    ) -> Path:
        path = generations.after(self._generation)
        copy = Copy(self._shard, path, self._dimensions)
        try:
            with self._lock:
                self._copy = copy
            reach("begun")
            copy.all(pace)
            reach("copied")
            if linked:
                copy.link(pace)
                reach("linked")
            for _ in range(_ROUNDS):
                with self._lock:
                    written, copy.written = copy.written, set()
                copy.again(written)
                if len(written) <= _FEW:
                    break
            copy.shard.flush()
            with self._lock:
                copy.again(copy.written)
                self._take_over(copy, reach)
        except BaseException:
            with self._lock:
                self._copy = None
            copy.close()
            generations.only(self._generation)
            raise
        return path

    def _take_over(self, copy: Copy, reach: Callable[[str], None]) -> None:
        assert self._words is not None, "an open shard has its words open"
        has = copy.shard.info().points_count
        told = places_point(self._reflected, has, has + 1, copy.left)
        copy.shard.update(UpdateOperation.upsert_points([told]))
        generations.sync_log(copy.path)
        copy.words.sync()
        reach("equal")
        generations.declare(copy.path)
        reach("declared")
        # From here on nothing fails. Who just searches the former one holds it until it is done.
        self._words.become(copy.words)
        self._opened, self._generation, self._left = copy.shard, copy.path, copy.left
        self._copy, self._flushed = None, time.monotonic()

    def nearest(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        """See `DenseSearch.nearest`."""
        return searching.found(self._shard, queries, searching.nearest(queries))

    def matching(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        """See `LexicalSearch.matching`. IDF counts what may be seen, whatever `filters`."""
        requests = searching.matching(queries, self._encoder)
        return searching.found(self._shard, queries, requests)

    def fetch(self, tenant: str, chunk_ids: Sequence[str]) -> dict[str, StoredChunk]:
        """See `ChunkStore.fetch`. One call for many questions costs less than one for each."""
        records = self._shard.retrieve([*chunk_ids], with_payload=True, with_vector=False)
        found: dict[str, StoredChunk] = {}
        for record in records:
            payload: dict[str, Any] = record.payload or {}
            if payload.get("tenant") == tenant:
                if not sums.readable(str(record.id), payload):
                    raise damaged(self._path, f"{record.id} is not as it was written")
                found[str(record.id)] = stored_chunk(str(record.id), payload, self._dimensions)
        return found

    def lexicon(self, tenant: str, access: Access) -> Lexicon:
        """See `LexicalSearch.lexicon`."""
        assert self._words is not None, "an open shard has its words open"
        return Lexicon(TenantWords(self._words, tenant, access))

    def scan(self, tenant: str | None = None) -> Iterator[StoredChunk]:
        """See `ChunkStore.scan`, by chunk id; writes meanwhile may or may not be seen."""
        allowed = None
        if tenant is not None:
            allowed = Filter(must=[searching.of_tenant(tenant)])
        for chunk_id, payload in self._scroll(allowed, PayloadSelector.Exclude([])):
            if "text" in payload:  # a fence has none
                yield stored_chunk(chunk_id, payload, self._dimensions)

    def _scroll(
        self, allowed: Filter | None, fields: PayloadSelector
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        offset = None
        while True:
            records, offset = self._shard.scroll(
                ScrollRequest(offset, _PAGE, allowed, with_payload=fields, with_vector=False)
            )
            for record in records:
                yield str(record.id), record.payload or {}
            if offset is None:
                return
