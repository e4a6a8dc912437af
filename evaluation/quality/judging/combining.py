"""Trains the local judge's last step: a logistic regression over its signals, set by set alike.

What the reader says is not fitted: it gets the weight of all signals together. The sets differ in
what supports a claim there, so that weights fitted to some are wrong for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.quality.judging import signals
from processors.ports import Float32

INPUTS = (*signals.NAMES, "reader")
STEPS, RATE = 1000, 0.05


@dataclass(frozen=True, slots=True)
class Fold:
    """Of one set's claims, `INPUTS`, (claims, inputs), and what people said, (claims,)."""

    inputs: Float32
    labels: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Combination:
    """A logit is (inputs - mean) / scale @ weight + bias."""

    mean: Float32
    scale: Float32
    weight: Float32
    bias: float

    def logits(self, inputs: Float32) -> Float32:
        logits = (inputs - self.mean) / self.scale @ self.weight + self.bias
        return logits.astype(np.float32)


def train(folds: Sequence[Fold], decay: float) -> Combination:
    """Fit to all folds at once, each weighing the same, supported and unsupported alike.

    The reader's column is added afterwards, with a standard deviation of the fitted logits as its
    weight.

    Every fold has an intercept of its own: how many of a set's claims are supported says how the
    set was made, not how a claim is judged. Weights never go below zero, since every signal is
    made so that more of it speaks for support; what is fitted against that is a set's accident.
    `decay` is the ridge penalty.
    """
    everything = np.concatenate([fold.inputs for fold in folds]).astype(np.float64)
    inputs, read = everything[:, :-1], everything[:, -1]
    labels = np.concatenate([fold.labels for fold in folds])
    mean, scale = inputs.mean(0), inputs.std(0) + 1e-6
    x, y = (inputs - mean) / scale, np.where(labels, 1.0, -1.0)
    members = np.repeat(np.eye(len(folds)), [len(fold.labels) for fold in folds], axis=0)
    share = np.concatenate([_balanced(fold.labels) for fold in folds]) / len(folds)
    weight, bias = np.zeros(x.shape[1]), np.zeros(len(folds))
    moments = [np.zeros_like(weight), np.zeros_like(weight), np.zeros_like(bias), bias * 0]
    for step in range(1, STEPS + 1):  # Adam, projected
        slope = -share * y / (1 + np.exp(y * (x @ weight + members @ bias)))
        for value, gradient, m, v in (
            (weight, x.T @ slope + 2 * decay * weight, moments[0], moments[1]),
            (bias, members.T @ slope, moments[2], moments[3]),
        ):
            m += 0.1 * (gradient - m)
            v += 0.01 * (gradient**2 - v)
            rate = RATE * (1 - step / STEPS)
            value -= rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.99**step)) + 1e-12)
        np.maximum(weight, 0, out=weight)
    return Combination(
        np.append(mean, share @ read).astype(np.float32),
        np.append(scale, read.std() + 1e-6).astype(np.float32),
        np.append(weight, (x @ weight).std()).astype(np.float32),
        float(bias.mean()),
    )


def _balanced(labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A weight per row: one in all, half of it for the supported."""
    true, rows = max(int(labels.sum()), 1), len(labels)
    weights: NDArray[np.float64] = np.where(labels, 0.5 / true, 0.5 / max(rows - true, 1))
    return weights
