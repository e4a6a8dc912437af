"""Documents that were acknowledged once and that an index does not have."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

Document = tuple[str, str]
"""A document by tenant and doc_id."""

Stamp = tuple[int, int, int]
"""What orders a document's versions: version, sequence, generation."""


def stamp_in(fence: Mapping[str, Any]) -> Stamp:
    """The stamp of a fence as a store keeps it."""
    return fence["version"], fence["sequence"], fence.get("generation", 0)


class Lacking:
    """Which they are, until they come again. Safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stamps: dict[Document, Stamp] = {}
        self._counts = Counter[str]()

    def expect(self, stamps: Mapping[Document, Stamp]) -> None:
        """These are lacking, each at least as new as its stamp says, and no others."""
        with self._lock:
            self._stamps = {**stamps}
            self._counts = Counter(tenant for tenant, _ in stamps)

    def met(self, document: Document, fence: Mapping[str, Any]) -> None:
        """The store has this of a document now."""
        if not self._stamps:
            return
        with self._lock:
            stamp = self._stamps.get(document)
            if stamp is not None and stamp_in(fence) >= stamp:
                del self._stamps[document]
                self._counts[document[0]] -= 1

    def of(self, tenant: str) -> int:
        """How many of this tenant's are lacking."""
        return self._counts[tenant] if self._stamps else 0

    def __len__(self) -> int:
        return len(self._stamps)
