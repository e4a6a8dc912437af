"""Rows of the windows: sums that a record changes once, however often it comes.

Faust writes a table before it commits what it read: after a kill records come again. So each row
holds, of each partition of rag.usage, the last offset that is in it, and takes nothing older. A
tenant's records are in one partition, in order; what is in a row is in it for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypedDict

from schemas.events import UsageRecorded

BETWEEN = "\t"  # no name of a tenant or a model has one
HOURS, DAYS = 3, 40  # that a tenant's row keeps


class Row(TypedDict):
    """Sums of a window, as JSON; `seen` has the last offset by partition."""

    calls: int
    input: int
    cached: int
    output: int
    cost: int
    unpriced: int
    seen: dict[str, int]


class Spent(TypedDict):
    """What a tenant spent, in billionths by hour and by day, and `seen` as above."""

    hours: dict[str, int]
    days: dict[str, int]
    unpriced: dict[str, int]
    seen: dict[str, int]


@dataclass(frozen=True, slots=True)
class Counted:
    """A record of rag.usage and where it stands."""

    event: UsageRecorded
    partition: int
    offset: int

    @property
    def key(self) -> str:
        """Of its windows: tenant, operation and model."""
        used = self.event.used
        return BETWEEN.join((self.event.tenant, used.operation, used.model))

    def is_in(self, seen: Mapping[str, int]) -> bool:
        """Whether a row with these offsets has it."""
        return self.offset <= seen.get(str(self.partition), -1)

    def seen(self, before: Mapping[str, int]) -> dict[str, int]:
        return {**before, str(self.partition): self.offset}


def empty() -> Row:
    return Row(calls=0, input=0, cached=0, output=0, cost=0, unpriced=0, seen={})


def nothing_spent() -> Spent:
    return Spent(hours={}, days={}, unpriced={}, seen={})


def added(row: Row, counted: Counted) -> Row:
    """The row with a record in it, once."""
    if counted.is_in(row["seen"]):
        return row
    used = counted.event.used
    return Row(
        calls=row["calls"] + 1,
        input=row["input"] + used.input_tokens,
        cached=row["cached"] + used.cached_tokens,
        output=row["output"] + used.output_tokens,
        cost=row["cost"] + (used.cost_nanos or 0),
        unpriced=row["unpriced"] + (used.cost_nanos is None),
        seen=counted.seen(row["seen"]),
    )


def spent(row: Spent, counted: Counted) -> Spent:
    """A tenant's row with a record in it, once; the oldest hours and days go."""
    if counted.is_in(row["seen"]):
        return row
    used = counted.event.used
    day = datetime.fromtimestamp(counted.event.at / 1000, UTC).strftime("%Y-%m-%dT%H")
    return Spent(
        hours=_plus(row["hours"], day, used.cost_nanos or 0, HOURS),
        days=_plus(row["days"], day[:10], used.cost_nanos or 0, DAYS),
        unpriced=_plus(row["unpriced"], day[:10], int(used.cost_nanos is None), DAYS),
        seen=counted.seen(row["seen"]),
    )


def in_period(row: Spent, begin_ms: int, end_ms: int) -> int:
    """What the tenant spent in a period: an hour, or whole days."""
    begin, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (begin_ms, end_ms))
    if end_ms - begin_ms <= 3_600_000:
        return row["hours"].get(begin.strftime("%Y-%m-%dT%H"), 0)
    first, last = (each.strftime("%Y-%m-%d") for each in (begin, end))
    return sum(cost for day, cost in row["days"].items() if first <= day < last)


def _plus(sums: Mapping[str, int], name: str, amount: int, most: int) -> dict[str, int]:
    found = {**sums, name: sums.get(name, 0) + amount}
    return {each: found[each] for each in sorted(found)[-most:]}
