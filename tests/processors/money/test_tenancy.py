"""Budgets and quotas, as tenants.yaml says them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from processors.money.periods import bounds, spelled
from processors.money.tenancy import Budget, Quotas, tenancy
from streams.app import tenancy as followed
from streams.app.policies import SHIPPED

HOUR = 3_600_000


def test_a_tenants_own_words_win_one_by_one() -> None:
    found = tenancy({
        "defaults": {
            "limits": {"query_chars": 2000},
            "budget": {"period": "month", "soft": 80, "hard": 100},
            "quotas": {"questions_per_second": 5, "model_calls": 2},
        },
        "tenants": {
            "acme": {
                "suspended": False,
                "budget": {"period": "day", "hard": 0.1},
                "quotas": {"model_calls": None, "changes_per_minute": 60},
            },
            "free": {"budget": None},
            "empty": None,
        },
    })  # fmt: skip
    month = Budget("month", 80 * 10**9, 100 * 10**9)
    assert found.budget_of("acme") == Budget("day", None, 100_000_000)
    assert (found.budget_of("free"), found.budget_of("anybody")) == (None, month)
    assert found.budget_of("empty") == month
    assert found.quotas_of("acme") == Quotas(5, 60, None)
    assert found.quotas_of("anybody") == Quotas(5, None, 2)
    assert found.listed == {"acme", "free", "empty"}


@pytest.mark.parametrize(
    ("tenant", "why"),
    [
        ({"budget": {"period": "week", "hard": 1}}, "'tenants.acme.budget.period' is 'week'"),
        ({"budget": {"period": "day"}}, "a budget needs soft, hard or both"),
        ({"budget": {"period": "day", "soft": 2, "hard": 1}}, "soft is 2; it must be at most"),
        ({"budget": {"period": "day", "hrad": 1}}, "did you mean 'hard'"),
        ({"budget": {"period": "day", "hard": 0}}, "it must be money above 0"),
        ({"budget": {"period": "day", "hard": 1e-10}}, "it must be money above 0"),
        ({"quotas": {"model_calls": 0}}, "it must be a whole number, 1 or more"),
        ({"quotas": {"questions": 1}}, "'tenants.acme.quotas.questions' is not known"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tenant: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        tenancy({"tenants": {"acme": tenant}})


def test_what_is_shipped_limits_nobody() -> None:
    found = followed.read(SHIPPED)
    assert found.budget_of("default") is None
    assert found.quotas_of("default") == Quotas()


def test_a_policy_is_followed_and_a_wrong_one_leaves_the_last_good_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    told: list[bool] = []
    look = followed.Followed(tmp_path, lambda _, away: told.append(away))
    assert look().closed and told == [True]  # there is none: nobody may spend

    def write(text: str) -> Any:
        (tmp_path / "tenants.yaml").write_text(text)
        clock[0] += 3
        return look()

    assert write("tenants: {acme: {quotas: {model_calls: 3}}}").quotas_of("acme").model_calls == 3
    assert write("tenants: {acme: {quotas: {model_calls: x}}}").quotas_of("acme").model_calls == 3
    assert write("tenants: {acme: {}, acme: {}}").quotas_of("acme").model_calls == 3
    assert write("tenants: {}").quotas_of("acme").model_calls is None
    assert told == [True, False, True, True, False]


@pytest.mark.parametrize(
    ("period", "begin", "end"),
    [
        ("hour", "2026-12-31 23:00 UTC", "2027-01-01 00:00 UTC"),
        ("day", "2026-12-31 00:00 UTC", "2027-01-01 00:00 UTC"),
        ("month", "2026-12-01 00:00 UTC", "2027-01-01 00:00 UTC"),
    ],
)
def test_periods_are_of_the_calendar_in_utc(period: Any, begin: str, end: str) -> None:
    at = 1_798_759_800_000  # half past the last hour of 2026
    assert tuple(map(spelled, bounds(period, at))) == (begin, end)
