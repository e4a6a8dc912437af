"""A set in the embedded index and in both servers, and how good what each finds is."""

from __future__ import annotations

import os
import pickle
import tempfile
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from qdrant_client import QdrantClient
from qdrant_client.local import local_collection

from connectors.opensearch.client import Client
from connectors.opensearch.index import OpenSearchIndex
from connectors.opensearch.making import Making, make
from connectors.qdrant import making as qdrant
from connectors.qdrant.index import QdrantIndex
from connectors.qdrant_edge.index import EdgeIndex
from connectors.together import Together
from evaluation.retrieval import beir
from evaluation.retrieval.measures import Quality, documents
from evaluation.stages import Stages, through, to_search
from infra.local.opensearch import OpenSearchServer
from processors.documents.applying import apply
from processors.guard.access import Access
from processors.guard.sight import UNLABELLED
from processors.needs import EMBEDDER
from processors.ports import Embedder, Ranking, SearchQuery
from processors.questions.fusion import fuse
from processors.questions.rerank import ranked
from processors.questions.retrieve import RetrievalConfig, Searched, retrieve
from processors.text.lexicon import Lexicon
from schemas.events import DocumentEmbedded
from streams.app import config
from streams.app.ports import open_these
from streams.app.settings import Settings
from streams.flow.errors import UserError

TENANT = "measured"
BATCH = 64  # questions that are asked at once
WRITTEN = 1024  # documents
SIZE = 384
MAKING = Making("millrace-", shards=1, replicas=0, tenants=100)
S = 60.0
PARTS = ("BM25", "dense", "fused", "final")


@dataclass(frozen=True, slots=True)
class Servers:
    words: OpenSearchIndex
    vectors: QdrantIndex

    @property
    def together(self) -> Together:
        return Together(self.vectors, self.words, keeper=self.words)


@dataclass(frozen=True, slots=True)
class World:
    """A set in the embedded shard and in both servers."""

    client: Client
    servers: Servers
    edge: EdgeIndex
    embedded: Sequence[DocumentEmbedded]
    embedder: Embedder
    retrieval: RetrievalConfig

    def asked(self, texts: Iterable[str]) -> list[SearchQuery]:
        said = [*texts]
        vectors = self.embedder.embed_queries(said)
        return [
            SearchQuery(TENANT, [text], vector[None], self.retrieval.limit, UNLABELLED.access)
            for text, vector in zip(said, vectors, strict=True)
        ]

    def quality(self, index: Any, judged: beir.Judged) -> dict[str, float]:
        """nDCG@10 of each part alone, of both fused, and of the final order."""
        document = {each.chunk_id: each.doc_id for each in index.scan(TENANT)}
        heard = Heard(index)
        runs: dict[str, dict[str, list[str]]] = {part: {} for part in PARTS}
        for some in batches(judged.queries.items()):
            heard.dense, heard.lexical = [], []
            outcomes = retrieve(
                [to_search(key, TENANT, text, 50) for key, text in some],
                embedder=self.embedder,
                index=Searched(index, heard, heard),
                config=self.retrieval,
                sights=[UNLABELLED] * len(some),
            )
            told = zip(some, outcomes, heard.dense, heard.lexical, strict=True)
            for (key, _), outcome, dense, lexical in told:
                if isinstance(outcome, Exception):
                    raise outcome
                if outcome[0].carried.degraded:
                    raise UserError(f"{key}: {'; '.join(outcome[0].carried.degraded)}")
                fused = fuse(
                    dense,
                    lexical,
                    method=self.retrieval.fusion,
                    bm25_weight=self.retrieval.bm25_weight,
                )
                orders = lexical[0].chunk_ids, dense[0].chunk_ids, [f.chunk_id for f in fused]
                for part, ids in zip(PARTS, orders, strict=False):
                    runs[part][key] = documents(document[each] for each in ids)
                final = ranked(outcome[0], self.retrieval)
                runs["final"][key] = documents(each.doc_id for each in final)
        return {n: round(Quality.of(run, judged.relevant).ndcg_10, 4) for n, run in runs.items()}


class Heard:
    """An index, and what rankings it gave."""

    def __init__(self, index: Any) -> None:
        self._index = index
        self.dense: list[list[Ranking]] = []
        self.lexical: list[list[Ranking]] = []

    def nearest(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        self.dense = self._index.nearest(queries)
        return self.dense

    def matching(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        self.lexical = self._index.matching(queries)
        return self.lexical

    def lexicon(self, tenant: str, access: Access) -> Lexicon:
        return self._index.lexicon(tenant, access)


@contextmanager
def running(judged: beir.Judged, made: Path, url: str, documents: int) -> Generator[World]:
    file = made / f"{judged.name}.pickle"
    if not file.is_file():
        raise UserError(f"{file} is missing: run `embed {judged.name}` first")
    embedded: list[DocumentEmbedded] = pickle.loads(file.read_bytes())[:documents]  # noqa: S301
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        data = Path(folder)
        settings = Settings(data=data)
        if not url:
            url = stack.enter_context(OpenSearchServer(data / "opensearch")).url
        client = Client(url)
        stack.callback(client.close)
        stack.callback(lambda: client.raw("DELETE", "/millrace-measured-*", timeout_s=S))
        servers = Servers(words(client, "millrace-measured-words"), vectors())
        edge = stack.enter_context(EdgeIndex(data / "edge", "edge", SIZE))
        together = servers.together
        for at in range(0, len(embedded), WRITTEN):
            for index in (edge, together):
                apply(index, embedded[at : at + WRITTEN])
        embedder = open_these(settings, stack, EMBEDDER)[EMBEDDER]
        with _filtered_once():
            yield World(client, servers, edge, embedded, embedder, config.retrieval(settings))


@contextmanager
def _filtered_once() -> Generator[None]:
    """Qdrant's local mode holds its filter against each point, in Python, for each question: that
    takes a second of thousands of points. Of one filter it need not while nothing is written.
    """
    library: Any = local_collection
    whole = library.calculate_payload_mask
    masks: dict[tuple[str, int], Any] = {}

    def mask(**given: Any) -> Any:
        key = repr(given["payload_filter"]), len(given["payloads"])
        if key not in masks:
            masks[key] = whole(**given)
        return masks[key]

    library.calculate_payload_mask = mask
    try:
        yield
    finally:
        library.calculate_payload_mask = whole


def embedded_of(stages: Stages, fed: Sequence[Any]) -> Iterator[DocumentEmbedded]:
    done = 0
    for some in batches(fed):
        events: Sequence[Any] = some
        for name in ("ingest", "chunk", "embed"):
            events = through(stages[name], events, done)
        done += len(some)
        yield from events


def chunks_of(embedded: Sequence[DocumentEmbedded]) -> int:
    return sum(len(each.chunks) for each in embedded)


def batches(things: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(things)
    while some := list(islice(left, BATCH)):
        yield some


def words(client: Client, alias: str) -> OpenSearchIndex:
    make(client, alias, MAKING, dimensions=SIZE, model="measured")
    return OpenSearchIndex(client, alias, "servers", SIZE, search_s=S)


def vectors() -> QdrantIndex:
    url = os.environ.pop("MILLRACE_QDRANT_URL", "")
    warnings.simplefilter("ignore")  # payload indexes have no effect in the local mode
    client = QdrantClient(url=url, prefer_grpc=True) if url else QdrantClient(":memory:")
    qdrant.make(client, "measured", qdrant.Making(), dimensions=SIZE, model="measured")
    return QdrantIndex(client, "measured", "servers", SIZE, search_s=int(S))
