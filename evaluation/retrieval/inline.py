"""The pipeline's processors in this process, without Kafka: documents in, candidates out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import accumulate, islice
from typing import Any, Self

from evaluation.stages import open_stages, through, to_search
from processors.guard.sight import UNLABELLED
from processors.needs import CHUNKS, DENSE, EMBEDDER, LEXICAL
from processors.ports import SearchQuery
from processors.questions.retrieve import RetrievalConfig, Searched, SearchResult, retrieve, search
from schemas.events import ChunksRetrieved, DocumentFed
from streams.app.settings import Settings

BATCH = 64
_INDEXING = ("ingest", "chunk", "embed", "index")


class Inline:
    """One tenant's documents and questions on the ports of these settings."""

    def __init__(self, settings: Settings, tenant: str) -> None:
        self._settings = settings
        self._tenant = tenant
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stages = open_stages(self._settings, self._stack, [*_INDEXING, "retrieve"])
        self._embedder, self._index = (
            self._stages.ports[EMBEDDER],
            Searched(
                self._stages.ports[CHUNKS], self._stages.ports[DENSE], self._stages.ports[LEXICAL]
            ),
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def index(self, documents: Iterable[DocumentFed]) -> int:
        """Make documents searchable; returns how many.

        Raises:
            Reject: one cannot be taken.
        """
        left = iter(documents)
        done = 0
        while some := list(islice(left, BATCH)):
            events: Sequence[Any] = some
            for name in _INDEXING:
                events = through(self._stages[name], events, done)
            done += len(some)
        return done

    def retrieved(
        self, queries: Mapping[str, str], config: RetrievalConfig
    ) -> dict[str, ChunksRetrieved]:
        """The candidates of each question, as `retrieve` gives them."""
        found: dict[str, ChunksRetrieved] = {}
        ids = [*queries]
        for at in range(0, len(ids), BATCH):
            some = ids[at : at + BATCH]
            asked = [to_search(each, self._tenant, queries[each]) for each in some]
            outcomes = retrieve(
                asked,
                embedder=self._embedder,
                index=self._index,
                config=config,
                sights=[UNLABELLED] * len(asked),
            )
            for each, outcome in zip(some, outcomes, strict=True):
                if isinstance(outcome, Exception):
                    raise outcome
                found[each] = outcome[0]
        return found

    def searched(self, queries: Mapping[str, Sequence[str]], limit: int) -> dict[str, SearchResult]:
        """What each index says of each question by itself, all its variants: ids and scores."""
        found: dict[str, SearchResult] = {}
        ids = [*queries]
        for at in range(0, len(ids), BATCH):
            some = ids[at : at + BATCH]
            texts = [text for each in some for text in queries[each]]
            vectors = self._embedder.embed_queries(texts)
            ends = [*accumulate(len(queries[each]) for each in some)]
            asked = [
                SearchQuery(
                    self._tenant,
                    queries[each],
                    vectors[end - len(queries[each]) : end],
                    limit,
                    UNLABELLED.access,
                )
                for each, end in zip(some, ends, strict=True)
            ]
            found |= zip(some, search(asked, self._index), strict=True)
        return found

    def documents_of(self) -> dict[str, str]:
        """The document of every chunk that is searchable."""
        return {each.chunk_id: each.doc_id for each in self._index.chunks.scan(self._tenant)}

    def texts(self) -> Iterator[str]:
        """What every searchable chunk says, with its context."""
        for each in self._index.chunks.scan(self._tenant):
            yield f"{each.title}\n{each.heading}\n{each.text}"
