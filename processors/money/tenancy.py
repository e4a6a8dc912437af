"""What a tenant may use: `budget` and `quotas` of `policies/tenants.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from processors.money.periods import Period
from schemas.money import NANOS
from schemas.validation import NOTHING_IS_EMPTY, Written, expected, validated

# Redis counts in doubles where it runs scripts: above this a billionth would be lost.
MOST = 9_000_000
_Money = Annotated[
    float, Field(ge=1e-9, le=MOST), expected(f"money above 0, at most {MOST:,} a period")
]
_Rate = Annotated[float, Field(gt=0, le=1e6), expected("a number above 0")]
_Count = Annotated[int, Field(strict=True, ge=1, le=10**6), expected("a whole number, 1 or more")]


@dataclass(frozen=True, slots=True)
class Budget:
    """What models may cost in a period, in billionths: above `soft` the cheaper, above `hard` none.

    Either may be None: there is no such limit.
    """

    period: Period
    soft: int | None
    hard: int | None


@dataclass(frozen=True, slots=True)
class Quotas:
    """What a tenant may have; None: as much as there is."""

    questions_per_second: float | None = None
    changes_per_minute: int | None = None
    model_calls: int | None = None  # at once


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Budgets and quotas of those that are listed; of all others the defaults.

    `closed`: nobody knows what they are, so nobody may spend.
    """

    budget: Budget | None = None
    quotas: Quotas = field(default_factory=Quotas)
    budgets: Mapping[str, Budget | None] = field(default_factory=dict[str, "Budget | None"])
    own_quotas: Mapping[str, Quotas] = field(default_factory=dict[str, Quotas])
    closed: bool = False

    def budget_of(self, tenant: str) -> Budget | None:
        return self.budgets.get(tenant, self.budget)

    def quotas_of(self, tenant: str) -> Quotas:
        return self.own_quotas.get(tenant, self.quotas)

    @property
    def listed(self) -> frozenset[str]:
        """Tenants by name: of these metrics tell one by one."""
        return frozenset(self.budgets)


class _Budget(Written):
    period: Period
    soft: _Money | None = None
    hard: _Money | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.soft is None and self.hard is None:
            raise ValueError("a budget needs soft, hard or both")
        if self.soft is not None and self.hard is not None and self.soft > self.hard:
            raise ValueError(f"soft is {self.soft:g}; it must be at most hard, {self.hard:g}")
        return self


class _Quotas(Written):
    questions_per_second: _Rate | None = None
    changes_per_minute: _Count | None = None
    model_calls: _Count | None = None


class _Tenant(BaseModel):
    """The rest of it is for the rules of authz."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    budget: _Budget | None = None
    quotas: Annotated[_Quotas, NOTHING_IS_EMPTY] = _Quotas()


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    defaults: Annotated[_Tenant, NOTHING_IS_EMPTY] = _Tenant()
    tenants: Annotated[dict[str, Annotated[_Tenant, NOTHING_IS_EMPTY]], NOTHING_IS_EMPTY] = {}


def tenancy(policy: Mapping[str, Any]) -> Tenancy:
    """What the policy says. A tenant's own budget and each of its quotas win over the defaults.

    Raises:
        ValueError: a key of a budget or of quotas is unknown, or a value cannot be.
    """
    file = validated(_File, policy)
    return Tenancy(
        _budget(file.defaults.budget),
        _quotas(file.defaults.quotas, _Quotas()),
        {
            name: _budget(
                each.budget if "budget" in each.model_fields_set else file.defaults.budget
            )
            for name, each in file.tenants.items()
        },
        {name: _quotas(each.quotas, file.defaults.quotas) for name, each in file.tenants.items()},
    )


def _budget(said: _Budget | None) -> Budget | None:
    return None if said is None else Budget(said.period, _nanos(said.soft), _nanos(said.hard))


def _nanos(money: float | None) -> int | None:
    return None if money is None else int(Decimal(str(money)) * NANOS)


def _quotas(said: _Quotas, otherwise: _Quotas) -> Quotas:
    def either(name: str) -> Any:
        return getattr(said if name in said.model_fields_set else otherwise, name)

    return Quotas(
        either("questions_per_second"), either("changes_per_minute"), either("model_calls")
    )
