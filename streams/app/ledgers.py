"""How tenants stand in the ledger now, for programs beside the workers."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from connectors.redis.port import RedisSettings, ledger
from processors.money.paying import RESERVED
from processors.money.periods import bounds
from processors.money.ports import Standing
from streams.app import tenancy
from streams.app.settings import Settings
from streams.flow.errors import Retry, UserError
from streams.flow.port import Opening

__all__ = ["RESERVED", "InLedger", "in_ledger"]


@dataclass(frozen=True, slots=True)
class InLedger:
    """A tenant's period, and what the ledger has of it."""

    tenant: str
    begins: int  # milliseconds since the epoch
    standing: Standing


def in_ledger(settings: Settings, tenants: Iterable[str], now_ms: int) -> list[InLedger]:
    """Of those with a budget, its period now; nothing where no Redis is configured.

    Raises:
        UserError: Redis does not answer, or tenants.yaml cannot be used.
    """
    policy = tenancy.read(settings.policies)
    begins = {
        tenant: bounds(budget.period, now_ms)[0]
        for tenant in sorted({*tenants, *policy.listed})
        if (budget := policy.budget_of(tenant)) is not None
    }
    redis = settings.of(RedisSettings)
    if not begins or not (redis.url or redis.kept_url):
        return []
    with ExitStack() as stack:
        kept = ledger(redis, Opening(settings.data, stack))
        try:
            return [InLedger(name, at, kept.standing(name, at)) for name, at in begins.items()]
        except Retry as error:
            raise UserError(f"the ledger cannot be read: {error}") from None
