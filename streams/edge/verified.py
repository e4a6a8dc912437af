"""Stores held against the log: which chunks are missing, which too many, which of another text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from schemas import topics
from schemas.events import DocumentChanged, DocumentIndexed

Key = str  # `topics.document_key`
Stamp = tuple[int, int]  # version, sequence
Cut = Callable[[DocumentChanged], Mapping[str, str]]  # chunk ids to texts of a part


@dataclass(slots=True)
class Expected:
    """What the newest version of a document should be in every store."""

    stamp: Stamp
    deleted: bool
    chunks: dict[str, bytes] = field(default_factory=dict[str, bytes])  # id to digest of its text


@dataclass(slots=True)
class Findings:
    """What one store has otherwise, in chunks by document."""

    store: str
    chunks: int = 0
    missing: dict[Key, int] = field(default_factory=dict[Key, int])
    extra: dict[Key, int] = field(default_factory=dict[Key, int])
    stale: dict[Key, int] = field(default_factory=dict[Key, int])
    # Documents that no change in the log is about, and the newest version that is there of each.
    unknown: dict[Key, Stamp] = field(default_factory=dict[Key, Stamp])

    @property
    def concerned(self) -> set[Key]:
        return {*self.missing, *self.extra, *self.stale}

    def forget(self, moved: Iterable[Key]) -> None:
        """These have changed while we looked."""
        for key in moved:
            for found in (self.missing, self.extra, self.stale, self.unknown):
                found.pop(key, None)


def expected(changes: Iterable[DocumentChanged], cut: Cut, tenant: str = "") -> dict[Key, Expected]:
    """What should be searchable of each document that the log has, newest version alone."""
    found: dict[Key, Expected] = {}
    for change in changes:
        document = change.document
        if document.op == "access" or tenant not in ("", document.tenant):
            continue  # who may see a document is no version of it
        key, stamp = topics.document_key(document), (document.version, document.sequence)
        known = found.get(key)
        if known is not None and stamp < known.stamp:
            continue
        if known is None or stamp > known.stamp:
            known = found[key] = Expected(stamp, document.op == "delete")
        if document.op != "delete":
            texts = cut(change)
            known.chunks |= {chunk_id: digest(text) for chunk_id, text in texts.items()}
    return found


def acknowledged(done: Iterable[DocumentIndexed]) -> dict[Key, Stamp]:
    """The newest version of each document that became searchable, or was found superseded."""
    found: dict[Key, Stamp] = {}
    for each in done:
        if each.last:
            key = topics.document_key(each.document)
            stamp = each.document.version, each.document.sequence
            found[key] = max(stamp, found.get(key, stamp))
    return found


def settled(wanted: Mapping[Key, Expected], acks: Mapping[Key, Stamp]) -> set[Key]:
    """Documents whose newest version is through; the others are on their way, or rejected."""
    return {key for key, each in wanted.items() if acks.get(key, (-1, -1)) >= each.stamp}


def compare(
    store: str, chunks: Iterable[Mapping[str, Any]], wanted: Mapping[Key, Expected], of: set[Key]
) -> Findings:
    """What a store has otherwise of the documents `of`; `chunks` as `index dump` writes them.

    A document that the log does not know at all is extra as a whole.
    """
    found = Findings(store)
    left = {key: len(wanted[key].chunks) for key in of}
    for chunk in chunks:
        found.chunks += 1
        key = f"{chunk['tenant']}/{chunk['doc_id']}"
        each, stamp = wanted.get(key), (chunk["doc_version"], chunk["doc_sequence"])
        if each is None:
            found.unknown[key] = max(stamp, found.unknown.get(key, stamp))
        if each is None or (key in of and chunk["chunk_id"] not in each.chunks):
            _count(found.extra, key)
        elif key in of:
            left[key] -= 1
            if stamp != each.stamp or digest(chunk["text"]) != each.chunks[chunk["chunk_id"]]:
                _count(found.stale, key)
    found.missing = {key: count for key, count in left.items() if count > 0}
    return found


def digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()


def _count(counts: dict[Key, int], key: Key) -> None:
    counts[key] = counts.get(key, 0) + 1
