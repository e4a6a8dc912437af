"""Money in events: whole billionths of the price list's currency, so that sums are exact."""

from __future__ import annotations

NANOS = 1_000_000_000


def spelled(nanos: int) -> str:
    """As people write it, to a millionth, and further where there is anything."""
    whole, rest = divmod(abs(nanos), NANOS)
    digits = f"{rest:09d}"
    return f"{'-' * (nanos < 0)}{whole}.{digits[:6]}{digits[6:].rstrip('0')}"
