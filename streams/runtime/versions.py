"""The newest version that is known of each key, so that older ones are not worked on.

Who writes a record of a topic whose events have a `stamp` says it in a header: so a record is known
to be superseded by one that was only glanced at.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice

from streams.runtime.record import Record, order_key, whole_key

STAMP = "stamp"
MOST_KEYS = 10_000

Stamp = tuple[int, ...]
Headers = Sequence[tuple[str, bytes | None]]


def written(stamp: Stamp) -> tuple[str, bytes]:
    """A stamp as a header."""
    return STAMP, ".".join(map(str, stamp)).encode()


def stamp_in(headers: Headers) -> Stamp | None:
    """What the header says; None where there is none that can be read."""
    for name, value in headers:
        if name == STAMP and value:
            with suppress(ValueError):
                return tuple(map(int, value.split(b".")))
    return None


class Versions:
    """What was seen of a stage's topics. Thread-safe: the stage's loops share it.

    What it knows stays true: a record was superseded by another that is committed in a topic of the
    stage. So it may forget (the oldest keys, where there are many) and nothing is lost by that.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: dict[bytes, Stamp] = {}

    def note(self, seen: Iterable[tuple[bytes | None, Headers]]) -> None:
        """Remember what stands under these keys."""
        newest = self._newest
        with self._lock:
            for key, headers in seen:
                stamp = stamp_in(headers)
                if key is None or stamp is None:
                    continue
                key = whole_key(key)
                known = newest.pop(key, stamp)
                newest[key] = max(known, stamp)
            if len(newest) > MOST_KEYS:
                for key in [*islice(newest, len(newest) // 2)]:
                    del newest[key]

    def superseded(self, record: Record) -> bool:
        """Whether a newer version than this record's is known."""
        known = self._newest.get(order_key(record) or b"")
        if known is None:
            return False
        stamp = stamp_in(record.headers)
        return stamp is not None and stamp < known
