"""What models are asked and cost, counted at their ports, whichever connector is behind them."""

from __future__ import annotations

import logging
import time
from collections import abc
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager

from connectors.breaker import Away
from processors.guard.decision import Ask, Decision
from processors.guard.ports import Policy
from processors.models import Completion, Generator
from processors.money.prices import PriceTable
from processors.ports import Embedder, Embedding, Float32, Passage
from schemas.money import NANOS
from streams.flow.errors import Retry
from streams.runtime.calls import calling
from streams.runtime.spans import HERE
from streams.runtime.telemetry import (
    MODEL_CALLS,
    MODEL_COST,
    MODEL_TEXTS,
    MODEL_TOKENS,
    MODEL_UNPRICED,
    POLICY,
)

_log = logging.getLogger(__name__)
COMPATIBLE = "openai_compatible"  # whose server it is, its client cannot know


def counted_tokens(model: str) -> Callable[[int], None]:
    """Counts what a server says it read."""
    return MODEL_TOKENS.labels(model, "input").inc


class Counted:
    """An embedder that counts the texts the model sees: unchanged documents must add none."""

    def __init__(self, embedder: Embedder, provider: str = HERE) -> None:
        self._embedder = embedder
        self._provider = provider
        for kind in ("passage", "query"):  # shown as 0 before the first
            MODEL_TEXTS.labels(kind)
        self.model = embedder.model
        self.dimensions = embedder.dimensions

    def embed_passages(self, passages: Sequence[Passage]) -> list[Embedding]:
        MODEL_TEXTS.labels("passage").inc(len(passages))
        with self._calling():
            return self._embedder.embed_passages(passages)

    def embed_queries(self, queries: Sequence[str]) -> Float32:
        MODEL_TEXTS.labels("query").inc(len(queries))
        with self._calling():
            return self._embedder.embed_queries(queries)

    @contextmanager
    def _calling(self) -> abc.Generator[None]:
        with calling("embeddings", self.model, self._provider) as call:
            call["gen_ai.embeddings.dimension.count"] = self.dimensions
            yield


class Decided:
    """A policy whose decisions are counted, and those that a candidate decides otherwise."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def decide(self, ask: Ask, about: Mapping[str, object]) -> Decision:
        decision = self._policy.decide(ask, about)
        POLICY.labels(ask, str(decision.allowed).lower(), str(bool(decision.shadow)).lower()).inc()
        return decision


class Metered:
    """A language model whose calls, tokens and cost are counted, and whose failures are logged.

    A model without a price is told of at once and counted with each call: its cost is unknown. So
    is that of a call whose tokens its server does not count.
    """

    def __init__(self, generator: Generator, prices: PriceTable) -> None:
        self._generator = generator
        self.model = generator.model
        self._prices = prices
        MODEL_UNPRICED.labels(self.model)  # shown as 0 before the first
        if prices.of(self.model) is None:
            _log.warning(
                "policies/prices.yaml has no price of the model %s: what it costs is unknown",
                self.model,
            )

    def complete(
        self,
        instructions: str,
        text: str,
        *,
        most_tokens: int,
        within_s: float | None = None,
        schema: Mapping[str, object] | None = None,
        told: Callable[[str], None] | None = None,
    ) -> Completion:
        begin = time.perf_counter()
        outcome = "failed"
        try:
            with calling("chat", self.model, COMPATIBLE) as call:
                call["gen_ai.request.max_tokens"] = most_tokens
                call["gen_ai.output.type"] = "text" if schema is None else "json"
                made = self._generator.complete(
                    instructions,
                    text,
                    most_tokens=most_tokens,
                    within_s=within_s,
                    schema=schema,
                    told=told,
                )
                call["gen_ai.usage.input_tokens"] = made.input_tokens
                call["gen_ai.usage.output_tokens"] = made.output_tokens
            outcome = "answered"
        except Away:  # said once, by the breaker
            outcome = "not asked"
            raise
        except Retry as failure:  # who asked goes on without it
            _log.warning("%s", failure)
            raise
        finally:
            took = time.perf_counter() - begin
            MODEL_CALLS.labels(self.model, outcome).observe(took)
        MODEL_TOKENS.labels(self.model, "input").inc(made.input_tokens)
        MODEL_TOKENS.labels(self.model, "output").inc(made.output_tokens)
        cost = self._prices.completed("", self.model, made).cost_nanos
        if cost is None:
            MODEL_UNPRICED.labels(self.model).inc()
        else:
            MODEL_COST.labels(self.model).inc(cost / NANOS)
        return made
