"""The ports by name, for stages to say what they need. Imports nothing: settings stay light.

`processors/ports.py` has the protocols, `streams/app/ports.py` what opens them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.flow.port import Port

if TYPE_CHECKING:
    from collections.abc import Callable

    from processors.caching.ports import AnswerCache
    from processors.guard.ports import Policy, Tokens
    from processors.models import Generator, Partials, Reranker
    from processors.money.ports import Purse, Suspensions
    from processors.money.tenancy import Tenancy
    from processors.ports import (
        ChunkStore,
        Converter,
        DenseSearch,
        Embedder,
        LexicalSearch,
        Pressure,
        Reader,
        RequestLog,
        Sessions,
        TokenCounter,
        VectorCache,
    )

CONVERTER: Port[Converter] = Port("converter")
COUNTER: Port[TokenCounter] = Port("counter")
EMBEDDER: Port[Embedder] = Port("embedder")
CACHE: Port[VectorCache] = Port("cache")
REQUESTS: Port[RequestLog] = Port("requests")
SESSIONS: Port[Sessions] = Port("sessions")
CHUNKS: Port[ChunkStore] = Port("chunks")
DENSE: Port[DenseSearch] = Port("dense")
LEXICAL: Port[LexicalSearch] = Port("lexical")
READER: Port[Reader] = Port("reader")
RERANKING: Port[Reranker] = Port("reranking")
PARTIALS: Port[Partials] = Port("partials")
POLICY: Port[Policy] = Port("policy")
TOKENS: Port[Tokens] = Port("tokens")
ANSWERS: Port[AnswerCache] = Port("answers")
TENANCY: Port[Callable[[], Tenancy]] = Port("tenancy")
PURSE: Port[Purse] = Port("purse")
PRESSURE: Port[Pressure] = Port("pressure")
SUSPENSIONS: Port[Suspensions] = Port("suspensions")

GENERATOR = "generator"  # and behind a point the tier


def generator(tier: str) -> Port[Generator]:
    """The language model of a tier."""
    return Port(f"{GENERATOR}.{tier}")
