"""Experts for `processors.questions.reordering`: LambdaMART on what people judged relevant."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from processors.questions.reordering import GROUND, SIGNALS, Float64, Reordering, reordering
from streams.flow.errors import UserError

Form = Mapping[str, Any]
"""A file of experts, as JSON."""

# Chosen on SciFact, Cranfield and ObliQA dev by held-out folds.
GROWING: Mapping[str, object] = {
    "objective": "lambdarank",
    "num_leaves": 12,
    "learning_rate": 0.05,
    "min_data_in_leaf": 100,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "lambdarank_truncation_level": 12,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "label_gain": [0, 1, 2, 3],
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}
TREES = 100
# Trees are grown on top of the score they re-order, at this scale: LambdaMART's gradients see a
# difference of 1 as a near certainty, and mixed scores differ by .1 where one is clearly better.
SCALE = 12.0
OUTERMOST = 1.0  # percent of questions at either end that do not say where the ground ends
MARGIN = 0.25  # of its width, added to the ground at either end
_MOST_GRADE = 3
_DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One judged question: where it lies, and the signals and the grade of each candidate."""

    ground: Float64
    rows: Float64
    grades: NDArray[np.intp]


def expert(name: str, examples: Sequence[Example], count: int = TREES) -> dict[str, Any]:
    """Trees that add to the present score of each candidate of one data set.

    Raises:
        UserError: the library that trains is not installed.
    """
    try:
        library: Any = importlib.import_module("lightgbm")
    except ImportError:
        raise UserError("training needs lightgbm: python -m pip install 'millrace[tune]'") from None
    examples = [each for each in examples if len(each.grades)]
    rows = np.concatenate([each.rows for each in examples])
    data = library.Dataset(
        rows,
        np.minimum(np.concatenate([each.grades for each in examples]), _MOST_GRADE),
        group=[len(each.grades) for each in examples],
        init_score=SCALE * rows[:, 0],
        feature_name=[*SIGNALS],
    )
    model = library.train(dict(GROWING), data, count)
    grounds = np.array([each.ground for each in examples])
    low, high = np.percentile(grounds, (OUTERMOST, 100 - OUTERMOST), axis=0)
    wide = MARGIN * (high - low)
    return {
        "name": name,
        "low": dict(zip(GROUND, map(_short, low - wide), strict=True)),
        "high": dict(zip(GROUND, map(_short, high + wide), strict=True)),
        "trees": [_tree(tree) for tree in model.dump_model()["tree_info"]],
    }


def form_of(experts: Sequence[Form]) -> Form:
    return {"signals": [*SIGNALS], "ground": [*GROUND], "experts": experts}


def loaded(name: str, form: Form) -> Reordering:
    return reordering(name, as_bytes(form))


def as_bytes(form: Form) -> bytes:
    """The file: one tree a line, so that a change can be read."""
    experts = ",\n".join(_lines(each) for each in form["experts"])
    head = ",\n".join(f'"{name}": {json.dumps(form[name])}' for name in ("signals", "ground"))
    return f'{{{head},\n"experts": [\n{experts}\n]}}\n'.encode()


def _lines(found: Form) -> str:
    head = ",\n".join(f'"{name}": {json.dumps(found[name])}' for name in ("name", "low", "high"))
    trees = ",\n".join(json.dumps(tree, separators=(",", ":")) for tree in found["trees"])
    return f'{{{head},\n"trees": [\n{trees}\n]}}'


def _tree(found: Mapping[str, Any]) -> dict[str, Any]:
    """A tree as splits, each with the leaves that remain where it is exceeded, left to right."""
    splits: list[list[float | int]] = []
    leaves: list[float] = []

    def walk(node: Mapping[str, Any]) -> int:
        """The bits of the leaves below."""
        if "split_feature" not in node:
            leaves.append(_short(node["leaf_value"] / SCALE))
            return 1 << (len(leaves) - 1)
        own: list[float | int] = [int(node["split_feature"]), _short(node["threshold"]), 0]
        splits.append(own)
        below = walk(cast("Mapping[str, Any]", node["left_child"]))
        own[2] = 0xFFFFFFFF & ~below
        return below | walk(cast("Mapping[str, Any]", node["right_child"]))

    walk(cast("Mapping[str, Any]", found["tree_structure"]))
    return {"splits": splits, "leaves": leaves}


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
