"""What a tenant may spend: reserved, refused with the time, and closed where nothing is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from connectors.memory.ledger import MemoryLedger
from processors.models import Completion
from processors.money.admission import Admission
from processors.money.paying import Paying, Unaffordable
from processors.money.ports import Taken
from processors.money.purse import UNKNOWN, UNPRICED, TenantPurse
from processors.money.tenancy import Tenancy, tenancy
from schemas.events import BudgetStood
from streams.app.standing import stood
from streams.flow.errors import Retry
from tests.support.prices import PRICES
from tests.support.question_events import carried

NOW = 1_798_759_800.0  # 2026-12-31 23:30 UTC
POLICY = tenancy({
    "tenants": {
        "acme": {"budget": {"period": "day", "soft": 0.001, "hard": 0.002}},
        "few": {"quotas": {"model_calls": 1, "questions_per_second": 2}},
    }
})  # fmt: skip


class Away(MemoryLedger):
    def reserve(self, *args: Any, **more: Any) -> Any:
        raise Retry("away")

    standing = pass_in = settle = begin = reserve


def purse(ledger: MemoryLedger | None = None, policy: Tenancy = POLICY, **more: Any) -> TenantPurse:
    made = ledger or MemoryLedger(now=lambda: NOW)
    return TenantPurse(lambda: policy, made, now=lambda: NOW, **more)


def take(of: TenantPurse, call: str, worst: int | None = 600_000, *, answers: bool = True) -> Any:
    return of.take("acme", call, worst, answers=answers)


def test_soft_ends_answers_and_hard_ends_questions_with_the_time_they_begin_anew() -> None:
    own = purse()
    first, second = take(own, "a"), take(own, "b")
    assert first.allowed and second.allowed  # the second goes above it, by itself
    refused = take(own, "c")
    assert not refused.allowed and refused.why == (
        "the soft budget of the day, 0.001000, is spent: it begins anew at 2027-01-01 00:00 UTC"
    )
    small = take(own, "d", answers=False)
    assert small.allowed and not own.refusal("acme", "p")
    for each in (first, second, small):
        own.settle(each, 700_000)
    assert "hard budget of the day, 0.002000" in take(own, "e", answers=False).why
    assert own.refusal("acme", "p") == (
        "the hard budget of the day, 0.002000, is spent: it begins anew at 2027-01-01 00:00 UTC "
        "(rule budget)"
    )
    assert own.refusal("other", "p") == ""


def test_what_was_reserved_and_did_not_cost_it_is_there_again() -> None:
    own = purse()
    taken = take(own, "a", 2_000_000)
    assert not take(own, "b").allowed
    own.settle(taken, 10)
    assert take(own, "b").allowed


def test_a_model_without_a_price_is_closed_to_a_budget_and_a_free_one_is_open() -> None:
    own = purse()
    assert take(own, "a", None).why == UNPRICED
    own.settle(take(own, "b"), 9_000_000)
    assert take(own, "c", 0).allowed
    assert own.take("other", "d", None, answers=True).allowed
    shut = purse(policy=Tenancy(closed=True))
    assert not shut.take("other", "d", 1, answers=True).allowed
    assert shut.take("other", "d", 0, answers=True).allowed


def test_calls_at_once_and_questions_a_second_are_counted_by_tenant() -> None:
    own = purse()
    first = own.take("few", "a", 5, answers=True)
    assert own.take("few", "b", 5, answers=False).why == (
        "1 model calls of the tenant are under way (quota model_calls)"
    )
    own.settle(first, 5)
    assert own.take("few", "b", None, answers=False).allowed
    told = [own.refusal("few", f"{n}") for n in range(3)]
    assert told[:2] == ["", ""]
    assert told[2] == (
        "the tenant asks more than 2 questions a second: ask again in 0.5 s "
        "(rule quota questions_per_second)"
    )


def last(spent: int, at: float = NOW) -> BudgetStood:
    def spent_in(begin: int, end: int) -> int:
        return spent

    made = stood("acme", POLICY, spent_in, int(at * 1000), partition=0, offset=1)
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("known", "answers", "small", "asks"),
    [
        (None, UNKNOWN, UNKNOWN, ""),
        (last(10, NOW - 86_400), UNKNOWN, UNKNOWN, ""),  # of a day that is over
        (last(10), "by the budget as it stood", "by the budget as it stood", ""),
        (last(1_000_000), "the soft budget", "by the budget as it stood", ""),
        (last(2_000_000), "the soft budget", "the hard budget", "the hard budget"),
    ],
)
def test_without_the_ledger_the_last_that_was_known_decides_and_else_nothing_is_paid(
    known: BudgetStood | None, answers: str, small: str, asks: str
) -> None:
    own = purse(Away(), last=lambda _: known)
    for said, found in (
        (answers, take(own, "a")),
        (small, take(own, "b", answers=False)),
    ):
        assert found.why.startswith(said)
        assert found.allowed is said.startswith("by the budget")
        own.settle(found, 5)
    assert own.refusal("acme", "p").startswith(asks) and bool(own.refusal("acme", "p")) is bool(
        asks
    )
    assert own.refusal("few", "p") == ""


def test_a_ledger_that_lost_what_it_held_begins_with_what_rag_budgets_says() -> None:
    ledger = MemoryLedger(now=lambda: NOW)
    own = purse(ledger, last=lambda _: last(900_000))
    first = take(own, "a")
    assert first.allowed
    assert "the soft budget" in take(own, "b").why  # 900,000 before it, and 600,000 of it
    own.settle(first, 600_000)
    emptied = purse(last=lambda _: last(2_100_000))
    assert "the hard budget" in emptied.refusal("acme", "p")
    assert "the hard budget" in take(emptied, "c", answers=False).why
    before = purse(last=lambda _: last(2_100_000, NOW - 86_400))  # of a day that is over
    assert not before.refusal("acme", "p") and take(before, "d").allowed


def test_while_nobody_can_tell_what_was_spent_before_nothing_that_costs_is_called() -> None:
    def untold(_: str) -> BudgetStood:
        raise Retry("rag.budgets is not read yet")

    own = purse(last=untold)
    assert take(own, "a") == Taken(False, UNKNOWN)
    assert take(own, "b", 0).allowed  # a model that is free
    assert own.refusal("acme", "p") == ""


class Model:
    model = "m"

    def __init__(self, *, fails: bool = False) -> None:
        self.fails, self.calls = fails, 0

    def complete(
        self,
        instructions: str,
        text: str,
        *,
        most_tokens: int,
        within_s: float | None = None,
        schema: Mapping[str, object] | None = None,
        told: Callable[[str], None] | None = None,
    ) -> Completion:
        self.calls += 1
        if self.fails:
            raise Retry("no answer")
        return Completion("x", 10, 2)


def test_a_call_reserves_its_worst_and_settles_what_it_cost() -> None:
    ledger = MemoryLedger(now=lambda: NOW)
    begins = 1_798_675_200_000
    paying = Paying(Model(), PRICES, purse(ledger))
    asked, made = paying.complete(carried("q"), "generate", "i", "text", most_tokens=5)
    assert made.text == "x"
    assert [each.cost_nanos for each in asked.usage] == [40_000]
    assert ledger.standing("acme", begins).spent == 40_000
    assert PRICES.worst("m", "itext", 5) == 5 * 2_000 + 5 * 10_000
    failing = Paying(Model(fails=True), PRICES, purse(ledger))
    with pytest.raises(Retry):
        failing.complete(carried("q"), "rewrite", "i", "text", most_tokens=5)
    assert (ledger.standing("acme", begins).spent, ledger.standing("acme", begins).held) == (
        40_000,
        0,
    )
    unlisted = Model()
    unlisted.model = "new"
    with pytest.raises(Unaffordable, match="no price of the model"):
        Paying(unlisted, PRICES, purse(ledger)).complete(
            carried("q"), "generate", "i", "text", most_tokens=5
        )
    assert unlisted.calls == 0


def test_a_server_that_counts_nothing_is_paid_the_worst() -> None:
    class Silent(Model):
        def complete(self, *said: Any, **more: Any) -> Completion:
            return replace(super().complete(*said, **more), input_tokens=0, output_tokens=0)

    ledger = MemoryLedger(now=lambda: NOW)
    paying = Paying(Silent(), PRICES, purse(ledger))
    asked, _ = paying.complete(carried("q"), "generate", "i", "text", most_tokens=5)
    assert [each.cost_nanos for each in asked.usage] == [None]
    assert ledger.standing("acme", 1_798_675_200_000).spent == PRICES.worst("m", "itext", 5)


class Suspended:
    def why(self, tenant: str) -> str | None:
        return "unpaid" if tenant == "acme" else None


def test_a_suspended_tenant_is_refused_before_anything_is_counted() -> None:
    admission = Admission(purse(Away()), Suspended())
    assert (
        admission.refusal("acme", "p") == "this tenant is suspended: unpaid (rule tenant-suspended)"
    )
    assert admission.refusal("other", "p") == ""
    assert replace(admission, suspensions=Suspended()).refusal("few", "p") == ""
