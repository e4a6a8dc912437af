"""Weights of signals, fitted beside the sum of those that are weighed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.research.reading.answered import probabilities
from evaluation.research.reading.fitting import FITTED, fitted, table
from processors.questions.certainty import EVIDENCE


def test_the_signals_that_told_are_found_again() -> None:
    rng = np.random.default_rng(5)
    rows = np.column_stack([rng.normal(0, 2, 20000), *rng.normal(0, 1, (3, 20000))])
    logits = 0.6 * (rows @ np.array([1.0, 0.5, 2.0, 0.0])) - 0.3
    weights = fitted(rows, rng.random(20000) < probabilities(logits))
    assert weights == pytest.approx([1.0, 0.5, 2.0, 0.0, -0.5], abs=0.15)


def test_each_row_has_the_sum_of_the_others_first() -> None:
    signals = dict.fromkeys(EVIDENCE, 1.0) | {"alone": 3.0, "inside": 0.5, "nearest": 0.0}
    (row,) = table([signals]).tolist()
    others = sum(weight for name, weight in EVIDENCE.items() if name not in FITTED)
    assert row == pytest.approx([others, 3.0, 0.5, 0.0])
