"""Notes of what is about to be tried, in the metadata of committed offsets.

A number beside the offset: 1 once a session has begun on the record there, and one more with each
try that it had alone. A commit that moves the offset forgets it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from streams.runtime.in_flight import InFlight, Place, Progress

Commit = Callable[[dict[Place, Progress]], bool]
"""Commits progress and nothing else; whether that went through."""


class Notes:
    """Those of one session. `mine` is what this process noted, in this session or before."""

    def __init__(
        self, in_flight: InFlight, mine: dict[Place, tuple[int, int]], commit: Commit
    ) -> None:
        self._in_flight = in_flight
        self._mine = mine
        self._commit = commit

    def begin(self, places: Sequence[Place]) -> list[Place]:
        """Note that work begins on partitions; returns those whose last session got nowhere.

        Where a rebalance prevents it, another death is needed before anything is suspected.
        """
        found: list[Place] = []
        fresh: dict[Place, Progress] = {}
        for place in places:
            progress = self._progress(place)
            if self._is_mine(place, progress):
                progress.tried -= 1  # this process lives
            if progress.tried:
                found.append(place)
            else:
                progress.tried = 1
                fresh[place] = progress
        if fresh:
            self._write(fresh)
        return found

    def tries(self, place: Place) -> int:
        """How many the first undone record of a partition had alone."""
        return max(1, self._progress(place).tried) - 1

    def raised(self, place: Place) -> bool:
        """Note one more; false where that cannot be written, and then it must not be tried."""
        progress = self._progress(place)
        before = progress.tried
        progress.tried = max(1, before) + 1
        if self._write({place: progress}):
            return True
        progress.tried = before
        return False

    def take_back(self, places: Iterable[Place]) -> None:
        """What is in hand of these partitions is let go in order."""
        back: dict[Place, Progress] = {}
        for place in places:
            progress = self._in_flight.progress(place)
            if progress is not None and self._is_mine(place, progress):
                progress.tried -= 1
                back[place] = progress
        if back:
            self._write(back)

    def _progress(self, place: Place) -> Progress:
        progress = self._in_flight.progress(place)
        assert progress is not None
        return progress

    def _is_mine(self, place: Place, progress: Progress) -> bool:
        noted = self._mine.get(place)
        return progress.tried > 0 and noted == (progress.position, progress.tried)

    def _write(self, notes: dict[Place, Progress]) -> bool:
        written = self._commit(notes)
        if written:
            self._mine |= {place: (each.position, each.tried) for place, each in notes.items()}
        return written
