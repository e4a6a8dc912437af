"""Indexes and models that read passages, with each call noted for the spans of who asked."""

from __future__ import annotations

from collections.abc import Sequence

from processors.guard.access import Access
from processors.models import Ranked, Reranker, Scored
from processors.ports import (
    Asking,
    DenseSearch,
    LexicalSearch,
    Ranking,
    Reader,
    Reading,
    SearchQuery,
)
from processors.text.lexicon import Lexicon
from streams.runtime.calls import calling
from streams.runtime.spans import HERE


class Dense:
    """A `DenseSearch`."""

    def __init__(self, index: DenseSearch) -> None:
        self._index = index

    def nearest(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        with calling("retrieval", "dense"):
            return self._index.nearest(queries)


class Lexical:
    """A `LexicalSearch`."""

    def __init__(self, index: LexicalSearch) -> None:
        self._index = index

    def matching(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        with calling("retrieval", "lexical"):
            return self._index.matching(queries)

    def lexicon(self, tenant: str, access: Access) -> Lexicon:
        return self._index.lexicon(tenant, access)


class Read:
    """A `Reader`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    @property
    def model(self) -> str:
        return self._reader.model

    def read(self, askings: Sequence[Asking]) -> list[Reading]:
        with calling("read", f"reader@{self.model[:8]}", HERE):  # as its usage says
            return self._reader.read(askings)


class Reranked:
    """A `Reranker`."""

    def __init__(self, reranker: Reranker, provider: str) -> None:
        self._reranker = reranker
        self._provider = provider

    @property
    def model(self) -> str:
        return self._reranker.model

    def scores(self, asked: Sequence[Ranked], *, within_s: float) -> list[Scored]:
        with calling("rerank", self.model, self._provider):
            return self._reranker.scores(asked, within_s=within_s)
