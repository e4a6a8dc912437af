"""What the embedded index stores of a chunk and of a document, as points of the engine."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from qdrant_edge import Point

from connectors.bm25.encoder import Bm25Encoder
from connectors.qdrant_edge import sums
from processors.ports import Document, StoredChunk
from schemas.events import DocumentEmbedded, EmbeddedChunk
from streams.flow.mirror import Place, Reflected

DENSE = "dense"
LEXICAL = "bm25"

_DOCUMENTS = UUID("7d9e4f0a-31c5-5c8e-9c56-0d8b1f6a2e47")

# Of the point that says how far the log is reflected. It is written behind what it tells of, in the
# same write-ahead log: whatever a crash or a copy takes away, it is never ahead of the rest.
PLACES = str(uuid5(_DOCUMENTS, "places"))


def places_point(places: Mapping[Place, Reflected], least: int, most: int) -> Point:
    """The shard has `least` to `most` points, unless something was lost."""
    rows = [[*place, each.log, each.offset, each.whole] for place, each in places.items()]
    return Point(PLACES, {}, {"places": rows, "points": [least, most]})


def reflected(payload: Mapping[str, Any]) -> dict[Place, Reflected]:
    """What `places_point` made a point of."""
    return {
        (topic, partition): Reflected(log, offset, whole)
        for topic, partition, log, offset, whole in payload.get("places", ())
    }


def fence_id(document: Document) -> str:
    """The id of a document's fence. The tenant's length keeps `a` + `b/c` and `a/b` + `c` apart."""
    tenant, doc_id = document
    return str(uuid5(_DOCUMENTS, f"{len(tenant)}:{tenant}/{doc_id}"))


def tag(name: str, value: str) -> str:
    """Metadata as one keyword, so that a name may hold what a JSON path may not."""
    return f"{name}\x1f{value}"


def fence_point(key: str, fence: Mapping[str, Any]) -> Point:
    """What was last applied to a document: no vectors, so that no search finds it."""
    return Point(key, {}, {**fence, sums.ALL: sums.of_all(key, fence)})


def chunk_point(
    key: str, change: DocumentEmbedded, item: EmbeddedChunk, encoder: Bm25Encoder
) -> Point:
    """A chunk of the document with this key."""
    document, chunk = change.document, item.chunk
    # A buffer costs half of what a list of floats does; it may be one, whatever its type says.
    vector: Any = np.frombuffer(item.vector, "<f2").astype(np.float32).data
    terms = encoder.document(document.title, chunk.heading, chunk.text, document.doc_id)
    payload = {
        "document": key,
        "tenant": document.tenant,
        "tags": [tag(name, value) for name, value in document.metadata.items()],
        "doc_id": document.doc_id,
        "version": document.version,
        "sequence": document.sequence,
        "generation": document.generation,
        "ordinal": chunk.ordinal,
        "page": chunk.page,
        "title": document.title,
        "heading": chunk.heading,
        "uri": document.uri,
        "text": chunk.text,
        "chunking": change.chunking,
        "changed_at": document.changed_at,
        "sentences": list(chunk.sentences),
        # Text, since the engine hands vectors over as lists of Python floats, which for 50 chunks
        # of 4 sentences costs twice as much.
        "vectors": base64.b64encode(item.vector + item.sentence_vectors).decode("ascii"),
    }
    return Point(
        chunk.chunk_id,
        {DENSE: vector, LEXICAL: terms},
        sums.summed(chunk.chunk_id, payload, terms),
    )


def stored_chunk(chunk_id: str, payload: dict[str, Any], dimensions: int) -> StoredChunk:
    """The chunk that `chunk_point` made a point of."""
    vectors = np.frombuffer(base64.b64decode(payload["vectors"]), "<f2").reshape(-1, dimensions)
    return StoredChunk(
        tenant=payload["tenant"],
        chunk_id=chunk_id,
        doc_id=payload["doc_id"],
        doc_version=payload["version"],
        doc_sequence=payload["sequence"],
        ordinal=payload["ordinal"],
        title=payload["title"],
        heading=payload["heading"],
        uri=payload["uri"],
        text=payload["text"],
        chunking=payload["chunking"],
        changed_at=payload["changed_at"],
        sentences=payload["sentences"],
        vector=vectors[0],
        sentence_vectors=vectors[1:],
        page=payload.get("page", 0),
    )
