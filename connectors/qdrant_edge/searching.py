"""What the embedded index is asked, as the engine's queries."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from qdrant_edge import (
    EdgeShard,
    FieldCondition,
    Filter,
    IdfParams,
    MatchAny,
    MatchExcept,
    MatchValue,
    Query,
    QueryBatchRequest,
    QueryRequest,
    SearchParams,
)

from connectors.bm25.encoder import Bm25Encoder
from connectors.payloads import tag
from connectors.qdrant_edge.graph import EF
from connectors.qdrant_edge.points import DENSE, LEXICAL
from processors.ports import Ranking, SearchQuery


def of_tenant(tenant: str) -> FieldCondition:
    return FieldCondition("tenant", match=MatchValue(tenant))


def nearest(queries: Sequence[SearchQuery]) -> list[QueryRequest]:
    """By vectors; `EF` counts where there is a graph."""
    params = SearchParams(hnsw_ef=EF)
    return [
        QueryRequest(
            query.limit,
            query=Query.Nearest(vector.data, using=DENSE),
            filter=_allowed(query),
            params=params,
        )
        for query in queries
        for vector in query.vectors
    ]


def matching(queries: Sequence[SearchQuery], encoder: Bm25Encoder) -> list[QueryRequest]:
    """By words. IDF counts what may be seen, whatever `filters`."""
    requests: list[QueryRequest] = []
    for query in queries:
        allowed = _allowed(query)
        params = SearchParams(idf=IdfParams(_seen(query)))
        for text in query.texts:
            terms = Query.Nearest(encoder.query(text), using=LEXICAL)
            requests.append(QueryRequest(query.limit, query=terms, filter=allowed, params=params))
    return requests


def found(
    shard: EdgeShard, queries: Sequence[SearchQuery], requests: Sequence[QueryRequest]
) -> list[list[Ranking]]:
    """In one batch of one kind: the engine scores neighbours that differ in their vector only
    together."""
    hits = shard.query_batch(QueryBatchRequest([*requests])) if requests else []
    rankings = iter(Ranking([str(h.id) for h in each], [h.score for h in each]) for each in hits)
    return [[*islice(rankings, len(query.texts))] for query in queries]


def _allowed(query: SearchQuery) -> Filter:
    tags = [
        FieldCondition("tags", match=MatchValue(tag(name, value)))
        for name, value in query.filters.items()
    ]
    return _seen(query, tags)


def _seen(query: SearchQuery, tags: Sequence[FieldCondition] = ()) -> Filter:
    some = FieldCondition("acl", match=MatchAny([*query.access.groups]))
    other = FieldCondition("classes", match=MatchExcept([*query.access.classes]))
    return Filter(must=[of_tenant(query.tenant), some, *tags], must_not=[other])
