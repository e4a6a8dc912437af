"""How many tenants metrics name: a label that anybody can fill would fill Prometheus."""

from __future__ import annotations

import threading
from collections.abc import Iterable

OTHER = "other"
MOST = 100


class Names:
    """Which tenants have a label of their own: those that are known, then whoever comes first.

    A tenant keeps its name for the life of the process, so that no counter jumps.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._named: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def bound(self, most: int, known: Iterable[str] = ()) -> None:
        """Allow so many names; the `known` have theirs ahead."""
        with self._lock:
            self._most = most
            self._named = frozenset(sorted(known)[:most])

    def label(self, tenant: str, *, names: bool = True) -> str:
        """What the tenant is called; `names`: it may take a name that is free."""
        if tenant in self._named:
            return tenant
        if not names or not tenant or len(self._named) >= self._most:
            return OTHER
        with self._lock:
            if len(self._named) < self._most:
                self._named |= {tenant}
        return tenant if tenant in self._named else OTHER


TENANTS = Names()
"""Of this process."""
