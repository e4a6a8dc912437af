"""How many changes of a tenant are live: the others are bulk, and delay nobody else's."""

from __future__ import annotations

import threading
from collections.abc import Callable

MINUTE_MS = 60_000
MOST_TENANTS = 10_000


class LiveQuota:
    """A bucket of live changes for each tenant, which a minute fills.

    Time is that of the records, so that a backlog which came in a minute counts as a minute's. What
    was taken is forgotten when the process ends: a quota decides who goes first and nothing else.
    Safe to call from several threads.
    """

    def __init__(self, per_minute: Callable[[str], int]) -> None:
        self._per_minute = per_minute  # of a tenant
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, int]] = {}  # what is left, and since when

    def take(self, tenant: str, at_ms: int) -> bool:
        """Whether a change of this tenant, fed at this time, is live."""
        most = float(self._per_minute(tenant))
        with self._lock:
            if len(self._buckets) >= MOST_TENANTS:
                self._buckets.clear()
            left, since = self._buckets.get(tenant, (most, at_ms))
            filled = max(0, at_ms - since) * most / MINUTE_MS
            left = min(most, left + filled)
            live = left >= 1
            self._buckets[tenant] = left - live, max(since, at_ms)
            return live
