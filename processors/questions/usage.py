"""What models cost: tokens, and money by a price list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from processors.models import Completion
from schemas.events import ModelUsage, Usage

_LISTED = 1_000_000  # prices are of so many tokens


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a million tokens, in the currency of the price list."""

    input: float = 0.0
    output: float = 0.0

    def cost(self, made: Completion) -> float:
        return (made.input_tokens * self.input + made.output_tokens * self.output) / _LISTED

    def usage(self, operation: str, model: str, made: Completion, tier: str = "") -> ModelUsage:
        """What an operation used when the model, of a tier, made this."""
        return ModelUsage(
            operation=operation,
            model=model,
            input_tokens=made.input_tokens,
            output_tokens=made.output_tokens,
            cost=self.cost(made),
            tier=tier,
            cached_tokens=made.cached_tokens,
        )


def total(usage: Sequence[ModelUsage]) -> Usage:
    """All operations and models together."""
    return Usage(
        input_tokens=sum(each.input_tokens for each in usage),
        output_tokens=sum(each.output_tokens for each in usage),
        cost=sum((each.cost for each in usage), 0.0),
    )
