"""Trains the local judge from public, human-labelled sets.

The combination that is measured on a set is trained on the others; the one that ships is trained
on all. Nothing is drawn at random, so that the same data gives the same file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from connectors.weights import digest_of
from evaluation.quality.judging import combining, weights
from evaluation.quality.judging.combining import INPUTS, Combination, Fold

_ROW = re.compile(r"\[[^\[\]]*\]")  # of three numbers: a line of the file
DECAY = 0.1  # chosen for the mean AUC of the left-out sets; .003 to .5 differ by .002


def train(folds: Mapping[str, Fold], version: str, target: Path) -> None:
    """Write the judge, trained on all of `folds` and on all but each, to the file `target`."""
    held_out = {
        name: combining.train([fold for other, fold in folds.items() if other != name], DECAY)
        for name in folds
    }
    content = {
        "version": version,
        "reader": digest_of(weights.shipped()),
        "trained_on": {name: len(fold.labels) for name, fold in folds.items()},
        "combination": _columns(combining.train(list(folds.values()), DECAY)),
        "held_out": {name: _columns(each) for name, each in held_out.items()},
    }
    text = _ROW.sub(lambda row: " ".join(row[0].split()), json.dumps(content, indent=1))
    target.write_text(text + "\n", encoding="utf-8")


def _columns(combination: Combination) -> dict[str, object]:
    """The bias, and by signal: mean, scale and weight."""
    columns = np.stack([combination.mean, combination.scale, combination.weight], 1)
    rows = [[round(float(value), 5) for value in row] for row in columns]
    return {
        "bias": round(combination.bias, 5),
        "signals": dict(zip(INPUTS, rows, strict=True)),
    }
