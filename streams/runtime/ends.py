"""Ends that partitions were read to: committed, so that the lag of what is read is zero.

Behind the last record of a partition stand a transaction's marker, records that were aborted, or
nothing where those before it were deleted. Who commits `offset + 1` of the last record leaves these
as a lag for ever, and a scaler that goes by lag keeps a worker alive for them. The consumer tells
the end of a partition once it has given all before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import KafkaError

from streams.runtime.in_flight import Committed, InFlight, Place
from streams.runtime.mirroring import Mirrored
from streams.runtime.notes import Commit

END = KafkaError._PARTITION_EOF  # pyright: ignore[reportPrivateUsage]
TELLS_ENDS = {"enable.partition.eof": True}
# Under a light load each record has an end behind it: not a transaction for each.
SETTLE_S = 2.0


class Ends:
    """Those of one session that may have to be committed. Its loop owns it.

    `commit` says whether a transaction went through that has offsets and nothing else.
    """

    def __init__(
        self,
        in_flight: InFlight,
        committed: Committed,
        commit: Commit,
        mirrored: Mirrored | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._in_flight = in_flight
        self._committed = committed
        self._commit = commit
        self._mirrored = mirrored
        self._clock = clock
        self._ends: dict[Place, int] = {}
        self._due = 0.0

    def told(self, place: Place, end: int) -> None:
        """All before this offset was given."""
        if not self._ends:
            self._due = self._clock() + SETTLE_S
        self._ends[place] = end

    def let_go(self, place: Place) -> None:
        """A partition is another's, which is told its end itself."""
        self._ends.pop(place, None)

    def step(self) -> None:
        """Commit what has waited long enough."""
        if self._ends and self._clock() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Commit what there is, as far as nothing before it is in flight."""
        if not self._ends:
            return
        ends, self._ends = self._ends, {}
        moved = self._in_flight.read_to(ends, self._committed)
        if moved and not self._commit(moved):
            self._due = self._clock() + SETTLE_S
            self._ends = ends
            return
        self._in_flight.stands_at(moved)
        if moved and self._mirrored is not None:
            self._mirrored.settled(moved)
