"""What models cost: tokens, and money by a price list."""

from __future__ import annotations

from dataclasses import dataclass

from processors.ports import Completion
from schemas.events import Usage

_LISTED = 1_000_000  # prices are of so many tokens


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a million tokens, in the currency of the price list."""

    input: float = 0.0
    output: float = 0.0

    def cost(self, made: Completion) -> float:
        return (made.input_tokens * self.input + made.output_tokens * self.output) / _LISTED

    def added(self, usage: Usage | None, made: Completion) -> Usage:
        """What was used before, and this."""
        before = usage or NOTHING
        return Usage(
            input_tokens=before.input_tokens + made.input_tokens,
            output_tokens=before.output_tokens + made.output_tokens,
            cost=before.cost + self.cost(made),
        )


NOTHING = Usage(input_tokens=0, output_tokens=0, cost=0.0)
