"""A ledger in this process, for tests and the in-memory driver."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from connectors.redis.ledger import HELD_S
from processors.money.ports import Hold, Standing, Verdict


@dataclass
class _Period:
    standing: Standing = field(default_factory=Standing)
    held: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    done: dict[str, int] = field(default_factory=dict[str, int])


class MemoryLedger:
    """A `Ledger` in this process."""

    def __init__(self, held_s: float = HELD_S, now: Callable[[], float] = time.time) -> None:
        self._held_s, self._now = held_s, now
        self._lock = threading.Lock()
        self._periods: dict[tuple[str, int], _Period] = {}
        self._due: dict[str, float] = {}
        self._passed: set[tuple[str, str]] = set()

    def reserve(self, hold: Hold, nanos: int, *, limit: int | None, calls: int | None) -> Verdict:
        with self._lock:
            period = self._lapsed(hold)
            at = period.standing
            if limit is not None and not at.begun:
                return "unbegun"
            if calls is not None and len(period.held) >= calls:
                return "busy"
            if limit is not None and at.spent + at.held >= limit:
                return "spent"
            period.held[hold.call] = nanos, self._now() + self._held_s
            period.standing = replace(at, held=at.held + nanos)
            return "taken"

    def begin(self, hold: Hold, spent: int) -> None:
        with self._lock:
            period = self._periods.setdefault((hold.tenant, hold.begins), _Period())
            at = period.standing
            if not at.begun:
                period.standing = replace(at, spent=at.spent + spent, begun=True)

    def settle(self, hold: Hold, nanos: int) -> None:
        with self._lock:
            period = self._lapsed(hold)
            if not nanos:
                return
            at, before = period.standing, period.done.get(hold.call, 0)
            period.standing = replace(at, spent=at.spent + nanos, repeated=at.repeated + before)
            period.done[hold.call] = nanos

    def standing(self, tenant: str, begins: int) -> Standing:
        with self._lock:
            return self._periods.setdefault((tenant, begins), _Period()).standing

    def pass_in(self, tenant: str, per_second: float, place: str) -> float:
        with self._lock:
            if (tenant, place) in self._passed:
                return 0.0
            now, between = self._now(), 1 / per_second
            due = max(self._due.get(tenant, 0.0), now)
            wait = due - now - max(1 - between, 0)
            if wait > 1e-9:
                return wait
            self._due[tenant] = due + between
            self._passed.add((tenant, place))
            return 0.0

    def _lapsed(self, hold: Hold) -> _Period:
        """The period, without what has lapsed and without this call's own reservation."""
        period = self._periods.setdefault((hold.tenant, hold.begins), _Period())
        for call, (nanos, until) in [*period.held.items()]:
            at = period.standing
            if until <= self._now():
                period.standing = replace(at, held=at.held - nanos, lapsed=at.lapsed + nanos)
            elif call == hold.call:
                period.standing = replace(at, held=at.held - nanos)
            else:
                continue
            del period.held[call]
        return period
