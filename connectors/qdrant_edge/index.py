"""The embedded index: dense and BM25 vectors in one Qdrant Edge shard per index version."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qdrant_edge import (
    EdgeShard,
    FieldCondition,
    Filter,
    IdfParams,
    MatchAny,
    MatchValue,
    PayloadSelector,
    Point,
    Query,
    QueryBatchRequest,
    QueryRequest,
    ScrollRequest,
    SearchParams,
    UpdateOperation,
)

from connectors.bm25.encoder import Bm25Encoder
from connectors.bm25.lexicons import Lexicons
from connectors.qdrant_edge.points import (
    DENSE,
    LEXICAL,
    chunk_point,
    fence_id,
    fence_point,
    stored_chunk,
    tag,
)
from connectors.qdrant_edge.shard import load
from processors.documents.fences import Fence, Made, left_behind, part_of, stamp_of
from processors.ports import Applied, Ranking, SearchQuery, SearchResult, StoredChunk
from processors.text.lexicon import Lexicon
from schemas.events import DocumentEmbedded

# Every call of the engine holds the GIL until it returns, so that writes go in slices a search can
# get in between: 64 points take about 2 ms.
_SLICE = 64
_PAGE = 64
# Seconds between two flushes of the segments: one takes 100 ms, in which no question is answered.
# What they lack after a crash is applied from the write-ahead log when the shard is opened.
_FLUSH_S = 30.0


def _made(payload: Mapping[str, Any]) -> Made:
    """Points written before there were generations have none."""
    stamp = payload["version"], payload["sequence"], payload.get("generation", 0)
    return Made(stamp, payload["chunking"], part_of(payload["ordinal"]))


@dataclass(slots=True)
class _Document:
    """A document while a batch is worked out: its fence and its chunks, as they will be.

    `chunks` maps a chunk id to what made it; `points` holds those that have to be written;
    `stored` names those the shard holds now.
    """

    fence: Fence | None
    changed: bool = False
    chunks: dict[str, Made] = field(default_factory=dict[str, Made])
    points: dict[str, Point] = field(default_factory=dict[str, Point])
    stored: set[str] = field(default_factory=set[str])


class EdgeIndex:
    """`Index` over a shard directory. Opens nothing until `open`; one process at a time.

    A document has, beside a point per chunk, a point without vectors that remembers its fence:
    the (version, sequence, generation) last applied, kept after a delete. It is written before the
    chunks, so that a document without one has no chunks, and a batch cut short by a crash is
    completed by applying it again.

    The engine's calls are safe from several threads (they hold the GIL); `apply` reads before it
    writes and takes a lock.
    """

    def __init__(self, path: Path, version: str, dimensions: int = 384) -> None:
        self._path = path
        self._version = version
        self._dimensions = dimensions
        self._encoder = Bm25Encoder()
        self._lock = threading.Lock()
        self._opened: EdgeShard | None = None
        self._flushed = time.monotonic()
        self._lexicons = Lexicons(self._said)

    @property
    def version(self) -> str:
        return self._version

    def open(self) -> Self:
        """Open the shard, made new where the directory does not exist.

        Raises `UserError` for a directory that is in use by another process or cannot be read.
        """
        if self._opened is None:
            self._opened = load(self._path, self._dimensions)
        return self

    def close(self) -> None:
        """Flush and release the directory's lock. Closing twice is harmless."""
        self._lexicons.close()
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

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

    def apply(self, changes: Sequence[DocumentEmbedded]) -> list[Applied]:
        """See `Index.apply`. One look at the fences, few writes and one sync for all `changes`."""
        with self._lock:
            keys = [fence_id(change.document) for change in changes]
            documents = self._documents(keys, changes)
            applied = [
                self._work_out(documents[key], key, change)
                for key, change in zip(keys, changes, strict=True)
            ]
            self._write(documents)
            self._lexicons.changed()
        return applied

    def _documents(
        self, keys: Sequence[str], changes: Sequence[DocumentEmbedded]
    ) -> dict[str, _Document]:
        """What the shard has of the documents in a batch; chunks only where some may have to go."""
        documents = {key: _Document(None) for key in keys}
        for record in self._shard.retrieve([*documents], with_payload=True, with_vector=False):
            documents[str(record.id)].fence = Fence.of(record.payload or {})
        known = {
            key
            for key, change in zip(keys, changes, strict=True)
            if (fence := documents[key].fence) is not None and fence.ended(change)
        }
        if known:
            condition = FieldCondition("document", match=MatchAny([*known]))
            fields = PayloadSelector.Include(
                ["document", "version", "sequence", "generation", "chunking", "ordinal"]
            )
            for chunk_id, payload in self._scroll(Filter(must=[condition]), fields):
                document = documents[payload["document"]]
                document.stored.add(chunk_id)
                document.chunks[chunk_id] = _made(payload)
        return documents

    def _work_out(self, document: _Document, key: str, change: DocumentEmbedded) -> Applied:
        """Apply one change to `document` in memory."""
        stamp = stamp_of(change.document)
        former = document.fence or Fence(stamp)
        if stamp < former.stamp:
            return Applied(superseded=True, removed=0, obsolete=left_behind(change, former))
        fence = document.fence = former.after(change)
        document.changed = True
        if not fence.deleted:
            for item in change.chunks:
                part = part_of(item.chunk.ordinal)
                document.chunks[item.chunk.chunk_id] = Made(stamp, change.chunking, part)
                document.points[item.chunk.chunk_id] = chunk_point(key, change, item, self._encoder)
        if not fence.ended(change):
            return Applied(superseded=False, removed=0, complete=False)
        if missing := fence.missing(change, document.chunks.values()):
            return Applied(superseded=False, removed=0, complete=False, missing=missing)
        stale = [
            chunk
            for chunk, made in document.chunks.items()
            if fence.deleted or not fence.current(made, change)
        ]
        for chunk in stale:
            del document.chunks[chunk]
            document.points.pop(chunk, None)
        return Applied(superseded=False, removed=len(stale), obsolete=fence.obsolete())

    def _write(self, documents: Mapping[str, _Document]) -> None:
        changed = {key: document for key, document in documents.items() if document.changed}
        if not changed:
            return
        fences = [
            fence_point(key, document.fence)
            for key, document in changed.items()
            if document.fence is not None
        ]
        chunks = [point for document in changed.values() for point in document.points.values()]
        gone = [
            chunk
            for document in changed.values()
            for chunk in document.stored - document.chunks.keys()
        ]
        points = fences + chunks  # fences first: see the class
        for start in range(0, len(points), _SLICE):
            self._shard.update(UpdateOperation.upsert_points(points[start : start + _SLICE]))
        for start in range(0, len(gone), _SLICE):
            self._shard.update(UpdateOperation.delete_points([*gone[start : start + _SLICE]]))
        self._persist()

    def _persist(self) -> None:
        """Return once what was written would survive the machine's death."""
        now = time.monotonic()
        if now - self._flushed >= _FLUSH_S:
            self._shard.flush()
            self._flushed = now
            return
        for file in (self._path / "wal").iterdir():
            # The engine's own thread may just be making the next, empty, segment.
            with suppress(FileNotFoundError), file.open("rb") as log:
                os.fsync(log.fileno())  # lets other threads go on meanwhile

    def search(self, queries: Sequence[SearchQuery]) -> list[SearchResult]:
        """See `Index.search`. IDF counts the tenant's own chunks; `filters` do not change it."""
        dense: list[QueryRequest] = []
        lexical: list[QueryRequest] = []
        for query in queries:
            tenant = FieldCondition("tenant", match=MatchValue(query.tenant))
            tags = [
                FieldCondition("tags", match=MatchValue(tag(name, value)))
                for name, value in query.filters.items()
            ]
            allowed = Filter(must=[tenant, *tags])
            params = SearchParams(idf=IdfParams(Filter(must=[tenant])))
            for text, vector in zip(query.texts, query.vectors, strict=True):
                nearest = Query.Nearest(vector.tolist(), using=DENSE)
                dense.append(QueryRequest(query.limit, query=nearest, filter=allowed))
                terms = Query.Nearest(self._encoder.query(text), using=LEXICAL)
                lexical.append(
                    QueryRequest(query.limit, query=terms, filter=allowed, params=params)
                )
        # In one batch, but not mixed: the engine scores neighbours that differ in their vector only
        # together.
        requests = dense + lexical
        found = self._shard.query_batch(QueryBatchRequest(requests)) if requests else []
        rankings = [Ranking([str(h.id) for h in hits], [h.score for h in hits]) for hits in found]
        results: list[SearchResult] = []
        start, half = 0, len(dense)
        for query in queries:
            end = start + len(query.texts)
            results.append(SearchResult(rankings[start:end], rankings[half + start : half + end]))
            start = end
        return results

    def fetch(self, tenant: str, chunk_ids: Sequence[str]) -> dict[str, StoredChunk]:
        """See `Index.fetch`. One call for many questions' chunks costs less than one for each."""
        records = self._shard.retrieve([*chunk_ids], with_payload=True, with_vector=False)
        found: dict[str, StoredChunk] = {}
        for record in records:
            payload: dict[str, Any] = record.payload or {}
            if payload.get("tenant") == tenant:
                found[str(record.id)] = stored_chunk(str(record.id), payload, self._dimensions)
        return found

    def lexicon(self, tenant: str) -> Lexicon | None:
        """See `Index.lexicon`."""
        return self._lexicons.of(tenant)

    def _said(self, tenant: str) -> Iterator[str]:
        allowed = Filter(must=[FieldCondition("tenant", match=MatchValue(tenant))])
        fields = PayloadSelector.Include(["title", "heading", "text"])
        for _, payload in self._scroll(allowed, fields):
            yield f"{payload['title']}\n{payload['heading']}\n{payload['text']}"

    def scan(self, tenant: str | None = None) -> Iterator[StoredChunk]:
        """See `Index.scan`, in the order of chunk ids; writes meanwhile may or may not be seen."""
        allowed = None
        if tenant is not None:
            allowed = Filter(must=[FieldCondition("tenant", match=MatchValue(tenant))])
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
