"""The ports of money: what tenants may use, what they spend, and who is suspended."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, cast

from connectors.openai_compatible.tiers import TiersSettings
from connectors.redis.port import RedisSettings, ledger
from processors.money.ports import Free, NoSuspensions, Purse, Suspensions
from processors.money.purse import TenantPurse
from processors.money.tenancy import Budget, Tenancy
from schemas import topics
from schemas.events import BudgetStood
from streams.app.alerts import Alerts, name_of
from streams.app.following import Following
from streams.app.standing import stood
from streams.app.tenancy import Followed
from streams.flow.errors import Retry, UserError
from streams.flow.port import Opening
from streams.runtime.record import now_ms

if TYPE_CHECKING:
    from streams.app.settings import Settings
    from streams.app.stores import Sections

PATIENCE_S = 30.0  # with the broker, for who is suspended
SHORT_S = 2.0  # with the broker, for how a tenant stood, while a question waits


def tenancy(sections: Sections, opening: Opening) -> Followed:
    """Budgets and quotas, followed; one for all ports of a process."""
    return opening.once("tenancy", lambda: Followed(sections.policies, opening.watch))


def purse(sections: Sections, opening: Opening) -> Purse:
    """What each tenant may still spend; rag.budgets is read as a period begins, or Redis is away.

    A program without a broker, such as one that measures, is no tenant's: nobody pays.
    """
    settings = cast("Settings", sections)
    if not settings.bootstrap_servers:
        return Free()
    policy = tenancy(sections, opening)
    alerts, once = Alerts(), threading.Lock()
    followed: Following[BudgetStood] | None = None

    def last(tenant: str) -> BudgetStood | None:
        nonlocal followed
        with once:  # of the many threads that find Redis away at one moment
            if followed is None:
                followed = _following(settings, opening)
        if not followed.level(SHORT_S):
            raise Retry(f"{topics.RAG_BUDGETS.name} is not read yet")
        return followed.get(tenant)

    def told(tenant: str, budget: Budget, spent: int) -> None:
        of = Tenancy(budget)

        def spent_in(_begin: int, _end: int) -> int:
            return spent

        state = stood(tenant, of, spent_in, now_ms(), partition=-1, offset=-1)
        if state is not None:
            alerts.tell(state, name_of(tenant, policy().listed))

    longest = max((each.timeout_s for each in settings.of(TiersSettings).all.values()), default=0)
    kept = ledger(settings.of(RedisSettings), opening, longest)
    return TenantPurse(policy, kept, last=last, told=told)


def _following(settings: Settings, opening: Opening) -> Following[BudgetStood]:
    from streams.app import codecs

    made = Following(settings, topics.RAG_BUDGETS, codecs.codec(settings, opening.stack)).open()
    opening.stack.callback(made.close)
    return made


class Control:
    """A `Suspensions`, by control.tenants."""

    def __init__(self, settings: Settings, opening: Opening) -> None:
        from streams.app import codecs

        made = Following(
            settings, topics.CONTROL_TENANTS, codecs.codec(settings, opening.stack)
        ).open()
        opening.stack.callback(made.close)
        if not made.level(PATIENCE_S):
            raise UserError(
                f"{topics.CONTROL_TENANTS.name} cannot be read, and who is suspended not be known: "
                "run `millrace topics apply`, or see why the broker does not answer"
            )
        self._followed = made

    def why(self, tenant: str) -> str | None:
        found = self._followed.get(tenant)
        return None if found is None or not found.suspended else found.reason


def suspensions(sections: Sections, opening: Opening) -> Suspensions:
    """Who is suspended, as a process knows it a moment after it was said; nobody, without a broker.

    Raises:
        UserError: that cannot be read.
    """
    settings = cast("Settings", sections)
    if not settings.bootstrap_servers:
        return NoSuspensions()
    return opening.once("suspensions", partial(Control, settings, opening))
