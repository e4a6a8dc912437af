"""Sessions in this process, for tests and the in-memory driver."""

from __future__ import annotations

import time
from collections.abc import Callable

from connectors.redis.sessions import MOST_TURNS, TTL_S, field_of, key_of, left_ms
from processors.ports import Turn


class MemorySessions:
    """A `Sessions` in this process, for tests and the in-memory driver."""

    def __init__(self, ttl_s: float = TTL_S) -> None:
        self._ttl_s = ttl_s
        self._turns: dict[str, dict[str, Turn]] = {}
        self._until: dict[str, float] = {}

    def turns(self, tenant: str, session: str) -> list[Turn]:
        key = key_of(tenant, session)
        if self._until.get(key, 0) < time.monotonic():
            self._turns.pop(key, None)
        return [turn for _, turn in sorted(self._turns.get(key, {}).items())]

    def note(self, tenant: str, session: str, turn: Turn) -> None:
        if (left := left_ms(turn, self._ttl_s)) <= 0:
            return
        key = key_of(tenant, session)
        self.turns(tenant, session)  # forgets what has had its time
        turns = self._turns.setdefault(key, {})
        keep: Callable[[str, Turn], object] = turns.__setitem__ if turn.status else turns.setdefault
        keep(field_of(turn), turn)
        for name in sorted(turns)[:-MOST_TURNS]:
            del turns[name]
        self._until[key] = max(self._until.get(key, 0), time.monotonic() + left / 1000)
