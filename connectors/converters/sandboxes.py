"""The processes that parse files, as many as are needed at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from connectors.converters.errors import Unreadable
from connectors.converters.made import Limits, Made
from connectors.converters.sandbox import Sandbox


class Sandboxes:
    """Converts in child processes: as many as there are callers at once.

    Thread-safe. A child is started when first needed, and ends when it has had no work for a while.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._closed = False
        self._idle: list[Sandbox] = []
        self._busy: set[Sandbox] = set()
        # Threads that convert come and go, and children live on.
        self._starter = ThreadPoolExecutor(1, "sandboxes")

    def convert(self, doc_type: str, data: bytes) -> Made:
        """What the converter of `doc_type` makes of `data`.

        Raises:
            Unreadable: it cannot be converted within the limits.
        """
        with self._lock:
            if self._closed:
                raise Unreadable("crashed", "came when the converters were closed")
            # The last one used, so that the others have time to end.
            sandbox = self._idle.pop() if self._idle else Sandbox(self._limits, self._starter)
            self._busy.add(sandbox)
        try:
            return sandbox.convert(doc_type, data)
        finally:
            with self._lock:
                self._busy.remove(sandbox)
                self._idle.append(sandbox)
            if self._closed:
                self.close()

    def close(self) -> None:
        """End all children, of conversions under way too."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for sandbox in self._busy:
                sandbox.stop()
        for sandbox in idle:
            sandbox.end()
        self._starter.shutdown(wait=False)
