"""OpenSearch as chunk store and lexical search: one index behind an alias per index version.

A document has, beside a document per chunk, one that keeps its fence. It is written first, and only
if nobody wrote it since it was read; its `_version`, which OpenSearch counts, is the external
version of the chunks that are written under it. So a worker that was frozen between the two, and
whose documents are another's by now, changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from opensearchpy.exceptions import NotFoundError

from connectors.on_server import OnServer, overtaken
from connectors.opensearch import documents
from connectors.opensearch.client import CONFLICT, Client, reason
from connectors.opensearch.searching import MISSING, body_of, ranking_of
from connectors.opensearch.words import TenantWords
from connectors.payloads import MADE, fence_id, made_of, stored_chunk
from processors.guard.access import Access
from processors.ports import (
    Document,
    Made,
    Ranking,
    Refused,
    Rewritten,
    SearchQuery,
    StoredChunk,
)
from processors.text.lexicon import Lexicon
from streams.flow.errors import Retry

WRITE_S = 30.0
_SLICE = 400  # items of one bulk: two to three megabytes
_PAGE = 1_000


class OpenSearchIndex(OnServer):
    """See `ChunkStore` and `LexicalSearch`. Opens nothing; `making.make` has made its index."""

    def __init__(
        self,
        client: Client,
        alias: str,
        version: str,
        dimensions: int = 384,
        *,
        shards: int = 1,
        search_s: float = 2.0,
    ) -> None:
        super().__init__(version, dimensions)
        self._client = client
        self._alias = alias
        self._shards = shards
        self._search_s = search_s

    @property
    def where(self) -> str:
        return f"{self._alias} in OpenSearch at {self._client.url}"

    def fences(self, documents: Collection[Document]) -> dict[Document, dict[str, Any]]:
        found = self._fences(documents)
        return {document: each["_source"]["fence"] for document, each in found.items()}

    def _fences(self, documents: Collection[Document]) -> dict[Document, Mapping[str, Any]]:
        """As they are now, refreshed or not."""
        ids = {fence_id(document): document for document in documents}
        if not ids:
            return {}
        return {ids[each["_id"]]: each for each in self._get([*ids], timeout_s=WRITE_S)}

    def _get(self, ids: Sequence[str], **options: Any) -> list[Mapping[str, Any]]:
        """Those of these that are there."""
        said = self._call("POST", "_mget", {"ids": [*ids]}, **options)["docs"]
        if any("error" in each for each in said):  # all, since it is the index that is not there
            raise self._missing()
        return [each for each in said if each["found"]]

    def made(self, documents: Collection[Document]) -> dict[Document, dict[str, Made]]:
        ids = {fence_id(document): document for document in documents}
        found: dict[Document, dict[str, Made]] = {document: {} for document in documents}
        if not ids:
            return found
        self._refresh()  # what a worker that was killed had written is to be seen, too
        fields = [f"payload.{name}" for name in MADE]
        for chunk_id, payload in self._scroll({"terms": {"document": [*ids]}}, fields):
            found[ids[payload["document"]]][chunk_id] = made_of(payload)
        return found

    def write(self, changes: Mapping[Document, Rewritten]) -> None:
        """See `ChunkStore.write`. Searchable on return.

        Raises:
            Refused: some documents cannot be stored as they are.
        """
        versions = self._write_fences(changes)
        refused: dict[Document, str] = {}
        for some in _slices(chain(self._relabelled(changes, versions), _items(changes, versions))):
            outcomes = self._bulk([lines for _, lines in some])
            for (document, lines), outcome in zip(some, outcomes, strict=True):
                status = outcome["status"]
                if status == CONFLICT:
                    raise overtaken(document)
                if status >= 300 and not (status == MISSING and "delete" in lines[0]):
                    refused.setdefault(document, reason(outcome))
        self._refresh()
        for document, change in changes.items():
            self.lacking.met(document, change.fence)
        if refused:
            raise Refused(refused)

    def _relabelled(
        self, changes: Mapping[Document, Rewritten], versions: Mapping[Document, int]
    ) -> Iterator[tuple[Document, tuple[Any, ...]]]:
        """The chunks that are there of documents that somebody else may see now."""
        said = {
            fence_id(document): (document, change.labels)
            for document, change in changes.items()
            if change.labels is not None
        }
        if not said:
            return
        self._refresh()  # what a worker that was killed had written is to be seen, too
        for chunk_id, payload in self._scroll({"terms": {"document": [*said]}}, ["payload"]):
            document, labels = said[payload["document"]]
            version = versions[document]
            yield document, documents.relabelled_lines(chunk_id, payload, labels, version)

    def _write_fences(self, changes: Mapping[Document, Rewritten]) -> dict[Document, int]:
        """The version that each fence has now."""
        read = self._fences(changes)
        for document, change in changes.items():
            now = read[document]["_source"]["fence"] if document in read else None
            if now != change.before:
                raise overtaken(document)
        lines = [documents.fence_lines(d, c.fence, read.get(d)) for d, c in changes.items()]
        versions: dict[Document, int] = {}
        for document, outcome in zip(changes, self._bulk(lines), strict=True):
            if outcome["status"] == CONFLICT:
                raise overtaken(document)
            if outcome["status"] >= 300:
                raise Retry(f"the fence of {'/'.join(document)}: {reason(outcome)}")
            versions[document] = outcome["_version"]
        return versions

    def nearest(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        raise NotImplementedError("OpenSearch is no dense index here")

    def matching(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        """See `LexicalSearch.matching`: an `_msearch` of every variant of every question."""
        lines = [
            line for query in queries for text in query.texts for line in ({}, body_of(query, text))
        ]
        if not lines:
            return []
        # With several shards, how rare a word is has to be asked of all of them first.
        kind = "query_then_fetch" if self._shards == 1 else "dfs_query_then_fetch"
        said = self._call("POST", "_msearch", lines, timeout_s=self._search_s, search_type=kind)
        found = [ranking_of(each) for each in said["responses"]]
        rankings = iter([each for each in found if each is not None])
        if None in found:
            raise self._missing()
        return [[*islice(rankings, len(query.texts))] for query in queries]

    def lexicon(self, tenant: str, access: Access) -> Lexicon:
        return Lexicon(TenantWords(self._search, tenant, access))

    def fetch(self, tenant: str, chunk_ids: Sequence[str]) -> dict[str, StoredChunk]:
        if not chunk_ids:
            return {}
        options = {"realtime": "false", "_source": "payload", "timeout_s": self._search_s}
        found: dict[str, StoredChunk] = {}
        for each in self._get(chunk_ids, **options):
            payload = each["_source"].get("payload")
            if payload and payload["tenant"] == tenant:
                found[each["_id"]] = stored_chunk(each["_id"], payload, self.dimensions)
        return found

    def scan(self, tenant: str | None = None) -> Iterator[StoredChunk]:
        """See `ChunkStore.scan`, by chunk id; writes meanwhile may or may not be seen."""
        which: dict[str, Any] = {"term": {"kind": "chunk"}}
        if tenant is not None:
            which = {"bool": {"filter": [which, {"term": {"tenant": tenant}}]}}
        for chunk_id, payload in self._scroll(which, ["payload"]):
            yield stored_chunk(chunk_id, payload, self.dimensions)

    def _scroll(
        self, which: Mapping[str, Any], fields: Sequence[str]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        body: dict[str, Any] = {
            "size": _PAGE,
            "query": which,
            "sort": [{"chunk": "asc"}],
            "_source": [*fields],
            "track_total_hits": False,
        }
        while True:
            hits = self._search(body, WRITE_S)["hits"]["hits"]
            for hit in hits:
                yield hit["_id"], hit["_source"]["payload"]
            if len(hits) < _PAGE:
                return
            body["search_after"] = hits[-1]["sort"]

    def _search(self, body: Any, timeout_s: float | None = None) -> Any:
        return self._call("POST", "_search", body, timeout_s=timeout_s or self._search_s)

    def _refresh(self) -> None:
        self._call("POST", "_refresh", timeout_s=WRITE_S)

    def _bulk(self, lines: Sequence[tuple[Any, ...]]) -> list[Mapping[str, Any]]:
        try:
            return self._client.bulk(self._alias, lines, timeout_s=WRITE_S)
        except NotFoundError:
            raise self._missing() from None

    def _call(self, method: str, what: str, body: Any = None, **options: Any) -> Any:
        try:
            return self._client.call(method, f"/{self._alias}/{what}", body, **options)
        except NotFoundError:
            raise self._missing() from None

    def _missing(self) -> Retry:
        return Retry(
            f"there is no index {self.where}: start the worker again, which makes it, and "
            "`millrace index verify --repair` fills it"
        )


def _items(
    changes: Mapping[Document, Rewritten], versions: Mapping[Document, int]
) -> Iterator[tuple[Document, tuple[Any, ...]]]:
    """Chunks to put, then those to take away, each with its document."""
    for document, change in changes.items():
        for event, item in change.put:
            yield document, documents.chunk_lines(document, event, item, versions[document])
    for document, change in changes.items():
        for chunk_id in change.gone:
            yield document, documents.gone_lines(chunk_id, versions[document])


def _slices(
    items: Iterator[tuple[Document, tuple[Any, ...]]],
) -> Iterator[list[tuple[Document, tuple[Any, ...]]]]:
    while some := [*islice(items, _SLICE)]:
        yield some
