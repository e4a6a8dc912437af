"""Chunk store and both searches in memory: an exact scan, for tests and small trials."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Any

import numpy as np

from connectors.bm25.encoder import Bm25Encoder
from processors.documents.fences import part_of, stamp_of
from processors.documents.lacking import Lacking
from processors.guard.access import Access
from processors.ports import (
    Document,
    Float32,
    Made,
    Ranking,
    Rewritten,
    SearchQuery,
    StoredChunk,
)
from processors.text.lexicon import CountedWords, Lexicon
from schemas.events import DocumentEmbedded, EmbeddedChunk
from streams.flow.errors import Retry
from streams.flow.mirror import Place, Reflected


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
        self.dimensions = dimensions
        self._encoder = Bm25Encoder()
        self._lock = threading.Lock()
        self._fences: dict[Document, dict[str, Any]] = {}
        self._documents: dict[Document, dict[str, _Entry]] = {}
        self._reflected: dict[Place, Reflected] = {}
        self.lacking = Lacking()
        self.where = "memory"

    def reflects(self) -> dict[Place, Reflected]:
        with self._lock:
            return {**self._reflected}

    def reflect(self, places: Mapping[Place, Reflected]) -> None:
        with self._lock:
            self._reflected |= places

    def fences(self, documents: Collection[Document]) -> dict[Document, dict[str, Any]]:
        with self._lock:
            return {each: self._fences[each] for each in documents if each in self._fences}

    def made(self, documents: Collection[Document]) -> dict[Document, dict[str, Made]]:
        with self._lock:
            return {
                each: {i: entry.made for i, entry in self._documents.get(each, {}).items()}
                for each in documents
            }

    def write(self, changes: Mapping[Document, Rewritten]) -> None:
        with self._lock:
            for document, change in changes.items():
                if self._fences.get(document) != change.before:
                    raise Retry(f"{'/'.join(document)} was written by somebody else meanwhile")
            for document, change in changes.items():
                self._fences[document] = {**change.fence}
                entries = self._documents.setdefault(document, {})
                if change.labels is not None:
                    new = change.labels.needed, change.labels.groups
                    for chunk_id, entry in entries.items():
                        labelled = replace(entry.chunk, classes=new[0], acl=new[1])
                        entries[chunk_id] = replace(entry, chunk=labelled)
                entries |= {item.chunk.chunk_id: self._entry(c, item) for c, item in change.put}
                for chunk_id in change.gone:
                    entries.pop(chunk_id, None)
                self.lacking.met(document, change.fence)

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
            sentence_vectors=vectors.reshape(-1, self.dimensions),
            page=chunk.page,
            doc_sequence=document.sequence,
            classes=document.classes or (),
            acl=document.acl or (),
        )
        weights = dict(zip(terms.indices, terms.values, strict=True))
        made = Made(stamp_of(document), change.chunking, part_of(chunk.ordinal))
        return _Entry(made, document.metadata, weights, stored)

    def nearest(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        with self._lock:
            return [*map(self._nearest, queries)]

    def _nearest(self, query: SearchQuery) -> list[Ranking]:
        allowed = self._allowed(query)
        vectors = np.array([e.chunk.vector for e in allowed], np.float32)
        ids = [e.chunk.chunk_id for e in allowed]
        return [_ranking(ids, vectors @ v if ids else v[:0], query.limit) for v in query.vectors]

    def matching(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        with self._lock:
            return [*map(self._matching, queries)]

    def _matching(self, query: SearchQuery) -> list[Ranking]:
        allowed = self._allowed(query)
        # Of all that may be seen, whatever `filters`: how rare a word is tells nothing of the rest.
        entries = self._allowed(replace(query, filters={}))
        counts = Counter(term for entry in entries for term in entry.terms)
        idf = {t: log(1 + (len(entries) - n + 0.5) / (n + 0.5)) for t, n in counts.items()}
        rankings: list[Ranking] = []
        for text in query.texts:
            terms = [term for term in self._encoder.query(text).indices if term in idf]
            found = [(e, sum(idf[t] * e.terms.get(t, 0.0) for t in terms)) for e in allowed]
            hits = [(e.chunk.chunk_id, score) for e, score in found if score > 0]
            scores = np.array([score for _, score in hits], np.float32)
            rankings.append(_ranking([chunk_id for chunk_id, _ in hits], scores, query.limit))
        return rankings

    def _allowed(self, query: SearchQuery) -> list[_Entry]:
        return [
            e
            for e in self._of(query.tenant)
            if query.filters.items() <= e.metadata.items()
            and query.access.allows(e.chunk.classes, e.chunk.acl)
        ]

    def fetch(self, tenant: str, chunk_ids: Sequence[str]) -> dict[str, StoredChunk]:
        wanted = set(chunk_ids)
        return {c.chunk_id: c for c in self.scan(tenant) if c.chunk_id in wanted}

    def lexicon(self, tenant: str, access: Access) -> Lexicon:
        seen = (c for c in self.scan(tenant) if access.allows(c.classes, c.acl))
        texts = (f"{c.title}\n{c.heading}\n{c.text}" for c in seen)
        return Lexicon(CountedWords(texts))

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
