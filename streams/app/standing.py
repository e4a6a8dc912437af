"""How a tenant stands with its budget, by what it has spent in the period."""

from __future__ import annotations

from collections.abc import Callable

from processors.money.periods import bounds
from processors.money.tenancy import Tenancy
from schemas.events import BudgetStood

NEAR = 0.8  # of a limit, from which on it is alerted
OPEN, SOFT, HARD = "open", "soft", "hard"


def stood(
    tenant: str,
    tenancy: Tenancy,
    spent_in: Callable[[int, int], int],
    now_ms: int,
    *,
    partition: int,
    offset: int,
) -> BudgetStood | None:
    """The state, as rag.budgets has it; None of a tenant that has no budget.

    `spent_in` says what was spent from one moment to another.
    """
    budget = tenancy.budget_of(tenant)
    if budget is None:
        return None
    begins, ends = bounds(budget.period, now_ms)
    spent = spent_in(begins, ends)
    return BudgetStood(
        tenant=tenant,
        period=budget.period,
        begins=begins,
        ends=ends,
        spent_nanos=spent,
        soft_nanos=budget.soft,
        hard_nanos=budget.hard,
        state=HARD if _at(spent, budget.hard) else SOFT if _at(spent, budget.soft) else OPEN,
        near=[
            name
            for name, limit in ((SOFT, budget.soft), (HARD, budget.hard))
            if limit is not None and spent >= limit * NEAR
        ],
        partition=partition,
        offset=offset,
        at=now_ms,
    )


def _at(spent: int, limit: int | None) -> bool:
    return limit is not None and spent >= limit
