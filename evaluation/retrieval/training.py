"""Trees for `processors.reordering`: LambdaMART on what people judged relevant."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from processors.reordering import SIGNALS, Float64, Trees, ground_of, trees
from streams.errors import UserError

# Chosen on SciFact, Cranfield and ObliQA dev, one of them held out at a time.
GROWING: Mapping[str, object] = {
    "objective": "lambdarank",
    "num_leaves": 12,
    "learning_rate": 0.05,
    "min_data_in_leaf": 60,
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
TREES = 80
# Trees are trained on top of the score they re-order, at this scale: LambdaMART's gradients see a
# difference of 1 as a near certainty, and mixed scores differ by .1 where one is clearly better.
SCALE = 12.0
OUTERMOST = 3.0  # percent of questions at either end of a signal that are off its ground
_MOST_GRADE = 3
_DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One judged question: its data set, the signals and the grade of each candidate."""

    name: str
    rows: Float64
    grades: NDArray[np.intp]
    weight: float = 1.0


def grown(examples: Sequence[Example], count: int = TREES) -> dict[str, Any]:
    """Trees in the form of a file, that add to the present score of each candidate.

    Raises:
        UserError: the library that trains is not installed.
    """
    try:
        library: Any = importlib.import_module("lightgbm")
    except ImportError:
        raise UserError(
            "training needs lightgbm: python -m pip install 'lightgbm>=4.6,<5'"
        ) from None
    examples = [each for each in examples if len(each.grades)]
    data = library.Dataset(
        np.concatenate([each.rows for each in examples]),
        np.minimum(np.concatenate([each.grades for each in examples]), _MOST_GRADE),
        group=[len(each.grades) for each in examples],
        weight=np.concatenate([np.full(len(e.grades), e.weight) for e in examples]),
        init_score=SCALE * np.concatenate([each.rows[:, 0] for each in examples]),
        feature_name=[*SIGNALS],
    )
    model = library.train(dict(GROWING), data, count)
    return {
        "signals": [*SIGNALS],
        "grounds": _grounds(examples),
        "trees": [_tree(tree) for tree in model.dump_model()["tree_info"]],
    }


def loaded(name: str, form: Mapping[str, Any]) -> Trees:
    return trees(name, as_bytes(form))


def as_bytes(form: Mapping[str, Any]) -> bytes:
    """The file: one tree a line, so that a change can be read."""
    lines = ",\n".join(json.dumps(tree, separators=(",", ":")) for tree in form["trees"])
    head = ",\n".join(f'"{name}":{json.dumps(form[name])}' for name in ("signals", "grounds"))
    return f'{{{head},\n"trees":[\n{lines}\n]}}\n'.encode()


def _grounds(examples: Sequence[Example]) -> list[dict[str, list[float]]]:
    """Where each data set's questions lie, but for the outermost."""
    grounds: list[dict[str, list[float]]] = []
    for name in dict.fromkeys(each.name for each in examples):
        seen = np.array([ground_of(each.rows) for each in examples if each.name == name])
        low, high = np.percentile(seen, (OUTERMOST, 100 - OUTERMOST), axis=0).tolist()
        grounds.append({"low": [*map(_short, low)], "high": [*map(_short, high)]})
    return grounds


def _tree(found: Mapping[str, Any]) -> dict[str, Any]:
    """A tree as splits, each with the leaves it leaves when it is exceeded, left to right."""
    splits: list[list[float | int]] = []
    leaves: list[float] = []

    def walk(node: Mapping[str, Any]) -> int:
        """The bits of the leaves below."""
        if "leaf_value" in node and "split_feature" not in node:
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
