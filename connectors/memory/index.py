"""`Index` in this process's memory: an exact scan, for the in-memory driver and small trials."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from connectors.bm25.encoder import Bm25Encoder
from processors.documents.fences import Fence, Made, left_behind, part_of, stamp_of
from processors.ports import Applied, Float32, Ranking, SearchQuery, SearchResult, StoredChunk
from processors.text.lexicon import Lexicon
from schemas.events import DocumentEmbedded, EmbeddedChunk

Key = tuple[str, str]  # tenant, document


@dataclass(frozen=True, slots=True)
class _Entry:
    made: Made
    metadata: dict[str, str]
    terms: dict[int, float]
    chunk: StoredChunk


class MemoryIndex:
    """The same contract as the durable indexes, and gone with the process."""

    def __init__(self, version: str, dimensions: int = 384) -> None:
        self.version = version
        self._dimensions = dimensions
        self._encoder = Bm25Encoder()
        self._lock = threading.Lock()
        self._fences: dict[Key, Fence] = {}
        self._documents: dict[Key, dict[str, _Entry]] = {}

    def apply(self, changes: Sequence[DocumentEmbedded]) -> list[Applied]:
        with self._lock:
            return [*map(self._apply, changes)]

    def _apply(self, change: DocumentEmbedded) -> Applied:
        document = change.document
        key, stamp = (document.tenant, document.doc_id), stamp_of(document)
        former = self._fences.get(key, Fence(stamp))
        if stamp < former.stamp:
            return Applied(superseded=True, removed=0, obsolete=left_behind(change, former))
        fence = self._fences[key] = former.after(change)
        entries = self._documents.setdefault(key, {})
        entries |= {item.chunk.chunk_id: self._entry(change, item) for item in change.chunks}
        if not fence.ended(change):
            return Applied(superseded=False, removed=0, complete=False)
        if missing := fence.missing(change, (entry.made for entry in entries.values())):
            return Applied(superseded=False, removed=0, complete=False, missing=missing)
        deleted = document.op == "delete"
        stale = [
            c for c, entry in entries.items() if deleted or not fence.current(entry.made, change)
        ]
        for chunk_id in stale:
            del entries[chunk_id]
        return Applied(superseded=False, removed=len(stale), obsolete=fence.obsolete())

    def _entry(self, change: DocumentEmbedded, item: EmbeddedChunk) -> _Entry:
        document, chunk = change.document, item.chunk
        terms = self._encoder.document(document.title, chunk.heading, chunk.text, document.doc_id)
        vectors = np.frombuffer(item.sentence_vectors, "<f2")
        stored = StoredChunk(
            tenant=document.tenant,
            chunk_id=chunk.chunk_id,
            doc_id=document.doc_id,
            doc_version=document.version,
            ordinal=chunk.ordinal,
            title=document.title,
            heading=chunk.heading,
            uri=document.uri,
            text=chunk.text,
            chunking=change.chunking,
            changed_at=document.changed_at,
            sentences=list(chunk.sentences),
            vector=np.frombuffer(item.vector, "<f2"),
            sentence_vectors=vectors.reshape(-1, self._dimensions),
            page=chunk.page,
        )
        weights = dict(zip(terms.indices, terms.values, strict=True))
        made = Made(stamp_of(document), change.chunking, part_of(chunk.ordinal))
        return _Entry(made, document.metadata, weights, stored)

    def search(self, queries: Sequence[SearchQuery]) -> list[SearchResult]:
        with self._lock:
            return [*map(self._search, queries)]

    def _search(self, query: SearchQuery) -> SearchResult:
        entries = self._of(query.tenant)
        counts = Counter(term for entry in entries for term in entry.terms)
        idf = {t: log(1 + (len(entries) - n + 0.5) / (n + 0.5)) for t, n in counts.items()}
        allowed = [e for e in entries if query.filters.items() <= e.metadata.items()]
        vectors = np.array([e.chunk.vector for e in allowed], np.float32)
        ids = [e.chunk.chunk_id for e in allowed]
        dense = [_ranking(ids, vectors @ v if ids else v[:0], query.limit) for v in query.vectors]
        lexical: list[Ranking] = []
        for text in query.texts:
            terms = [term for term in self._encoder.query(text).indices if term in idf]
            found = [(e, sum(idf[t] * e.terms.get(t, 0.0) for t in terms)) for e in allowed]
            hits = [(e.chunk.chunk_id, score) for e, score in found if score > 0]
            scores = np.array([score for _, score in hits], np.float32)
            lexical.append(_ranking([chunk_id for chunk_id, _ in hits], scores, query.limit))
        return SearchResult(dense, lexical)

    def fetch(self, tenant: str, chunk_ids: Sequence[str]) -> dict[str, StoredChunk]:
        wanted = set(chunk_ids)
        return {c.chunk_id: c for c in self.scan(tenant) if c.chunk_id in wanted}

    def lexicon(self, tenant: str) -> Lexicon:
        lexicon = Lexicon()
        for chunk in self.scan(tenant):
            lexicon.add(f"{chunk.title}\n{chunk.heading}\n{chunk.text}")
        return lexicon

    def scan(self, tenant: str | None = None) -> Iterator[StoredChunk]:
        with self._lock:
            entries = self._of(tenant)
        yield from (entry.chunk for entry in entries)

    def _of(self, tenant: str | None) -> list[_Entry]:
        documents = self._documents.items()
        return [e for key, of in documents if tenant in (None, key[0]) for e in of.values()]


def _ranking(ids: list[str], scores: Float32, limit: int) -> Ranking:
    best = np.argsort(-scores, kind="stable")[:limit]
    return Ranking([ids[i] for i in best], [float(scores[i]) for i in best])
