"""Small statistics of samples."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


def percentile(samples: Sequence[float], share: float) -> float:
    """The value that `share` of the samples do not exceed, interpolated between neighbours."""
    ordered = sorted(samples)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@dataclass(frozen=True, slots=True)
class Spread:
    """What the rounds of one measurement came to."""

    median: float
    least: float
    most: float
    rounds: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        return cls(statistics.median(samples), min(samples), max(samples), len(samples))


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of many single runs."""

    p50: float
    p90: float
    p99: float
    most: float
    samples: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> Latency:
        p50, p90, p99 = (percentile(samples, share) for share in (0.5, 0.9, 0.99))
        return cls(p50, p90, p99, max(samples), len(samples))
