"""What the index in OpenSearch keeps: a chunk and a fence, as the lines of a bulk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from connectors.bm25.encoder import marks_of
from connectors.opensearch.template import field_of
from connectors.payloads import chunk_payload, fence_id, read_text, tag
from processors.ports import Document
from processors.text.lexicon import acronyms
from schemas.events import DocumentEmbedded, EmbeddedChunk

_LONGEST_TERM = 8_000  # bytes of a keyword; Lucene takes four times as many, and refuses the rest


def term(name: str, value: str) -> str:
    """Metadata as one keyword; what is too long for one by its digest."""
    said = tag(name, value)
    if len(said.encode()) <= _LONGEST_TERM:
        return said
    return hashlib.sha256(said.encode()).hexdigest()


def acronym(tenant: str, short: str, long: str = "") -> str:
    """An acronym with what it stands for, as one keyword; without: how each of its begins."""
    return f"{tenant}\x1f{short}\x1f{long}"


def fence_lines(
    document: Document, fence: Mapping[str, Any], read: Mapping[str, Any] | None
) -> tuple[Any, ...]:
    """Write it if nobody has since it was `read`, as `_mget` gave it; None: there was none."""
    action: dict[str, Any] = {"_id": fence_id(document)}
    body = {"kind": "fence", "tenant": document[0], "fence": fence}
    if read is None:
        return {"create": action}, body
    action |= {"if_seq_no": read["_seq_no"], "if_primary_term": read["_primary_term"]}
    return {"index": action}, body


def chunk_lines(
    document: Document, change: DocumentEmbedded, item: EmbeddedChunk, version: int
) -> tuple[Any, ...]:
    """Write a chunk unless one of a later fence is there."""
    key = fence_id(document)
    of, chunk = change.document, item.chunk
    said = read_text(change, item)
    field = field_of(of.tenant)
    body = {
        "kind": "chunk",
        "chunk": chunk.chunk_id,
        "document": key,
        "tenant": of.tenant,
        "tags": [term(name, value) for name, value in of.metadata.items()],
        "acronyms": [acronym(of.tenant, short, long.casefold()) for short, long in acronyms(said)],
        "said": {field: said},
        "named": {field: marks_of(of.title, chunk.heading, chunk.text, of.doc_id)},
        "payload": chunk_payload(key, change, item),
    }
    return {"index": _versioned(chunk.chunk_id, version)}, body


def gone_lines(chunk_id: str, version: int) -> tuple[Any, ...]:
    return ({"delete": _versioned(chunk_id, version)},)


def _versioned(chunk_id: str, version: int) -> dict[str, Any]:
    return {"_id": chunk_id, "version": version, "version_type": "external_gte"}
