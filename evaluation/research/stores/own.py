"""What is ours beside nothing but the store's own call of the same, by turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from qdrant_edge import QueryBatchRequest

from connectors.opensearch import documents as kept
from connectors.opensearch.client import Client
from connectors.opensearch.searching import body_of
from connectors.qdrant.index import QdrantIndex
from connectors.qdrant_edge.index import EdgeIndex
from evaluation.research.stores.running import TENANT, S, batches, words
from processors.documents.applying import apply
from processors.ports import SearchQuery
from schemas.events import DocumentEmbedded


def _timed(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def bulk(client: Client, embedded: Sequence[DocumentEmbedded]) -> dict[str, float]:
    """Chunks/s of `index`, and of nothing but the bulk of the same chunks; one by turns."""
    ours, own = words(client, "millrace-measured-ours"), "millrace-measured-own"
    words(client, own)
    chunks, mine, its = 0, 0.0, 0.0
    for some in batches(embedded):
        lines = [
            kept.chunk_lines((TENANT, each.document.doc_id), each, item, 1)
            for each in some
            for item in each.chunks
        ]
        chunks += len(lines)
        mine += _timed(partial(apply, ours, some))
        # The client's own work, encoding included; searchable at the end, as ours is.
        its += _timed(partial(_own_bulk, client, own, lines))
    return _rates(chunks, mine, its)


def _own_bulk(client: Client, alias: str, lines: Sequence[tuple[Any, ...]]) -> None:
    body = [line for each in lines for line in each]
    client.raw("POST", f"/{alias}/_bulk", body, timeout_s=S, refresh="true")


def by_turns(
    asked: Sequence[SearchQuery],
    ours: Callable[[Sequence[SearchQuery]], Any],
    own: Callable[[Sequence[SearchQuery]], Callable[[], Any]],
) -> dict[str, float]:
    """Questions/s in batches; `own` gives the store's own call of a batch, made before the time."""
    mine = its = 0.0
    for number, some in enumerate(batches(asked)):
        calls: list[Callable[[], Any]] = [partial(ours, some), own(some)]
        order = (0, 1) if number % 2 else (1, 0)  # what comes second finds everything warm
        took = {at: _timed(calls[at]) for at in order}
        mine, its = mine + took[0], its + took[1]
    return _rates(len(asked), mine, its)


def own_words(client: Client, some: Sequence[SearchQuery]) -> Callable[[], Any]:
    bodies: list[Mapping[str, Any]] = [
        line for each in some for line in ({}, body_of(each, each.texts[0]))
    ]
    path = "/millrace-measured-words/_msearch"
    return lambda: client.raw("POST", path, bodies, timeout_s=S)


def own_vectors(index: QdrantIndex, requests: Sequence[Any]) -> Callable[[], Any]:
    client = index._client  # pyright: ignore[reportPrivateUsage]
    return lambda: client.query_batch_points("measured", requests)


def own_edge(index: EdgeIndex, requests: Sequence[Any]) -> Callable[[], Any]:
    shard = index._shard  # pyright: ignore[reportPrivateUsage]
    return lambda: shard.query_batch(QueryBatchRequest([*requests]))


def _rates(count: int, mine: float, its: float) -> dict[str, float]:
    ours, own = count / mine, count / its
    return {"per_s": round(ours, 1), "own_per_s": round(own, 1), "ratio": round(ours / own, 3)}
