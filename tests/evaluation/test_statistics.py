"""Figures and their intervals."""

from __future__ import annotations

import math

import numpy as np

from evaluation.statistics import auc, balanced_accuracy, bootstrap

LABELS = np.array([True, True, False, False])


def test_auc_counts_pairs_in_order_and_ties_as_half() -> None:
    assert auc(np.array([4.0, 3.0, 2.0, 1.0]), LABELS) == 1.0
    assert auc(np.array([1.0, 4.0, 2.0, 3.0]), LABELS) == 0.5
    assert auc(np.array([1.0, 1.0, 1.0, 1.0]), LABELS) == 0.5
    assert math.isnan(auc(np.array([1.0, 2.0]), np.array([True, True])))


def test_balanced_accuracy_is_a_half_for_one_verdict_on_all() -> None:
    assert balanced_accuracy(np.array([True] * 5), np.array([True] * 4 + [False])) == 0.5


def test_an_interval_holds_its_figure_and_shrinks_with_more_rows() -> None:
    def mean(values: np.ndarray) -> tuple[float, float, float]:
        return bootstrap(len(values), lambda i: float(values[i].mean()))

    few, many = (mean(np.arange(rows) % 2 * 1.0) for rows in (20, 2000))
    assert few[1] < few[0] == 0.5 < few[2]
    assert many[2] - many[1] < few[2] - few[1]
    assert all(math.isnan(value) for value in bootstrap(0, lambda i: 0.0))
