"""A call of a language model that is paid for: reserved before it, settled after it, noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from processors.models import Completion, Generator
from processors.money.ports import Free, Purse
from processors.money.prices import PriceTable
from processors.questions.carried import degraded, used
from schemas.events import Carried
from streams.flow.errors import Retry

RESERVED = frozenset({"rewrite", "followup", "generate"})
"""Operations that are reserved; what runs in the workers is not: its price is 0 as a rule."""


class Unaffordable(Retry):
    """The call may not be made now; the message says why."""


@dataclass(frozen=True, slots=True)
class Paying:
    """A model, what it costs, and who pays."""

    generator: Generator
    prices: PriceTable = field(default_factory=PriceTable)
    purse: Purse = field(default_factory=Free)
    tier: str = ""  # whose model it is

    def complete(
        self,
        carried: Carried,
        operation: str,
        instructions: str,
        text: str,
        *,
        most_tokens: int,
        answers: bool = False,
        within_s: float | None = None,
        schema: Mapping[str, object] | None = None,
        told: Callable[[str], None] | None = None,
    ) -> tuple[Carried, Completion]:
        """As `Generator.complete`, with what it used noted in what is carried.

        The call is named by its question, operation and tier: made again, it is the same one.

        Raises:
            Unaffordable: the tenant's budget or quota does not allow it.
            Retry: the model does not answer.
        """
        question, model = carried.question, self.generator.model
        worst = self.prices.worst(model, f"{instructions}{text}", most_tokens)
        call = f"{question.request_id}/{operation}.{self.tier}"
        taken = self.purse.take(question.tenant, call, worst, answers=answers)
        if not taken.allowed:
            raise Unaffordable(taken.why)
        cost = 0
        try:
            made = self.generator.complete(
                instructions,
                text,
                most_tokens=most_tokens,
                within_s=within_s,
                schema=schema,
                told=told,
            )
            spent = self.prices.completed(operation, model, made, self.tier)
            # Of a server that does not count, the worst: else its calls would cost nothing.
            cost = (worst or 0) if spent.cost_nanos is None else spent.cost_nanos
        finally:
            self.purse.settle(taken, cost)
        carried = used(carried, spent)
        return (degraded(carried, f"{operation}: {taken.why}") if taken.why else carried), made
