"""Slow records, shared out among those they are worked on for."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition, get_ident
from typing import Any

from streams.flow.slow import SlowLanes
from streams.runtime.record import Record, lane_key
from streams.runtime.telemetry import StageMetrics

log = logging.getLogger("millrace.worker")

KEPT_BYTES = 4 * 1024 * 1024  # of records that wait; beyond, they are read again when it is time
MINUTE_S = 60.0
FORGOTTEN_S = 0.1  # who has used less than this and has nothing here is as good as new


@dataclass(slots=True)
class _Share:
    name: str
    ready: deque[bytes] = field(default_factory=deque[bytes])  # keys of which none is in a lane
    waiting: int = 0
    busy: int = 0
    used: float = 0.0
    at: float = 0.0
    told: bool = False

    def used_by(self, now: float) -> float:
        """Seconds of lanes in the last minute or so: older ones count less and less."""
        return self.used * math.exp((self.at - now) / MINUTE_S)


class Fair:
    """Records that wait for slow lanes: whoever has used the lanes least in a while goes next.

    The last free lane is for somebody who has none, so nobody holds all of them. As in other lanes,
    one key is in one lane at a time.
    """

    def __init__(
        self,
        slow: SlowLanes[Any],
        metrics: StageMetrics,
        recall: Callable[[Record], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slow = slow
        self._metrics = metrics
        self._recall = recall
        self._clock = clock
        self._changed = Condition()
        self._ended = False
        self._shares: dict[str, _Share] = {}
        self._keys: dict[bytes, tuple[_Share, deque[Record]]] = {}
        self._running: dict[int, tuple[_Share, float]] = {}  # by lane: since when
        self._bytes = 0

    def holds(self, record: Record) -> bool:
        """Whether a record of the same key is here, so that this one has to come behind it."""
        with self._changed:
            return lane_key(record) in self._keys

    def put_for(self, name: str, record: Record) -> None:
        """Add a record that is worked on for `name`, or whoever has others of its key here."""
        key = lane_key(record)
        with self._changed:
            if key not in self._keys:
                share = self._shares.get(name) or self._new(name)
                self._keys[key] = share, deque()
                share.ready.append(key)
            share, waiting = self._keys[key]
            waiting.append(record)
            if self._bytes and self._bytes + record.size > KEPT_BYTES:
                record.let_go, record.value = True, None
            else:
                self._bytes += record.size
            self._count(share, 1)
            self._changed.notify()

    def put(self, records: Sequence[Record]) -> None:
        for record in records:
            self.put_for("", record)

    def take(self, timeout: float | None = None) -> list[Record]:
        with self._changed:
            self._leave()
            self._changed.wait_for(lambda: self._ended or self._next(), timeout)
            share = None if self._ended else self._next()
            if share is None:
                return []
            share.busy += 1
            self._running[get_ident()] = share, self._clock()
            record = self._keys[share.ready.popleft()][1][0]
        if record.let_go and not record.done and not self._recall(record):
            return []
        return [record]

    def done(self, records: Sequence[Record]) -> None:
        with self._changed:
            self._leave()
            for record in records:
                key = lane_key(record)
                share, waiting = self._keys[key]
                waiting.popleft()
                self._bytes -= 0 if record.let_go else record.size
                self._count(share, -1)
                if waiting:
                    share.ready.append(key)
                else:
                    del self._keys[key]
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _new(self, name: str) -> _Share:
        now = self._clock()
        self._shares = {
            each.name: each
            for each in self._shares.values()
            if each.waiting or each.busy or each.used_by(now) > FORGOTTEN_S
        }
        share = self._shares[name] = _Share(name, at=now)
        return share

    def _next(self) -> _Share | None:
        """Whose turn it is, for a lane that is free."""
        now = self._clock()
        last = len(self._running) + 1 >= self._slow.lanes
        ready = [each for each in self._shares.values() if each.ready and not (last and each.busy)]
        return min(ready, key=lambda each: self._used(each, now), default=None)

    def _used(self, share: _Share, now: float) -> float:
        running = sum(now - since for each, since in self._running.values() if each is share)
        return share.used_by(now) + running

    def _leave(self) -> None:
        """The calling lane is free again: its time is put down to whom it worked for."""
        share, since = self._running.pop(get_ident(), (None, 0.0))
        if share is None:
            return
        now = self._clock()
        share.used, share.at = share.used_by(now) + now - since, now
        share.busy -= 1
        self._metrics.slow_seconds(share.name, now - since)
        over = share.used > self._slow.budget_s and share.waiting > 0
        if over and not share.told:
            self._metrics.over_budget(share.name)
            log.warning(
                "over its budget: its slow records wait behind those of others",
                extra={
                    "stage": self._metrics.stage,
                    "share": share.name,
                    "used_s": round(share.used, 1),
                    "budget_s": self._slow.budget_s,
                    "waiting": share.waiting,
                },
            )
        # Told once for as long as it goes on.
        share.told = over or (share.told and share.used > self._slow.budget_s / 2)

    def _count(self, share: _Share, more: int) -> None:
        share.waiting += more
        self._metrics.slow_waiting(share.name, share.waiting)
