"""What the answer cache needs of the outside."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from processors.documents.lacking import Document


class AnswerCache(Protocol):
    """Answers by key, each for a while, and by the documents that they rest on.

    It may forget any of them at any time. Safe to call from several threads.
    """

    def get(self, tenant: str, keys: Sequence[str]) -> list[bytes | None]:
        """The value of each key, None where there is none.

        Raises:
            Retry: it does not answer.
        """
        ...

    def put(
        self,
        tenant: str,
        keys: Sequence[str],
        value: bytes,
        documents: Collection[str],
        seconds: float,
    ) -> None:
        """Keep `value` under each key, until one of these documents (by doc_id) is dropped.

        Raises:
            Retry: it does not answer.
        """
        ...

    def drop(self, documents: Collection[Document]) -> None:
        """Forget what rests on any of these.

        Raises:
            Retry: it does not answer.
        """
        ...
