"""What models cost: `policies/prices.yaml` as a table, and what a call comes to by it.

Money is in whole billionths of the list's currency, so that sums are exact in whatever order they
are made: a price of a million tokens with three decimals is a whole number of them a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Annotated, Any

from pydantic import Field

from processors.models import Completion
from schemas.events import ModelUsage
from schemas.money import NANOS
from schemas.validation import NOTHING_IS_EMPTY, Written, expected, validated

_LISTED = 1_000_000  # prices are of so many tokens
_Amount = Annotated[
    float, Field(ge=0, le=1_000_000), expected("what a million tokens cost, 0 or more")
]


@dataclass(frozen=True, slots=True)
class Price:
    """Of one model: what a token costs, in billionths of the currency."""

    input: Decimal
    output: Decimal
    cached: Decimal  # of an input token that the model had from before

    def cost(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> int:
        """Billionths; what is left of one counts as one."""
        fresh = max(input_tokens - cached_tokens, 0)
        exact = fresh * self.input + cached_tokens * self.cached + output_tokens * self.output
        return int(exact.to_integral_value(ROUND_CEILING))


@dataclass(frozen=True, slots=True)
class PriceTable:
    """One version of the list. A model that is not in it has a cost that nobody knows."""

    version: str = ""
    currency: str = ""
    models: Mapping[str, Price] = field(default_factory=dict[str, Price])

    def of(self, model: str) -> Price | None:
        """The price of a model, or of what its name says before an `@`."""
        return self.models.get(model) or self.models.get(model.partition("@")[0])

    def used(
        self,
        operation: str,
        model: str,
        input_tokens: int,
        output_tokens: int = 0,
        cached_tokens: int = 0,
        tier: str = "",
    ) -> ModelUsage:
        """One call of a model, of a tier, and what it cost."""
        price = self.of(model)
        return ModelUsage(
            operation=operation,
            model=model,
            tier=tier,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cached_tokens=cached_tokens,
            cost_nanos=None
            if price is None
            else price.cost(input_tokens, output_tokens, cached_tokens),
            prices=self.version,
        )

    def worst(self, model: str, text: str, most_tokens: int) -> int | None:
        """The most that a call may cost: a token has a byte at least; None: nobody knows."""
        price = self.of(model)
        return None if price is None else price.cost(len(text.encode()), most_tokens)

    def completed(self, operation: str, model: str, made: Completion, tier: str = "") -> ModelUsage:
        """The call in which a language model wrote this.

        Every model is sent tokens: of a server that counts none nobody knows what the call cost,
        unless its model is free.
        """
        return self._counted(
            self.used(
                operation, model, made.input_tokens, made.output_tokens, made.cached_tokens, tier
            )
        )

    def read(self, operation: str, model: str, input_tokens: int) -> ModelUsage:
        """The call in which a model only read: of a server that counts nothing as above."""
        return self._counted(self.used(operation, model, input_tokens))

    def _counted(self, used: ModelUsage) -> ModelUsage:
        price = self.of(used.model)
        uncounted = price is not None and price.cost(1, 1) and not used.input_tokens
        return replace(used, cost_nanos=None) if uncounted else used


class _Model(Written):
    input: _Amount
    output: _Amount = 0.0
    cached: _Amount | None = None


class _File(Written):
    version: Annotated[str, Field(min_length=1)]
    date: date
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$"), expected("three letters, such as EUR")]
    models: Annotated[dict[str, _Model], NOTHING_IS_EMPTY]


def price_table(policy: Mapping[str, Any]) -> PriceTable:
    """The table that the policy says.

    Raises:
        ValueError: a key is missing or unknown, or a value cannot be.
    """
    file = validated(_File, policy)
    models = {name: _price(each) for name, each in file.models.items()}
    return PriceTable(f"{file.version} of {file.date}", file.currency, models)


def _price(said: _Model) -> Price:
    cached = said.input if said.cached is None else said.cached
    return Price(_nanos(said.input), _nanos(said.output), _nanos(cached))


def _nanos(listed: float) -> Decimal:
    """Of one token. As it is written: a float is not what a person meant by .1."""
    return Decimal(str(listed)) * NANOS / _LISTED
