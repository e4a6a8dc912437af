"""What is told of budgets: how much is spent, and once a period that a limit is near or reached."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from prometheus_client import Gauge

from schemas.events import BudgetStood
from schemas.money import spelled
from streams.runtime.telemetry import REGISTRY

OTHER = "other"
MOST = 200  # tenants that are told apart
log = logging.getLogger("millrace.budgets")

USED = Gauge(
    "millrace_budget_used_ratio", "Of the limit that is spent.", ["tenant", "limit"],
    registry=REGISTRY,
)  # fmt: skip
STATE = Gauge(
    "millrace_budget_reached", "0 far from it, 1 near, 2 reached.", ["tenant", "limit"],
    registry=REGISTRY,
)  # fmt: skip


def name_of(tenant: str, listed: frozenset[str]) -> str:
    """The label of a tenant: those that tenants.yaml does not list are one, `other`."""
    return tenant if tenant in listed and len(listed) <= MOST else OTHER


class Alerts:
    """Says once a period that a tenant nears a limit, and that it has reached it."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._said: dict[str, tuple[int, frozenset[str]]] = {}
        self._lock = threading.Lock()

    def _show(self, gauge: Gauge, ends_ms: int, value: float) -> None:
        """Until the period ends: a process may never hear of the tenant again."""
        gauge.set_function(lambda: value if self._now() * 1000 < ends_ms else 0.0)

    def tell(self, stood: BudgetStood, tenant: str) -> list[str]:
        """What is new of it: `near soft`, `soft`, `near hard`, `hard`."""
        now = {f"near {name}" for name in stood.near}
        for name, limit in (("soft", stood.soft_nanos), ("hard", stood.hard_nanos)):
            if limit is None:
                continue
            reached = stood.spent_nanos >= limit
            now |= {name} if reached else set()
            if tenant != OTHER:
                state = 2 if reached else int(name in stood.near)
                self._show(USED.labels(tenant, name), stood.ends, stood.spent_nanos / limit)
                self._show(STATE.labels(tenant, name), stood.ends, state)
        with self._lock:
            begins, before = self._said.get(stood.tenant, (0, frozenset[str]()))
            known = before if begins == stood.begins else frozenset[str]()
            self._said[stood.tenant] = stood.begins, known | now
        fresh = sorted(now - known)
        for said in fresh:
            log.warning(
                "the budget of a tenant: %s limit",
                said if said.startswith("near") else f"reached the {said}",
                extra={"tenant": stood.tenant, "spent": spelled(stood.spent_nanos)},
            )
        return fresh
