"""What models are asked and cost, counted at their ports, whichever connector is behind them."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from connectors.breaker import Away
from connectors.openai_compatible.port import GenerationSettings
from processors.ports import Completion, Embedder, Embedding, Float32, Generator, Passage
from processors.questions.usage import Prices
from streams.flow.errors import Retry
from streams.runtime.telemetry import MODEL_CALLS, MODEL_COST, MODEL_TEXTS, MODEL_TOKENS

_log = logging.getLogger(__name__)


def prices(settings: GenerationSettings) -> Prices:
    """What the configured model costs."""
    return Prices(settings.input_price, settings.output_price)


class Counted:
    """An embedder that counts the texts the model sees: unchanged documents must add none."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        for kind in ("passage", "query"):  # shown as 0 before the first
            MODEL_TEXTS.labels(kind)
        self.model = embedder.model
        self.dimensions = embedder.dimensions

    def embed_passages(self, passages: Sequence[Passage]) -> list[Embedding]:
        MODEL_TEXTS.labels("passage").inc(len(passages))
        return self._embedder.embed_passages(passages)

    def embed_queries(self, queries: Sequence[str]) -> Float32:
        MODEL_TEXTS.labels("query").inc(len(queries))
        return self._embedder.embed_queries(queries)


class Metered:
    """A language model whose calls, tokens and cost are counted, and whose failures are logged."""

    def __init__(self, generator: Generator, prices: Prices) -> None:
        self._generator = generator
        self._prices = prices
        self.model = generator.model

    def complete(self, instructions: str, text: str, *, most_tokens: int) -> Completion:
        begin = time.perf_counter()
        outcome = "failed"
        try:
            made = self._generator.complete(instructions, text, most_tokens=most_tokens)
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
        MODEL_COST.labels(self.model).inc(self._prices.cost(made))
        return made
