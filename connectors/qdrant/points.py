"""What a collection of Qdrant keeps of a chunk and of a document, and how it is asked for."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from qdrant_client import models

from connectors.bm25.encoder import Bm25Encoder
from connectors.payloads import chunk_payload, fence_id, read_text, tag
from processors.guard.access import Access
from processors.ports import Document, SearchQuery
from processors.text.lexicon import said
from schemas.events import DocumentEmbedded, EmbeddedChunk

DENSE = "dense"
LEXICAL = "bm25"


def fence_point(
    document: Document, fence: Mapping[str, Any], count: int, mark: str
) -> models.PointStruct:
    """What was last applied to a document: no vectors, so that no search finds it.

    `count` how often it was written, and `mark` by which write.
    """
    payload = {
        "kind": "fence",
        "fence": json.dumps(fence),  # its numbers have 63 bits
        "count": count,
        "mark": mark,
    }
    return models.PointStruct(id=fence_id(document), vector={}, payload=payload)


def chunk_point(
    document: Document,
    change: DocumentEmbedded,
    item: EmbeddedChunk,
    encoder: Bm25Encoder,
    count: int,
    mark: str,
) -> models.PointStruct:
    """A chunk, written under the fence of this count and mark."""
    of, chunk = change.document, item.chunk
    terms = encoder.document(of.title, chunk.heading, chunk.text, of.doc_id)
    words, acronyms = said(read_text(change, item))
    payload = chunk_payload(fence_id(document), change, item) | {
        "kind": "chunk",
        "words": sorted(words),
        "shorts": sorted({short for short, _ in acronyms}),
        "acronyms": sorted(f"{short}\x1f{long}" for short, long in acronyms),
        "count": count,
        "mark": mark,
    }
    vectors: dict[str, Any] = {
        DENSE: np.frombuffer(item.vector, "<f2").astype(np.float32).tolist(),
        LEXICAL: models.SparseVector(indices=terms.indices, values=terms.values),
    }
    return models.PointStruct(id=chunk.chunk_id, vector=vectors, payload=payload)


def keyword(field: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=field, match=models.MatchValue(value=value))


def any_of(field: str, values: Collection[str]) -> models.FieldCondition:
    return models.FieldCondition(key=field, match=models.MatchAny(any=[*values]))


def not_after(count: int) -> models.FieldCondition:
    """What was written under this fence or an earlier one."""
    return models.FieldCondition(key="count", range=models.Range(lte=count))


def allowed(query: SearchQuery) -> models.Filter:
    tags = [keyword("tags", tag(name, value)) for name, value in query.filters.items()]
    return seen(query.tenant, query.access, tags)


def seen(
    tenant: str, access: Access, wanted: Sequence[models.FieldCondition] = ()
) -> models.Filter:
    """What somebody may see of a tenant's, and is wanted."""
    other = models.MatchExcept(**{"except": [*access.classes]})
    return models.Filter(
        must=[keyword("tenant", tenant), any_of("acl", access.groups), *wanted],
        must_not=[models.FieldCondition(key="classes", match=other)],
    )


def dense_requests(queries: Sequence[SearchQuery]) -> list[models.QueryRequest]:
    """One for each variant of each question."""
    return [
        models.QueryRequest(
            query=vector.tolist(),
            using=DENSE,
            filter=allowed(query),
            limit=query.limit,
            with_payload=False,
        )
        for query in queries
        for vector in query.vectors
    ]


def lexical_requests(
    queries: Sequence[SearchQuery], encoder: Bm25Encoder
) -> list[models.QueryRequest]:
    """Likewise. How rare a term is counts among what may be seen, whatever `filters`."""
    found: list[models.QueryRequest] = []
    for query in queries:
        corpus = seen(query.tenant, query.access)
        params = models.SearchParams(idf=models.IdfCorpusParams(corpus=corpus))
        for text in query.texts:
            terms = encoder.query(text)
            found.append(
                models.QueryRequest(
                    query=models.SparseVector(indices=terms.indices, values=terms.values),
                    using=LEXICAL,
                    filter=allowed(query),
                    limit=query.limit,
                    params=params,
                    with_payload=False,
                )
            )
    return found
