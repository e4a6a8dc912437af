"""Each tenant's lexicon, read from the index itself: nothing is stored, so nothing can disagree."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from processors.text.lexicon import Lexicon

FRESH_S = 600.0  # reading 15,000 chunks takes about two seconds of a core
TENANTS = 32  # whose lexicons are kept, at some 5 MB for 15,000 chunks
_SLICE = 16  # chunks, some milliseconds' work, after which questions come first
_PAUSE = 3.0  # for so many times as long


@dataclass(slots=True)
class _Kept:
    lexicon: Lexicon | None = None  # None: being read for the first time
    changes: int = -1  # how many the index had seen when it was read
    read_at: float = 0.0
    reading: threading.Thread | None = None


class Lexicons:
    """Lexicons of the tenants who asked last, read in the background, and anew once chunks changed.

    `texts` gives what a tenant's chunks say, one after the other. The constructor reads nothing.
    """

    def __init__(self, texts: Callable[[str], Iterator[str]], *, fresh_s: float = FRESH_S) -> None:
        self._texts = texts
        self._fresh_s = fresh_s
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._changes = 0
        self._closed = threading.Event()

    def changed(self) -> None:
        """Chunks came or went."""
        self._changes += 1

    def of(self, tenant: str) -> Lexicon | None:
        """The tenant's, as it was at most `fresh_s` and a reading ago; None while first read."""
        with self._lock:
            kept = self._kept.setdefault(tenant, _Kept())
            self._kept.move_to_end(tenant)
            while len(self._kept) > TENANTS:
                self._kept.popitem(last=False)
            old = kept.lexicon is None or time.monotonic() - kept.read_at > self._fresh_s
            due = old and kept.changes != self._changes and kept.reading is None
            if due and not self._closed.is_set():
                kept.reading = threading.Thread(
                    target=self._read, args=(tenant, kept), name="lexicon", daemon=True
                )
                kept.reading.start()
            return kept.lexicon

    def close(self) -> None:
        """Ends what is being read; the index may be closed afterwards."""
        with self._lock:
            self._closed.set()
            reading = [kept.reading for kept in self._kept.values() if kept.reading is not None]
        for thread in reading:
            thread.join()

    def _read(self, tenant: str, kept: _Kept) -> None:
        changes, lexicon = self._changes, Lexicon()
        try:
            begin = time.monotonic()
            for number, text in enumerate(self._texts(tenant), 1):
                lexicon.add(text)
                if number % _SLICE == 0:
                    if self._closed.wait(_PAUSE * (time.monotonic() - begin)):
                        return
                    begin = time.monotonic()
            kept.lexicon, kept.changes = lexicon, changes
        finally:
            kept.read_at, kept.reading = time.monotonic(), None
