"""What the embedding of a question's variants used."""

from __future__ import annotations

from dataclasses import dataclass

from processors.money.prices import PriceTable
from processors.ports import TokenCounter
from processors.questions.carried import used
from schemas.events import Carried


@dataclass(frozen=True, slots=True)
class Counting:
    """Counts as the embedding model does, and prices it."""

    counter: TokenCounter
    prices: PriceTable

    def noted(self, carried: Carried, model: str) -> Carried:
        """With one call for all variants."""
        tokens = sum(self.counter.count(carried.variants))
        return used(carried, self.prices.used("embed", model, tokens))
