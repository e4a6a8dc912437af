"""What a tenant may spend, by its policy and the ledger; closed where neither can be told."""

from __future__ import annotations

import time
from collections.abc import Callable

from processors.money.periods import bounds, spelled
from processors.money.ports import Hold, Ledger, Taken
from processors.money.tenancy import Budget, Tenancy
from schemas.events import BudgetStood
from schemas.money import spelled as money
from streams.flow.errors import Retry

UNKNOWN = "what is left of the budget is not known now"
UNPRICED = "the tenant has a budget, and policies/prices.yaml no price of the model"
CLOSED = "policies/tenants.yaml cannot be used"
DAY_MS = 86_400_000

Told = Callable[[str, Budget, int], None]
"""Told of a tenant's budget and what is spent of it, in billionths."""


class TenantPurse:
    """A `Purse`. `last` is how a tenant stood when that was last written to rag.budgets.

    It begins a period in the ledger, which may have lost what it held; it raises Retry where it
    cannot tell.
    """

    def __init__(
        self,
        tenancy: Callable[[], Tenancy],
        ledger: Ledger,
        *,
        last: Callable[[str], BudgetStood | None] | None = None,
        told: Told | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._tenancy, self._ledger = tenancy, ledger
        self._last = last or _unknown
        self._told, self._now = told or _unheard, now

    def take(self, tenant: str, call: str, worst: int | None, *, answers: bool) -> Taken:
        policy, now = self._tenancy(), int(self._now() * 1000)
        budget, calls = policy.budget_of(tenant), policy.quotas_of(tenant).model_calls
        if policy.closed and worst != 0:
            return Taken(False, CLOSED)
        if budget is not None and worst is None:
            return Taken(False, UNPRICED)
        if calls is None and (budget is None or not worst):
            return Taken(True)
        begins, ends = (0, now + DAY_MS) if budget is None else bounds(budget.period, now)
        hold, limit = Hold(tenant, call, begins, ends), _limit(budget, answers) if worst else None
        try:
            verdict = self._ledger.reserve(hold, worst or 0, limit=limit, calls=calls)
            if verdict == "unbegun":
                self._begin(hold)
                verdict = self._ledger.reserve(hold, worst or 0, limit=limit, calls=calls)
        except Retry:
            return self._unasked(tenant, budget, now, answers=answers)
        if verdict == "busy":
            return Taken(
                False, f"{calls} model calls of the tenant are under way (quota model_calls)"
            )
        if verdict == "spent" and budget is not None:
            soft = limit != budget.hard
            return Taken(False, _spent("soft" if soft else "hard", budget, limit or 0, ends))
        return Taken(True, hold=hold)

    def settle(self, taken: Taken, nanos: int) -> None:
        if taken.hold is None:
            return
        try:
            self._ledger.settle(taken.hold, nanos)
        except Retry:  # it lapses by itself, and `millrace cost` names what the ledger lacks
            return

    def refusal(self, tenant: str, place: str) -> str:
        policy, now = self._tenancy(), int(self._now() * 1000)
        budget, rate = policy.budget_of(tenant), policy.quotas_of(tenant).questions_per_second
        if budget is not None and budget.hard is not None:
            begins, ends = bounds(budget.period, now)
            if self._known(tenant, budget, begins, ends, now) >= budget.hard:
                return f"{_spent('hard', budget, budget.hard, ends)} (rule budget)"
        if rate is None:
            return ""
        try:
            wait = self._ledger.pass_in(tenant, rate, place)
        except Retry:  # without Redis questions go on: only money is closed
            return ""
        if not wait:
            return ""
        return (
            f"the tenant asks more than {rate:g} questions a second: ask again in "
            f"{max(wait, 0.1):.1f} s (rule quota questions_per_second)"
        )

    def _begin(self, hold: Hold) -> None:
        """Begin a period with what is known to be spent in it: nothing, unless Redis lost it."""
        last = self._last(hold.tenant)
        within = last is not None and hold.begins <= last.begins and last.ends <= hold.ends
        self._ledger.begin(hold, last.spent_nanos if last is not None and within else 0)

    def _known(self, tenant: str, budget: Budget, begins: int, ends: int, now: int) -> int:
        try:
            standing = self._ledger.standing(tenant, begins)
            if not standing.begun:
                self._begin(Hold(tenant, "", begins, ends))
                standing = self._ledger.standing(tenant, begins)
            spent = standing.spent
        except Retry:
            last = self._last_known(tenant)
            return last.spent_nanos if last is not None and last.ends > now else 0
        self._told(tenant, budget, spent)
        return spent

    def _last_known(self, tenant: str) -> BudgetStood | None:
        try:
            return self._last(tenant)
        except Retry:
            return None

    def _unasked(self, tenant: str, budget: Budget | None, now: int, *, answers: bool) -> Taken:
        """By the last that was known; a period that nothing is known of is closed."""
        if budget is None:
            return Taken(True)
        last = self._last_known(tenant)
        if last is None or last.ends <= now:
            return Taken(False, UNKNOWN)
        limit = _limit(budget, answers)
        if limit is not None and last.spent_nanos >= limit:
            soft = limit != budget.hard
            return Taken(False, _spent("soft" if soft else "hard", budget, limit, last.ends))
        return Taken(True, f"by the budget as it stood at {spelled(last.at)}")


def _unknown(tenant: str) -> BudgetStood | None:  # noqa: ARG001
    return None


def _unheard(tenant: str, budget: Budget, spent: int) -> None:
    pass


def _limit(budget: Budget | None, answers: bool) -> int | None:
    if budget is None:
        return None
    return budget.soft if answers and budget.soft is not None else budget.hard


def _spent(which: str, budget: Budget, limit: int, ends: int) -> str:
    return (
        f"the {which} budget of the {budget.period}, {money(limit)}, is spent: it begins anew at "
        f"{spelled(ends)}"
    )
