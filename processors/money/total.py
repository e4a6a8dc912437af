"""What an answer cost, all calls together."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.events import ModelUsage, Usage
from schemas.money import NANOS


def total(usage: Sequence[ModelUsage]) -> Usage:
    """All calls together; the cost is unknown where that of one of them is."""
    costs = [each.cost_nanos for each in usage]
    known = [cost for cost in costs if cost is not None]
    return Usage(
        input_tokens=sum(each.input_tokens for each in usage),
        output_tokens=sum(each.output_tokens for each in usage),
        cost=sum(known) / NANOS if len(known) == len(costs) else None,
    )
