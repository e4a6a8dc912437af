"""Precedence: within a process, what somebody waits for goes before what nobody waits for."""

from __future__ import annotations

import threading


class Precedence:
    """Which of a process's loops hold live records, so that bulk lanes let those go first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._live: set[int] = set()

    def live(self, holder: object, holds: bool) -> None:
        """Tell whether `holder` has live records in hand."""
        with self._changed:
            if holds:
                self._live.add(id(holder))
                return
            self._live.discard(id(holder))
            if not self._live:
                self._changed.notify_all()

    def wait(self, at_most: float) -> bool:
        """Wait until nobody holds live records, or so many seconds; whether nobody does."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._live, at_most)
