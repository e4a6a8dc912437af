"""Quiet: within a process, one record is worked on and nothing else."""

from __future__ import annotations

import threading


class Quiet:
    """Lanes enter it for each batch; who takes it has the process to itself. Thread-safe.

    Whoever wants it is first: no lane enters any more, and it is there once the last has left.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._wanted: object | None = None

    def enter(self, *, wait: bool = True) -> bool:
        """Begin on a batch; false where that would mean to wait and the caller does not."""
        with self._changed:
            while self._wanted is not None:
                if not wait:
                    return False
                self._changed.wait()
            self._inside += 1
            return True

    def leave(self) -> None:
        """The batch is worked on."""
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def take(self, who: object) -> bool:
        """Whether the process is `who`'s alone now; asked again and again until it is."""
        with self._changed:
            if self._wanted is None:
                self._wanted = who
            return self._wanted is who and not self._inside

    def give(self, who: object) -> None:
        """It is wanted no more, or has been used."""
        with self._changed:
            if self._wanted is who:
                self._wanted = None
                self._changed.notify_all()
