"""What servers behind the index cost and give: `python -m evaluation.research.stores FOLDER URL`.

FOLDER is a set in BEIR's form, URL an OpenSearch that may be written. Vectors are searched in
Qdrant, by its client's local mode (exact, and as slow as Python is) or a server that
MILLRACE_QDRANT_URL names. Documents are embedded once. Printed as JSON: nDCG@10 of each part
through the embedded shard and through the servers, and what is kept of OpenSearch's own speed.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from qdrant_client import QdrantClient

from connectors.opensearch import documents as kept
from connectors.opensearch.client import Client
from connectors.opensearch.index import OpenSearchIndex
from connectors.opensearch.making import Making, make
from connectors.opensearch.searching import body_of
from connectors.qdrant import making as qdrant
from connectors.qdrant.index import QdrantIndex
from connectors.qdrant_edge.index import EdgeIndex
from connectors.together import Together
from evaluation.bench.corpus import Corpus
from evaluation.retrieval import beir
from evaluation.retrieval.measures import Quality, documents
from evaluation.stages import Stages, open_stages, through, to_search
from processors.documents.applying import apply
from processors.guard.sight import UNLABELLED
from processors.needs import EMBEDDER
from processors.ports import SearchQuery
from processors.questions.fusion import fuse
from processors.questions.rerank import ranked
from processors.questions.retrieve import RetrievalConfig, Searched, retrieve, search
from schemas.events import DocumentEmbedded
from streams.app import config
from streams.app.settings import Settings

TENANT = "measured"
BATCH = 64
SIZE = 384
MAKING = Making("millrace-", shards=1, replicas=0, tenants=100)
S = 60.0


def main() -> None:
    folder, url = Path(sys.argv[1]), sys.argv[2]
    judged = beir.judged(folder)
    with tempfile.TemporaryDirectory() as data, ExitStack() as stack:
        settings = Settings(data=Path(data))
        stages = open_stages(settings, stack, ["ingest", "chunk", "embed"])
        embedded = [
            *_embedded(stages, Corpus(judged.name, folder).documents(settings, TENANT, 10**7))
        ]
        client = Client(url)
        stack.callback(client.close)
        words = _made(client, "millrace-measured-words")
        edge = stack.enter_context(EdgeIndex(Path(data) / "edge", "edge", SIZE))
        servers = Together(_qdrant(), words, keeper=words)
        for some in _batches(embedded):
            apply(edge, some)
            apply(servers, some)
        embedder = stages.ports[EMBEDDER]
        retrieval = config.retrieval(settings)
        found = {
            name: _quality(Searched(index, index, index), judged, embedder, retrieval)
            for name, index in (("embedded", edge), ("servers", servers))
        }
        vectors = embedder.embed_queries([*judged.queries.values()])
        asked = [
            SearchQuery(TENANT, [text], vector[None], retrieval.limit, UNLABELLED.access)
            for text, vector in zip(judged.queries.values(), vectors, strict=True)
        ]
        speed = {"bulk": _bulk(client, embedded), "search": _search(client, words, asked)}
        for alias in ("millrace-measured-*",):
            client.raw("DELETE", f"/{alias}", timeout_s=S)
    print(json.dumps({"set": judged.name, "ndcg_10": found, "of_its_own": speed}, indent=1))


def _embedded(stages: Stages, fed: Sequence[Any]) -> Iterator[DocumentEmbedded]:
    done = 0
    for some in _batches(fed):
        events: Sequence[Any] = some
        for name in ("ingest", "chunk", "embed"):
            events = through(stages[name], events, done)
        done += len(some)
        yield from events


def _batches(things: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(things)
    while some := list(islice(left, BATCH)):
        yield some


def _made(client: Client, alias: str) -> OpenSearchIndex:
    make(client, alias, MAKING, dimensions=SIZE, model="measured")
    return OpenSearchIndex(client, alias, "servers", SIZE, search_s=S)


def _qdrant() -> QdrantIndex:
    url = os.environ.pop("MILLRACE_QDRANT_URL", "")
    warnings.simplefilter("ignore")  # payload indexes have no effect in the local mode
    client = QdrantClient(url=url, prefer_grpc=True) if url else QdrantClient(":memory:")
    qdrant.make(client, "measured", qdrant.Making(), dimensions=SIZE, model="measured")
    return QdrantIndex(client, "measured", "servers", SIZE, search_s=int(S))


def _quality(
    index: Searched, judged: beir.Judged, embedder: Any, retrieval: RetrievalConfig
) -> dict[str, float]:
    """nDCG@10 of each part alone, of both fused, and of the final order."""
    document = {each.chunk_id: each.doc_id for each in index.chunks.scan(TENANT)}
    runs: dict[str, dict[str, list[str]]] = {n: {} for n in ("BM25", "dense", "fused", "final")}
    for some in _batches(judged.queries.items()):
        vectors = embedder.embed_queries([text for _, text in some])
        asked = [
            SearchQuery(TENANT, [text], vector[None], retrieval.limit, UNLABELLED.access)
            for (_, text), vector in zip(some, vectors, strict=True)
        ]
        for (key, _), result in zip(some, search(asked, index), strict=True):
            fused = fuse(
                result.dense,
                result.lexical,
                method=retrieval.fusion,
                bm25_weight=retrieval.bm25_weight,
            )
            for name, ids in (
                ("BM25", result.lexical[0].chunk_ids),
                ("dense", result.dense[0].chunk_ids),
                ("fused", [each.chunk_id for each in fused]),
            ):
                runs[name][key] = documents(document[each] for each in ids)
        questions = [to_search(key, TENANT, text, 50) for key, text in some]
        outcomes = retrieve(
            questions,
            embedder=embedder,
            index=index,
            config=retrieval,
            sights=[UNLABELLED] * len(questions),
        )
        for (key, _), outcome in zip(some, outcomes, strict=True):
            if isinstance(outcome, Exception):
                raise outcome
            final = ranked(outcome[0], retrieval)
            runs["final"][key] = documents(each.doc_id for each in final)
    return {n: round(Quality.of(run, judged.relevant).ndcg_10, 4) for n, run in runs.items()}


def _timed(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _bulk(client: Client, embedded: Sequence[DocumentEmbedded]) -> dict[str, float]:
    """Chunks/s of `write`, and of nothing but the bulk of the same chunks; one by turns."""
    ours, own = _made(client, "millrace-measured-ours"), "millrace-measured-own"
    _made(client, own)
    chunks, mine, its = 0, 0.0, 0.0
    for some in _batches(embedded):
        lines = [
            kept.chunk_lines((TENANT, each.document.doc_id), each, item, 1)
            for each in some
            for item in each.chunks
        ]
        chunks += len(lines)
        mine += _timed(lambda some=some: apply(ours, some))
        # The client's own work, encoding included; searchable at the end, as ours is.
        its += _timed(lambda lines=lines: _own_bulk(client, own, lines))
    return _rates(chunks, mine, its)


def _own_bulk(client: Client, alias: str, lines: Sequence[tuple[Any, ...]]) -> None:
    body = [line for each in lines for line in each]
    client.raw("POST", f"/{alias}/_bulk", body, timeout_s=S, refresh="true")


def _search(
    client: Client, words: OpenSearchIndex, asked: Sequence[SearchQuery]
) -> dict[str, float]:
    """Questions/s of `matching`, and of nothing but the search of the same bodies."""
    mine = its = 0.0
    for some in _batches([*asked, *asked]):
        bodies: list[Mapping[str, Any]] = [
            line for each in some for line in ({}, body_of(each, each.texts[0]))
        ]
        mine += _timed(lambda some=some: words.matching(some))
        its += _timed(lambda bodies=bodies: _own_search(client, bodies))
    return _rates(2 * len(asked), mine, its)


def _own_search(client: Client, bodies: Sequence[Mapping[str, Any]]) -> None:
    client.raw("POST", "/millrace-measured-words/_msearch", bodies, timeout_s=S)


def _rates(count: int, mine: float, its: float) -> dict[str, float]:
    ours, own = count / mine, count / its
    return {"per_s": round(ours, 1), "own_per_s": round(own, 1), "ratio": round(ours / own, 3)}


if __name__ == "__main__":
    main()
