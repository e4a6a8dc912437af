"""Periods that budgets are of: an hour, a day or a month, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

Period = Literal["hour", "day", "month"]


def bounds(period: Period, at_ms: int) -> tuple[int, int]:
    """When the period that has this moment began and when it ends, milliseconds since the epoch."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    begin = at.replace(minute=0, second=0, microsecond=0)
    if period == "hour":
        return _ms(begin), _ms(begin + timedelta(hours=1))
    begin = begin.replace(hour=0)
    if period == "day":
        return _ms(begin), _ms(begin + timedelta(days=1))
    begin = begin.replace(day=1)
    return _ms(begin), _ms((begin + timedelta(days=32)).replace(day=1))


def spelled(at_ms: int) -> str:
    """A moment as people read it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
