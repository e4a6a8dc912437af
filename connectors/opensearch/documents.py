"""What the index in OpenSearch keeps: a chunk and a fence, as the lines of a bulk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from connectors.bm25.encoder import marks_of
from connectors.opensearch.template import field_of
from connectors.payloads import chunk_payload, fence_id, labels
from processors.documents.labels import Labels
from processors.ports import Document
from processors.text.lexicon import acronyms
from schemas.events import DocumentEmbedded, EmbeddedChunk

_LONGEST_TERM = 8_000  # bytes of a keyword; Lucene takes four times as many, and refuses the rest


def term(said: str) -> str:
    """A tag as one keyword; what is too long for one by its digest."""
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
    payload = chunk_payload(fence_id(document), change, item)
    return {"index": _versioned(item.chunk.chunk_id, version)}, _body(item.chunk.chunk_id, payload)


def relabelled_lines(
    chunk_id: str, payload: Mapping[str, Any], said: Labels, version: int
) -> tuple[Any, ...]:
    """Write a chunk again as it is, but for who may see it: its words are not kept otherwise."""
    new = {**payload, **labels(said.needed, said.groups)}
    return {"index": _versioned(chunk_id, version)}, _body(chunk_id, new)


def _body(chunk_id: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    tenant, title, heading, text = (payload[n] for n in ("tenant", "title", "heading", "text"))
    said = f"{title}\n{heading}\n{text}"
    field = field_of(tenant)
    return {
        "kind": "chunk",
        "chunk": chunk_id,
        "document": payload["document"],
        "tenant": tenant,
        "tags": [term(each) for each in payload["tags"]],
        "acl": payload["acl"],
        "classes": payload["classes"],
        "needed": len({*payload["classes"]}),
        "acronyms": [acronym(tenant, short, long.casefold()) for short, long in acronyms(said)],
        "said": {field: said},
        "named": {field: marks_of(title, heading, text, payload["doc_id"])},
        "payload": payload,
    }


def gone_lines(chunk_id: str, version: int) -> tuple[Any, ...]:
    return ({"delete": _versioned(chunk_id, version)},)


def _versioned(chunk_id: str, version: int) -> dict[str, Any]:
    return {"_id": chunk_id, "version": version, "version_type": "external_gte"}
