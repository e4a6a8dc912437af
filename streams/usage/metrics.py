"""What the windows tell of calls, by tenant and operation."""

from __future__ import annotations

from prometheus_client import Counter

from schemas.events import UsageRecorded
from schemas.money import NANOS
from streams.runtime.telemetry import REGISTRY

TOKENS = Counter(
    "millrace_usage_tokens", "By tenant and operation.", ["tenant", "operation", "kind"],
    registry=REGISTRY,
)  # fmt: skip
COST = Counter(
    "millrace_usage_cost", "By policies/prices.yaml.", ["tenant", "operation"], registry=REGISTRY
)
UNPRICED = Counter(
    "millrace_usage_unpriced", "Calls whose cost nobody knows.", ["model"], registry=REGISTRY
)
UNREADABLE = Counter(
    "millrace_usage_unreadable", "Records of rag.usage that are none.", registry=REGISTRY
)


def count(event: UsageRecorded, tenant: str) -> None:
    """A call that the windows have now."""
    used = event.used
    fresh = used.input_tokens - used.cached_tokens
    for kind, tokens in (
        ("input", fresh), ("cached", used.cached_tokens), ("output", used.output_tokens)
    ):  # fmt: skip
        TOKENS.labels(tenant, used.operation, kind).inc(max(tokens, 0))
    if used.cost_nanos is None:
        UNPRICED.labels(used.model).inc()
    else:
        COST.labels(tenant, used.operation).inc(used.cost_nanos / NANOS)
