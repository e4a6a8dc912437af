"""`index`: make a version searchable, take away what it no longer has, and say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import compress
from operator import not_

from processors import needs, places
from processors.documents.applying import Applied, apply
from processors.ports import ChunkStore, Refused
from schemas import topics
from schemas.events import DocumentEmbedded, DocumentIndexed
from schemas.sound import of_dimensions
from schemas.topics import document_key, gone
from streams.flow.errors import Reject, Retry
from streams.flow.mirror import Mirror
from streams.flow.port import Opened
from streams.flow.stage import Stage, batch_stage
from streams.flow.topic import Gone, outputs


def index(
    events: Sequence[DocumentEmbedded], *, store: ChunkStore, now: Callable[[], int]
) -> list[Sequence[DocumentIndexed | Gone] | Reject | Retry]:
    """Apply all waiting changes in one call; durable before anything is acknowledged.

    Beside the acknowledgement go tombstones for what older versions left on docs.changes. A version
    that ends and is not whole is rejected by name: what came of it can be found, and what the
    former version had beside it.
    """
    wrong = [of_dimensions(event, store.dimensions) for event in events]
    if any(wrong):  # they must not be stored, nor hold up the others
        return _without(wrong, events, store=store, now=now)
    try:
        applied = apply(store, events)
    except Retry as failure:
        return [failure] * len(events)
    except Refused as refused:
        return _without(
            [
                why and f"the index refuses {document_key(event.document)}: {why}"
                for event in events
                for why in [refused.documents.get((event.document.tenant, event.document.doc_id))]
            ],
            events,
            store=store,
            now=now,
        )
    indexed_at = now()
    return [
        _not_whole(event, result)
        if event.last and result.missing
        else _other_order(event)
        if event.last and result.other_order
        else [_indexed(event, result, indexed_at), *_gone(event, result)]
        for event, result in zip(events, applied, strict=True)
    ]


def _without(
    wrong: Sequence[str | None],
    events: Sequence[DocumentEmbedded],
    *,
    store: ChunkStore,
    now: Callable[[], int],
) -> list[Sequence[DocumentIndexed | Gone] | Reject | Retry]:
    """Reject those with a reason and apply the others."""
    sound = iter(index(list(compress(events, map(not_, wrong))), store=store, now=now))
    return [Reject(why) if why else next(sound) for why in wrong]


def _indexed(event: DocumentEmbedded, result: Applied, indexed_at: int) -> DocumentIndexed:
    return DocumentIndexed(
        document=event.document,
        chunking="" if len(result.chunkings) > 1 else event.chunking,
        superseded=result.superseded,
        chunk_ids=[] if result.superseded else [c.chunk.chunk_id for c in event.chunks],
        removed=result.removed,
        last=event.last if result.superseded else result.complete,
        chunks=sum(result.chunkings.values()),
        indexed_at=indexed_at,
        # Compaction keeps the last of these alone, so each has all.
        access=[] if result.labels is None else result.labels.told(),
    )


def _gone(event: DocumentEmbedded, result: Applied) -> Iterator[Gone]:
    """A part's key names its version, so that no tombstone can hit a version that is in use."""
    key = document_key(event.document)
    for version, sequence, parts, bulk in result.obsolete:
        yield from gone(key, version, sequence, range(parts), bulk=bulk)


def _not_whole(event: DocumentEmbedded, result: Applied) -> Reject:
    document = event.document
    numbers = ", ".join(str(part + 1) for part in result.missing)
    return Reject(
        f"version {document.version} of {document_key(document)} is not whole: of its "
        f"{document.parts} parts, {numbers} did not come, and a dead letter says why. What came is "
        "searchable beside what the former version had: replay that letter, or feed the document "
        "again"
    )


def _other_order(event: DocumentEmbedded) -> Reject:
    document = event.document
    has, had = f"has version {document.version}", "had none, so that it counts by its time"
    if document.version == document.fed_at:
        has, had = "has no version, so that it counts by its time", "had one"
    elif len(str(document.version)) in (10, 13, 16):
        had = "had none, or a time in a finer unit (milliseconds, not seconds)"
    return Reject(
        f"this change of {document_key(document)} on docs.feed {has}, and the last one before it "
        f"{had}: which is the newer cannot be told, so the document stays as it was. Give all "
        "changes of a document a version of one kind, or none"
    )


def stage(now: Callable[[], int]) -> Stage:
    """`index` in the topology."""

    def make(opened: Opened):
        return partial(index, store=opened[needs.CHUNKS], now=now)

    return batch_stage(
        "index",
        reads=[topics.DOCS_VECTORS, topics.DOCS_VECTORS_BULK],
        make=make,
        writes=outputs(topics.DOCS_INDEXED, topics.DOCS_CHANGES),
        dead_letters=topics.DOCS_DLQ,
        place=places.INDEX,
        needs=[needs.CHUNKS],
        mirror=Mirror(needs.CHUNKS, topics.INDEX_OWNERS, topics.DOCS_INDEXED),
    )
