"""Qdrant as chunk store, dense and lexical search: one collection per index version.

A document has, beside a point per chunk, one without vectors that keeps its fence. It is written
first, and only where nobody wrote it since it was read; then a look at it says whose it is. Points
of chunks say under which fence they were written, and take the place of none of a later one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import uuid4

from qdrant_client import models

from connectors.bm25.encoder import Bm25Encoder
from connectors.on_server import OnServer, overtaken
from connectors.payloads import MADE, fence_id, labels, made_of, stored_chunk
from connectors.qdrant import points
from connectors.qdrant.client import Guarded
from connectors.qdrant.points import any_of, keyword, not_after
from connectors.qdrant.words import TenantWords
from processors.guard.access import Access
from processors.ports import Document, Made, Ranking, Rewritten, SearchQuery, StoredChunk
from processors.text.lexicon import Lexicon
from streams.flow.port import Watch, unwatched

WRITE_S = 30
_SLICE = 256  # points of one call: about two megabytes
_PAGE = 500


class QdrantIndex(OnServer):
    """See `ChunkStore`, `DenseSearch` and `LexicalSearch`. `making.make` has made it."""

    def __init__(
        self,
        client: Any,
        collection: str,
        version: str,
        dimensions: int = 384,
        *,
        where: str = "Qdrant",
        search_s: int = 2,
        watch: Watch = unwatched,
    ) -> None:
        super().__init__(version, dimensions)
        self._client = client
        self._name = collection
        self._where = where
        self._search_s = search_s
        self._encoder = Bm25Encoder()
        self._calling = Guarded(watch=watch)

    @property
    def where(self) -> str:
        return f"{self._name} in {self._where}"

    def fences(self, documents: Collection[Document]) -> dict[Document, dict[str, Any]]:
        found = self._fences(documents)
        return {document: json.loads(each["fence"]) for document, each in found.items()}

    def _fences(self, documents: Collection[Document]) -> dict[Document, dict[str, Any]]:
        ids = {fence_id(document): document for document in documents}
        if not ids:
            return {}
        with self._calling():
            records = self._client.retrieve(self._name, [*ids], timeout=WRITE_S)
        return {ids[str(record.id)]: record.payload for record in records}

    def made(self, documents: Collection[Document]) -> dict[Document, dict[str, Made]]:
        ids = {fence_id(document): document for document in documents}
        found: dict[Document, dict[str, Made]] = {document: {} for document in documents}
        if ids:
            which = models.Filter(must=[any_of("document", ids)])
            for chunk_id, payload in self._scroll(which, [*MADE]):
                found[ids[payload["document"]]][chunk_id] = made_of(payload)
        return found

    def write(self, changes: Mapping[Document, Rewritten]) -> None:
        """See `ChunkStore.write`. Searchable on return."""
        mark = uuid4().hex
        counts = self._write_fences(changes, mark)
        operations = [
            each
            for document in changes
            for each in self._operations(document, changes, counts, mark)
        ]
        for start in range(0, len(operations), 8):
            self._update(operations[start : start + 8])
        self._still_ours(changes, mark)
        for document, change in changes.items():
            self.lacking.met(document, change.fence)

    def _write_fences(
        self, changes: Mapping[Document, Rewritten], mark: str
    ) -> dict[Document, int]:
        """How often each fence was written, this time included."""
        read = self._fences(changes)
        counts: dict[Document, int] = {}
        operations: list[Any] = []
        for document, change in changes.items():
            known = read.get(document)
            if (json.loads(known["fence"]) if known else None) != change.before:
                raise overtaken(document)
            counts[document] = known["count"] + 1 if known else 1
            point = points.fence_point(document, change.fence, counts[document], mark)
            if known:
                only = models.Filter(must=[keyword("mark", known["mark"])])
                given = models.PointsList(points=[point], update_filter=only)
            else:
                new = models.UpdateMode.INSERT_ONLY
                given = models.PointsList(points=[point], update_mode=new)
            operations.append(models.UpsertOperation(upsert=given))
        self._update(operations)
        for document, fence in self._fences(changes).items():
            if fence["mark"] != mark:
                raise overtaken(document)
        return counts

    def _operations(
        self,
        document: Document,
        changes: Mapping[Document, Rewritten],
        counts: Mapping[Document, int],
        mark: str,
    ) -> Iterator[Any]:
        change, count = changes[document], counts[document]
        earlier = not_after(count)
        if change.labels is not None:
            new = labels(change.labels.needed, change.labels.groups)
            only = models.Filter(must=[keyword("document", fence_id(document)), earlier])
            yield models.SetPayloadOperation(
                set_payload=models.SetPayload(payload={**new}, filter=only)
            )
        made = (
            points.chunk_point(document, event, item, self._encoder, count, mark)
            for event, item in change.put
        )
        while some := [*islice(made, _SLICE)]:
            only = models.Filter(must=[earlier])
            yield models.UpsertOperation(upsert=models.PointsList(points=some, update_filter=only))
        if change.gone:
            these = models.HasIdCondition(has_id=[*change.gone])
            which = models.Filter(must=[these, earlier])
            yield models.DeleteOperation(delete=models.FilterSelector(filter=which))

    def _still_ours(self, changes: Mapping[Document, Rewritten], mark: str) -> None:
        """A point that another has taken away meanwhile, ours would have brought back."""
        fences = self._fences(changes)
        for document in changes:
            if fences[document]["mark"] != mark:
                ours = [keyword("document", fence_id(document)), keyword("mark", mark)]
                which = models.FilterSelector(filter=models.Filter(must=[*ours]))
                self._update([models.DeleteOperation(delete=which)])
                raise overtaken(document)

    def _update(self, operations: Sequence[Any]) -> None:
        if operations:
            with self._calling():
                self._client.batch_update_points(self._name, operations, wait=True, timeout=WRITE_S)

    def nearest(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        return self._found(queries, points.dense_requests(queries))

    def matching(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        return self._found(queries, points.lexical_requests(queries, self._encoder))

    def _found(
        self, queries: Sequence[SearchQuery], requests: Sequence[Any]
    ) -> list[list[Ranking]]:
        if not requests:
            return []
        with self._calling():
            answers = self._client.query_batch_points(self._name, requests, timeout=self._search_s)
        rankings = iter(
            Ranking([str(hit.id) for hit in answer.points], [hit.score for hit in answer.points])
            for answer in answers
        )
        return [[*islice(rankings, len(query.texts))] for query in queries]

    def lexicon(self, tenant: str, access: Access) -> Lexicon:
        return Lexicon(TenantWords(self._client, self._calling, self._name, tenant, access))

    def fetch(self, tenant: str, chunk_ids: Sequence[str]) -> dict[str, StoredChunk]:
        if not chunk_ids:
            return {}
        with self._calling():
            records = self._client.retrieve(self._name, [*chunk_ids], timeout=self._search_s)
        return {
            str(record.id): stored_chunk(str(record.id), record.payload, self.dimensions)
            for record in records
            if record.payload.get("tenant") == tenant
        }

    def scan(self, tenant: str | None = None) -> Iterator[StoredChunk]:
        """See `ChunkStore.scan`, by chunk id; writes meanwhile may or may not be seen."""
        wanted = [keyword("kind", "chunk")]
        if tenant is not None:
            wanted.append(keyword("tenant", tenant))
        for chunk_id, payload in self._scroll(models.Filter(must=[*wanted]), True):
            yield stored_chunk(chunk_id, payload, self.dimensions)

    def _scroll(self, which: Any, fields: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        offset = None
        while True:
            with self._calling():
                records, offset = self._client.scroll(
                    self._name, which, _PAGE, offset=offset, with_payload=fields, timeout=WRITE_S
                )
            for record in records:
                yield str(record.id), record.payload
            if offset is None:
                return
