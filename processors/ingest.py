"""`ingest`: any feed record to one canonical change. Assigns nothing random."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.errors import Reject
from schemas.events import DocumentChanged, DocumentFed

TENANT = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}")
MARKDOWN = (".md", ".markdown", ".mdx")
# A part leaves room in a 1 MiB record for title, metadata and what chunking adds.
PART_BYTES = 384 * 1024
PAGE_BREAK = "\f"


@dataclass(frozen=True, slots=True)
class IngestConfig:
    """Limits of a document."""

    max_document_bytes: int = 16 * 1024 * 1024
    max_id_chars: int = 512
    max_metadata_bytes: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """Where and when a feed record was written."""

    offset: int
    timestamp: int  # milliseconds since the epoch
    keyed: bool


def split_body(body: str, limit: int = PART_BYTES) -> list[str]:
    """A long body in parts of at most `limit` bytes of UTF-8, cut where a reader would pause.

    Joined, the parts are the body again. A short body is one part.
    """
    if len(body) * 4 <= limit or len(body.encode()) <= limit:
        return [body]
    parts: list[str] = []
    at = 0
    while at < len(body):
        end = at + len(body[at : at + limit].encode()[:limit].decode("utf-8", "ignore"))
        if end < len(body):
            for pause in ("\n# ", "\n## ", "\n\n", "\n", ". ", " "):
                cut = body.rfind(pause, at + (end - at) // 2, end)
                if cut > at:
                    # A heading starts the next part; other pauses end this one.
                    end = cut + 1 if pause.startswith("\n#") else cut + len(pause)
                    break
        parts.append(body[at:end])
        at = end
    return parts


def ingest(event: DocumentFed, place: Place, *, config: IngestConfig) -> Iterable[DocumentChanged]:
    """The change that a feed record means, in parts where its body is long.

    Raises:
        Reject: the record names no document, or what it says of it cannot be.
    """
    if not place.keyed:
        raise Reject(
            "the record has no key: key docs.feed by tenant/doc_id, which keeps a document's "
            "versions in order"
        )
    if not TENANT.fullmatch(event.tenant):
        raise Reject("tenant must be 1 to 64 letters, digits, '.', '_' or '-'")
    if not event.doc_id.strip() or len(event.doc_id) > config.max_id_chars or "\0" in event.doc_id:
        raise Reject(f"doc_id must be 1 to {config.max_id_chars} characters, none of them NUL")
    # It travels with every part and every chunk's record, next to texts and vectors.
    around = [event.title or "", event.uri or "", *event.metadata, *event.metadata.values()]
    size = sum(len(text.encode()) for text in around)
    if size > config.max_metadata_bytes:
        raise Reject(
            f"title, uri and metadata have {size:,} bytes; at most {config.max_metadata_bytes:,}"
        )
    if event.version is not None and event.version < 0:
        raise Reject(f"version is {event.version}; it must be 0 or more")
    if event.op == "upsert" and event.body is None:
        raise Reject("an upsert needs a body; to remove a document, send op 'delete'")
    body = "" if event.op == "delete" else event.body or ""
    size = len(body.encode())
    if size > config.max_document_bytes:
        raise Reject(
            f"the body has {size:,} bytes; at most {config.max_document_bytes:,} "
            "(MILLRACE_MAX_DOCUMENT_BYTES)"
        )
    texts = split_body(body)
    kind = event.doc_type or ("markdown" if event.doc_id.lower().endswith(MARKDOWN) else "text")
    page = 1 if PAGE_BREAK in body else 0
    for number, text in enumerate(texts):
        yield DocumentChanged(
            op=event.op,
            tenant=event.tenant,
            doc_id=event.doc_id,
            version=place.timestamp if event.version is None else event.version,
            sequence=place.offset,
            doc_type=kind,
            title=event.title or "",
            body=text,
            uri=event.uri or "",
            metadata=event.metadata,
            changed_at=event.changed_at or place.timestamp,
            fed_at=place.timestamp,
            part=number,
            parts=len(texts),
            page=page,
        )
        page += text.count(PAGE_BREAK)
