"""What every durable store keeps of a chunk, and how it calls a document."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

import numpy as np

from processors.documents.fences import part_of
from processors.ports import Document, Made, StoredChunk
from schemas.events import DocumentEmbedded, EmbeddedChunk

DOCUMENTS = UUID("7d9e4f0a-31c5-5c8e-9c56-0d8b1f6a2e47")
MADE = ("document", "version", "sequence", "generation", "chunking", "ordinal")
"""The fields of a payload that say what made a chunk."""


def fence_id(document: Document) -> str:
    """The id of a document's fence. The tenant's length keeps `a` + `b/c` and `a/b` + `c` apart."""
    tenant, doc_id = document
    return str(uuid5(DOCUMENTS, f"{len(tenant)}:{tenant}/{doc_id}"))


def tag(name: str, value: str) -> str:
    """Metadata as one keyword, so that a name may hold what a JSON path may not."""
    return f"{name}\x1f{value}"


def labels(classes: Sequence[str] | None, acl: Sequence[str] | None) -> dict[str, list[str]]:
    """Who may see a chunk, as stores filter by it; they change without the rest."""
    return {"classes": [*(classes or ())], "acl": [*(acl or ())]}


def read_text(change: DocumentEmbedded, item: EmbeddedChunk) -> str:
    """What is searched of a chunk by its words: the chunk with what it stands under."""
    return f"{change.document.title}\n{item.chunk.heading}\n{item.chunk.text}"


def text_read(payload: Mapping[str, Any]) -> str:
    """The same of what is stored."""
    return f"{payload['title']}\n{payload['heading']}\n{payload['text']}"


def chunk_payload(key: str, change: DocumentEmbedded, item: EmbeddedChunk) -> dict[str, Any]:
    """A chunk of the document with this key."""
    document, chunk = change.document, item.chunk
    return {
        "document": key,
        "tenant": document.tenant,
        **labels(document.classes, document.acl),
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
        # Text, since the engines hand vectors over as lists of floats, which for 50 chunks of 4
        # sentences costs twice as much.
        "vectors": base64.b64encode(item.vector + item.sentence_vectors).decode("ascii"),
    }


def made_of(payload: dict[str, Any]) -> Made:
    """What made the chunk of this payload; `MADE` has all that it takes."""
    stamp = payload["version"], payload["sequence"], payload["generation"]
    return Made(stamp, payload["chunking"], part_of(payload["ordinal"]))


def stored_chunk(chunk_id: str, payload: dict[str, Any], dimensions: int) -> StoredChunk:
    """The chunk that `chunk_payload` made a payload of."""
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
        classes=payload["classes"],
        acl=payload["acl"],
    )
