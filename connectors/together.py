"""Two stores behind one index: the one is searched by vectors, the other by words.

Each keeps all of a chunk and a fence of its own, so that either can answer while the other is away.
What is written goes to both, one after the other. Where that is cut short they differ, and the
document counts as what the older fence says until its change comes again, which it does: nothing is
acknowledged before both have it. No store is taken back behind what it has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from connectors.on_server import overtaken
from processors.documents.labels import Labels
from processors.documents.lacking import Lacking, stamp_in
from processors.guard.access import Access
from processors.ports import (
    ChunkStore,
    DenseSearch,
    Document,
    LexicalSearch,
    Made,
    Ranking,
    Rewritten,
    SearchQuery,
    StoredChunk,
)
from processors.text.lexicon import Lexicon
from streams.flow.errors import Retry
from streams.flow.mirror import Place, Reflected

# Before any version: of a document that only one of the stores knows.
_KEPT = ("logged", "fed_at", "acl", "classes", "acl_coming", "classes_coming")
_NEVER = {"version": -(2**63), "sequence": 0, "generation": 0, "deleted": False}


class DenseStore(ChunkStore, DenseSearch, Protocol):
    """A store that is searched by vectors."""


class LexicalStore(ChunkStore, LexicalSearch, Protocol):
    """A store that is searched by words."""


class Together:
    """See `ChunkStore`, `DenseSearch` and `LexicalSearch`.

    `keeper` is the one that has to be held against the log, where one is a folder of this machine.
    """

    def __init__(self, dense: DenseStore, lexical: LexicalStore, keeper: ChunkStore) -> None:
        self._dense = dense
        self._lexical = lexical
        self._keeper = keeper
        # A server that may refuse a document is asked first, so that the other has it neither.
        self.stores: tuple[ChunkStore, ...] = (lexical, dense)
        self.version = dense.version
        self.dimensions = dense.dimensions

    @property
    def where(self) -> str:
        return self._keeper.where

    @property
    def lacking(self) -> Lacking:
        return self._keeper.lacking

    def reflects(self) -> Mapping[Place, Reflected]:
        return self._keeper.reflects()

    def reflect(self, places: Mapping[Place, Reflected]) -> None:
        self._keeper.reflect(places)

    def fences(self, documents: Collection[Document]) -> dict[Document, dict[str, Any]]:
        """Where the stores differ, what the one says that is behind."""
        return _agreed([store.fences(documents) for store in self.stores])

    def made(self, documents: Collection[Document]) -> dict[Document, dict[str, Made]]:
        """What either has: whatever is to go goes from both."""
        found: dict[Document, dict[str, Made]] = {document: {} for document in documents}
        for store in self.stores:
            for document, chunks in store.made(documents).items():
                found[document] = chunks | found[document]
        return found

    def write(self, changes: Mapping[Document, Rewritten]) -> None:
        """Durable and searchable in both on return."""
        own = [store.fences(changes) for store in self.stores]
        now = _agreed(own)
        for document, change in changes.items():
            if now.get(document) != change.before:
                raise overtaken(document)
        for store, fences in zip(self.stores, own, strict=True):
            due = {
                document: own_change
                for document, change in changes.items()
                if (own_change := _due(change, fences.get(document))) is not None
            }
            if due:
                store.write(due)

    def fetch(self, tenant: str, chunk_ids: Sequence[str]) -> dict[str, StoredChunk]:
        """From the store that is written first, or from the other while that one is away."""
        first, second = self.stores
        try:
            return first.fetch(tenant, chunk_ids)
        except Retry:
            return second.fetch(tenant, chunk_ids)

    def scan(self, tenant: str | None = None) -> Iterator[StoredChunk]:
        return self.stores[0].scan(tenant)

    def nearest(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        return self._dense.nearest(queries)

    def matching(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        return self._lexical.matching(queries)

    def lexicon(self, tenant: str, access: Access) -> Lexicon:
        return self._lexical.lexicon(tenant, access)


def _due(change: Rewritten, own: Mapping[str, Any] | None) -> Rewritten | None:
    """What of a change a store gets whose fence is `own`: of one that it is ahead of, the labels.

    Who may not see a document any more does not see what only one of the stores has of it.
    """
    if own is None or stamp_in(own) <= stamp_in(change.fence):
        return replace(change, before=own)
    if change.labels is None:
        return None
    labels = Labels.of(own).joined(change.labels)
    return Rewritten(own, {**own, **labels.payload()}, [], [], labels)


def _agreed(
    own: Sequence[Mapping[Document, dict[str, Any]]],
) -> dict[Document, dict[str, Any]]:
    """Of each document the fence that both have, or of two the older, or one older than any.

    The last leaves what stands in the log of the document, and who may see it, as the store that
    knows it says; of a document that is deleted there, it is that store's own.
    """
    first, second = own
    found: dict[Document, dict[str, Any]] = {}
    for document in {**first, **second}:
        one, other = first.get(document), second.get(document)
        if one is None or other is None:
            known = one or other or {}
            if known.get("deleted"):
                found[document] = known  # the other has nothing of it either, and stays so
                continue
            kept = {name: known[name] for name in _KEPT if name in known}
            found[document] = _NEVER | kept
        else:  # of one stamp, the store that is written last is behind
            found[document] = one if stamp_in(one) < stamp_in(other) else other
    return found
