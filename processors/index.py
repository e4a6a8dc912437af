"""`index`: make a version searchable, take away what it no longer has, and say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from processors.ports import Index
from schemas.errors import Reject, Retry
from schemas.events import DocumentEmbedded, DocumentIndexed


def index(
    events: Sequence[DocumentEmbedded], *, store: Index, now: Callable[[], int]
) -> list[Sequence[DocumentIndexed] | Reject | Retry]:
    """Apply all waiting changes in one call; durable before anything is acknowledged."""
    try:
        applied = store.apply(events)
    except Retry as failure:
        return [failure] * len(events)
    indexed_at = now()
    return [
        [
            DocumentIndexed(
                op=event.op,
                tenant=event.tenant,
                doc_id=event.doc_id,
                version=event.version,
                sequence=event.sequence,
                superseded=result.superseded,
                chunk_ids=[] if result.superseded else [c.chunk.chunk_id for c in event.chunks],
                removed=result.removed,
                last=event.last,
                changed_at=event.changed_at,
                fed_at=event.fed_at,
                indexed_at=indexed_at,
                generation=event.generation,
                chunking=event.chunking,
            )
        ]
        for event, result in zip(events, applied, strict=True)
    ]
