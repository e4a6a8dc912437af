"""Whether a session gets anywhere with what it holds: told, and orders looked at, where not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from streams.runtime.in_flight import InFlight, place_of
from streams.runtime.orders import Orders
from streams.runtime.record import Record

log = logging.getLogger("millrace.worker")

TELL_S = 30.0


class Stalling:
    """Watches one session's commits. Its loop owns it."""

    def __init__(
        self,
        stage: str,
        in_flight: InFlight,
        orders: Orders,
        patience_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stage = stage
        self._in_flight = in_flight
        self._orders = orders
        self._patience_s = patience_s
        self._tell_s = min(TELL_S, patience_s)
        self._clock = clock
        self._commits: int = 0
        self._since = clock()
        self._told = 0.0

    def stalled(self) -> bool:
        """Whether it has held records for so long (of any thread: the loop's may hang in one)."""
        return self._held() and self._clock() - self._since > self._patience_s

    def look(self) -> None:
        """Asked with each step."""
        now = self._clock()
        if not self._held() or self._in_flight.commits != self._commits:
            self._commits, self._since = self._in_flight.commits, now
            return
        if not self.stalled() or now - self._told < self._tell_s:
            return
        self._told = now
        undone = self._in_flight.undone()
        self._obey(undone)
        first = min(undone, key=lambda record: (record.timestamp, record.offset))
        log.error(
            "nothing is done of what is in hand",
            extra={
                "stage": self._stage,
                "seconds": round(now - self._since),
                "records": len(undone),
                "topic": first.topic,
                "partition": first.partition,
                "offset": first.offset,
            },
        )

    def _held(self) -> bool:
        return bool(self._in_flight.records or self._in_flight.aside)

    def _obey(self, undone: list[Record]) -> None:
        """Condemn what an operator wants set aside: with its next try it is a dead letter."""
        wanted = self._orders({place_of(record) for record in undone})
        for record in undone:
            why = wanted.get(place_of(record), {}).get(record.offset)
            record.condemned = why or record.condemned
