"""What a metric is told of an event: declared beside the event's topic, counted at its commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Meter:
    """A metric per stage and tenant: a counter, or with `buckets` (ascending) a histogram."""

    name: str  # as Prometheus shows it, but for its ending
    said: str
    labels: tuple[str, ...] = ()  # beside `stage` and `tenant`; few values each
    buckets: tuple[float, ...] = ()


class Measured(NamedTuple):
    """What one event adds to a meter.

    Tenants beyond a bound are one, `other`: so what anybody can cause in any name, such as a
    refusal, `names` nobody.
    """

    meter: Meter
    tenant: str
    labels: tuple[str, ...] = ()
    value: float = 1.0
    names: bool = True
