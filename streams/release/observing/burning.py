"""Burn-rate rules of a promise, by several windows.

A budget that is spent `factor` times too fast is noticed within minutes, and no longer once it has
stopped: both windows must say so (Google, The Site Reliability Workbook, chapter 5, table 5-8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from streams.release.observing.objectives import Edge

Rule = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Burn:
    """How fast, seen over which two windows, and how urgent that is."""

    factor: float
    long: str
    short: str
    wait: str
    severity: str


BURNS = (
    Burn(14.4, "1h", "5m", "2m", "critical"),
    Burn(6, "6h", "30m", "15m", "critical"),
    Burn(3, "1d", "2h", "1h", "warning"),
    Burn(1, "3d", "6h", "3h", "warning"),
)
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def bad_share(edge: Edge, window: str) -> str:
    """What the recorded share of bad cases is called."""
    return f"edge:{edge.name}:bad_share_{window}"


def recorded(edges: Iterable[Edge]) -> Iterator[Rule]:
    """The share of bad cases of each promise, by window."""
    for edge in edges:
        for window in WINDOWS:
            good, every = (f"sum(rate({each}[{window}]))" for each in (edge.good, edge.all))
            # Where nothing is good there is no series of it, and all is bad.
            yield {
                "record": bad_share(edge, window),
                "expr": f"1 - (({good} or vector(0)) / ({every} > 0))",
            }


def alerts(edges: Iterable[Edge]) -> Iterator[Rule]:
    """An alert a promise and burn."""
    for edge in edges:
        for burn in BURNS:
            most = f"{burn.factor * edge.budget:.6g}"
            both = (f"{bad_share(edge, each)} > {most}" for each in (burn.long, burn.short))
            name = edge.name.title().replace("_", "") + "Burning"
            yield {
                "alert": name,
                "expr": " and ".join(both),
                "for": burn.wait,
                "labels": {"severity": burn.severity, "edge": edge.name, "window": burn.long},
                "annotations": {
                    "summary": f"Of what is promised ({edge.said} within {edge.within_s:g} s in "
                    f"{edge.share:.1%} of cases), bad cases come {burn.factor:g} times as often "
                    f"as the budget of 30 days allows, over {burn.long}",
                },
            }
