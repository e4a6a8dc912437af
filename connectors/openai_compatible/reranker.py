"""Re-ordering by an endpoint (`/rerank`), as Jina, Cohere, vLLM and llama.cpp have it, or TEI."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, cast

import openai

from connectors.openai_compatible.calls import AWAY_S, Calls, Endpoint, Said
from connectors.openai_compatible.counts import count
from processors.models import Ranked, Scored
from streams.flow.port import Watch, unwatched

Form = Literal["jina", "tei"]
NAMES = {"jina": ("documents", "relevance_score"), "tei": ("texts", "score")}


class EndpointReranker:
    """`Reranker` over HTTP: a call for each question, those of a batch at once."""

    def __init__(
        self,
        endpoint: Endpoint,
        model: str,
        *,
        form: Form = "jina",
        away_s: float = AWAY_S,
        watch: Watch = unwatched,
    ) -> None:
        self._calls = Calls(endpoint, away_s=away_s, watch=watch)
        self._texts, self._score = NAMES[form]
        self._bare = form == "tei"  # it says a list, and nothing around it
        self._at_once = endpoint.at_once
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self.model = model

    def open(self) -> None:
        """Make ready what is made once."""
        self._calls.open()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        self._calls.close()

    def scores(self, asked: Sequence[Ranked], *, within_s: float) -> list[Scored]:
        """See `Reranker.scores`."""

        def one(each: Ranked) -> Scored:
            return self._one(each, within_s) if each.passages else Scored([])

        found = map(one, asked) if len(asked) == 1 else self._threads().map(one, asked)
        return [*found]

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._at_once, "rerank")
            return self._pool

    def _one(self, asked: Ranked, within_s: float) -> Scored:
        body = {"model": self.model, "query": asked.question, self._texts: [*asked.passages]}

        async def call(client: openai.AsyncOpenAI, said: Said) -> Scored:  # noqa: ARG001
            answer: Any = await client.post("/rerank", cast_to=object, body=body)
            return Scored(self._ordered(answer, len(asked.passages)), _read(answer))

        return self._calls.make(call, within_s=within_s)

    def _ordered(self, answer: Any, count: int) -> list[float]:
        """The scores in the order of the passages."""
        rows = answer if self._bare else answer["results"]
        found: dict[int, float] = {int(row["index"]): float(row[self._score]) for row in rows}
        if found.keys() != {*range(count)}:
            raise ValueError(f"scores of {len(found)} passages, of {count}")
        if not all(math.isfinite(score) for score in found.values()):
            raise ValueError("a score that is no number")
        return [found[at] for at in range(count)]


def _read(answer: Any) -> int:
    """Tokens that the server counted: as Jina and vLLM say it, or Cohere; TEI says nothing."""
    if not isinstance(answer, dict):
        return 0
    said = cast("dict[str, Any]", answer)
    usage, meta = said.get("usage"), said.get("meta")
    if isinstance(usage, dict):
        return count(cast("dict[str, Any]", usage).get("total_tokens"))
    tokens = cast("dict[str, Any]", meta).get("tokens") if isinstance(meta, dict) else None
    if isinstance(tokens, dict):
        return count(cast("dict[str, Any]", tokens).get("input_tokens"))
    return 0
