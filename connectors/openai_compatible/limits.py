"""What a server says of its own limits, in the headers of what it answers."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

LONGEST_S = 60.0  # that a server can keep us away: what is beyond is asked again after this
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_KINDS = ("requests", "tokens")


def asked_to_wait(headers: Mapping[str, str]) -> float:
    """Seconds that a refusal asks to wait (`Retry-After`, also in milliseconds); 0: it asks not."""
    try:
        return _within(float(headers["retry-after-ms"]) / 1000)
    except (KeyError, ValueError):
        pass
    said = headers.get("retry-after", "")
    try:
        return _within(float(said))
    except ValueError:
        pass
    try:
        return _within(parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def exhausted(headers: Mapping[str, str]) -> float:
    """Seconds until a limit of which nothing remains is set anew (`x-ratelimit-*`); else 0."""
    waits = [
        _duration(headers.get(f"x-ratelimit-reset-{kind}", ""))
        for kind in _KINDS
        if headers.get(f"x-ratelimit-remaining-{kind}", "").strip() == "0"
    ]
    return _within(max(waits, default=0.0))


def _duration(said: str) -> float:
    """Such as 1s, 6m0s, 120ms; a bare number is of seconds."""
    found = _PART.findall(said)
    if found:
        return sum(float(number) * _SECONDS[unit] for number, unit in found)
    try:
        return float(said)
    except ValueError:
        return 0.0


def _within(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_S) if seconds == seconds else 0.0  # NaN is no time


class Gate:
    """Closed for as long as a server has asked for: nothing is sent to it meanwhile.

    Times are of `time.monotonic`.
    """

    def __init__(self) -> None:
        self._until = 0.0

    def note(self, status: int, headers: Mapping[str, str]) -> None:
        """What an answer says."""
        refused = status == 429 or status == 503
        wait = asked_to_wait(headers) if refused else 0.0
        wait = max(wait, exhausted(headers))
        if wait:
            self._until = max(self._until, time.monotonic() + wait)

    def left(self) -> float:
        """Seconds until it opens."""
        return max(self._until - time.monotonic(), 0.0)
