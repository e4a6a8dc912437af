"""Answers in this process, for tests and the in-memory driver."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from processors.documents.lacking import Document


class MemoryAnswers:
    """An `AnswerCache`, gone with the process."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], tuple[bytes, float]] = {}
        self._rests: dict[Document, set[str]] = {}

    def get(self, tenant: str, keys: Sequence[str]) -> list[bytes | None]:
        found = [self._values.get((tenant, key), (None, 0.0)) for key in keys]
        return [value if until > time.monotonic() else None for value, until in found]

    def put(
        self,
        tenant: str,
        keys: Sequence[str],
        value: bytes,
        documents: Collection[str],
        seconds: float,
    ) -> None:
        for doc_id in documents:
            self._rests.setdefault((tenant, doc_id), set()).update(keys)
        self._values |= {(tenant, key): (value, time.monotonic() + seconds) for key in keys}

    def drop(self, documents: Collection[Document]) -> None:
        for document in documents:
            for key in self._rests.pop(document, ()):
                self._values.pop((document[0], key), None)
