"""Figures with intervals: means, AUC and agreement, by the percentile bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SAMPLES = 1000


class Interval(NamedTuple):
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


def bootstrap(rows: int, statistic: Callable[[NDArray[np.int_]], float], seed: int = 0) -> Interval:
    """`statistic` of all row numbers, with the interval it has over rows drawn with replacement.

    NaN where it is undefined; draws where it is undefined are left out.
    """
    everything = np.arange(rows)
    if not rows:
        return Interval(*[float("nan")] * 3)
    rng = np.random.default_rng(seed)
    drawn = np.array([statistic(rng.integers(0, rows, rows)) for _ in range(SAMPLES)])
    drawn = drawn[~np.isnan(drawn)]
    ends = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else [float("nan")] * 2
    return Interval(statistic(everything), float(ends[0]), float(ends[1]))


def auc(scores: Array, labels: NDArray[np.bool_]) -> float:
    """The probability that a true row scores above a false one, ties one half."""
    true, false = int(labels.sum()), int((~labels).sum())
    if not true or not false:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[labels].sum() - true * (true + 1) / 2) / (true * false))


def balanced_accuracy(verdicts: NDArray[np.bool_], labels: NDArray[np.bool_]) -> float:
    """The mean of the shares of true and of false rows that are told right."""
    if labels.all() or not labels.any():
        return float("nan")
    return float((verdicts[labels].mean() + (~verdicts[~labels]).mean()) / 2)
