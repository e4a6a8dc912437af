"""Changes of documents applied to a chunk store, whichever it is: the version fence is here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from processors.documents.fences import (
    UNSEEN,
    Fence,
    Logged,
    left_behind,
    logged,
    part_of,
    stamp_of,
)
from processors.documents.labels import Labels
from processors.ports import ChunkStore, Document, Made, Rewritten
from schemas.access import COMING
from schemas.events import DocumentEmbedded, EmbeddedChunk


@dataclass(frozen=True, slots=True)
class Applied:
    """What one `DocumentEmbedded` did to what is searchable."""

    superseded: bool  # a newer version was there already, so nothing was done
    removed: int  # chunks of older versions that are no longer searchable
    complete: bool = True  # all of the version is searchable
    missing: tuple[int, ...] = ()  # parts that never came, of a version whose last record did
    # A later change that loses only since it has a version and the former had none, or the reverse.
    other_order: bool = False
    obsolete: tuple[Logged, ...] = ()  # older versions, which the log need not keep any more
    # Where it is complete, how many chunks each chunking made: what there is, not what was done.
    chunkings: Mapping[str, int] = field(default_factory=dict[str, int], compare=False)
    labels: Labels | None = field(default=None, compare=False)  # where it was about them alone


@dataclass(slots=True)
class _Document:
    """A document while a batch is worked out: its fence and its chunks, as they will be.

    `chunks` maps a chunk id to what made it; `put` holds those that have to be written; `stored`
    names those the store holds now.
    """

    before: dict[str, Any] | None
    fence: Fence | None
    changed: bool = False
    chunks: dict[str, Made] = field(default_factory=dict[str, Made])
    put: dict[str, tuple[DocumentEmbedded, EmbeddedChunk]] = field(
        default_factory=dict[str, tuple[DocumentEmbedded, EmbeddedChunk]]
    )
    stored: frozenset[str] = frozenset()
    relabelled: Labels | None = None  # of all its chunks


def apply(store: ChunkStore, changes: Sequence[DocumentEmbedded]) -> list[Applied]:
    """Make each change searchable, in order, idempotently; durable on return.

    A change whose (version, sequence, generation) is lower than what the document already has does
    nothing (`superseded`): so chunks made anew replace those of the same version, and never those
    of a newer one. A version is complete once all chunks of all its parts are here: then chunks of
    older versions go. Where its last record comes and something is missing, those stay, and what is
    missing is named; it completes the version if it comes later. A delete removes every chunk of
    the document and is remembered, so that an older upsert that comes again stays out.

    Raises:
        Retry: the store is away, or somebody else wrote one of these documents meanwhile.
    """
    keys = [(change.document.tenant, change.document.doc_id) for change in changes]
    documents = _read(store, keys, changes)
    applied = [_work_out(documents[k], c) for k, c in zip(keys, changes, strict=True)]
    rewritten = {
        key: Rewritten(
            document.before,
            document.fence.payload(),
            [*document.put.values()],
            [*document.stored - document.chunks.keys()],
            document.relabelled,
        )
        for key, document in documents.items()
        if document.changed and document.fence is not None
    }
    if rewritten:
        store.write(rewritten)
    return applied


def _read(
    store: ChunkStore, keys: Sequence[Document], changes: Sequence[DocumentEmbedded]
) -> dict[Document, _Document]:
    """What the store has of the documents in a batch; chunks only where some may have to go."""
    kept = store.fences({*keys})
    documents = {
        key: _Document(kept.get(key), Fence.of(kept[key]) if key in kept else None) for key in keys
    }
    known = {
        key
        for key, change in zip(keys, changes, strict=True)
        if (fence := documents[key].fence) is not None and fence.ended(change)
    }
    for key, chunks in (store.made(known) if known else {}).items():
        documents[key].stored = frozenset(chunks)
        documents[key].chunks = dict(chunks)
    return documents


def _work_out(document: _Document, change: DocumentEmbedded) -> Applied:
    """Apply one change to `document` in memory."""
    if change.document.op == "access":
        return _relabel(document, change)
    stamp = stamp_of(change.document)
    former = document.fence or Fence(stamp)
    if stamp < former.stamp:
        mixed = former.other_order(change)
        return Applied(True, 0, obsolete=left_behind(change, former), other_order=mixed)
    if change.document.superseded:
        return _abandon(document, former, change)
    fence = document.fence = former.after(change)
    document.changed = True
    if not fence.deleted:
        labelled = replace(change, document=fence.labels.on(change.document))
        for item in change.chunks:
            part = part_of(item.chunk.ordinal)
            document.chunks[item.chunk.chunk_id] = Made(stamp, change.chunking, part)
            document.put[item.chunk.chunk_id] = labelled, item
    if not fence.ended(change):
        return Applied(superseded=False, removed=0, complete=False)
    if missing := fence.missing(change, document.chunks.values()):
        if fence.abandoned == stamp:
            return Applied(superseded=True, removed=0)
        return Applied(superseded=False, removed=0, complete=False, missing=missing)
    stale = [
        chunk
        for chunk, made in document.chunks.items()
        if fence.deleted or not fence.current(made, change)
    ]
    for chunk in stale:
        del document.chunks[chunk]
        document.put.pop(chunk, None)
    return Applied(
        superseded=False,
        removed=len(stale),
        obsolete=fence.obsolete(),
        chunkings=Counter(made.chunking for made in document.chunks.values()),
    )


def _relabel(document: _Document, change: DocumentEmbedded) -> Applied:
    """Who may see the document changes, of all its chunks at once, whatever their version."""
    former = document.fence or Fence(UNSEEN)
    labels = former.labels.after(change.document, former.text)
    document.fence = replace(former, labels=labels)
    document.relabelled = labels
    document.changed = True
    document.put = {
        chunk: (replace(put, document=labels.on(put.document)), item)
        for chunk, (put, item) in document.put.items()
    }
    # Whoever fed it must learn that it changed nothing, by whichever clock it was late.
    coming = change.document.access_of == COMING
    overruled = not coming and labels.overrule(change.document)
    return Applied(overruled, removed=0, complete=not coming, labels=labels)


def _abandon(document: _Document, former: Fence, change: DocumentEmbedded) -> Applied:
    """A newer version is on its way: of this one no more becomes searchable.

    Where records of it are still to come, they must not be taken for one that lost a part.
    """
    entry = logged(change.document)
    if not change.last:
        known = {**former.logged}
        known.setdefault(entry, 0)
        stamp = stamp_of(change.document)
        document.fence = replace(former, logged=known, abandoned=stamp)
        document.changed = True
    # What the fence knows to stand in the log, a newer version will make obsolete.
    told = change.last and entry not in former.logged
    return Applied(superseded=True, removed=0, obsolete=(entry,) if told else ())
