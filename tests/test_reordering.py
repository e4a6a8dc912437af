"""Trees, and what they may and may not do to an order."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from processors.reordering import SIGNALS, rows_of, trees
from tests.test_retrieve import candidate

EVERYWHERE = [{"low": [-1e9] * 6, "high": [1e9] * 6}]
# dense <= .5: 1; else bm25 <= 3: 2; else 3
TREE = {"splits": [[4, 0.5, 0xFFFFFFFE], [2, 3.0, 0xFFFFFFFD]], "leaves": [1.0, 2.0, 3.0]}
STUMP = {"splits": [[4, 0.5, 0xFFFFFFFE]], "leaves": [10.0, 20.0]}


def file(**other: Any) -> bytes:
    form = {"signals": [*SIGNALS], "grounds": EVERYWHERE, "trees": [TREE, STUMP]} | other
    return json.dumps(form).encode()


def row(dense: float, bm25: float) -> list[float]:
    return [{"dense": dense, "bm25": bm25}.get(name, 0.0) for name in SIGNALS]


def test_a_row_falls_to_its_leaf_of_every_tree() -> None:
    rows = np.array([row(0.5, 9.0), row(0.6, 3.0), row(0.6, 3.1)])
    assert trees("t", file()).scores(rows).tolist() == [11.0, 22.0, 23.0]


def test_a_tree_without_splits_is_a_constant() -> None:
    only = {"splits": [], "leaves": [7.0]}
    assert trees("t", file(trees=[only])).scores(np.array([row(0.1, 1.0)])).tolist() == [7.0]


def test_signals_are_found_by_name() -> None:
    order = [*reversed(SIGNALS)]
    at = order.index("dense")
    stump = {"splits": [[at, 0.5, 0xFFFFFFFE]], "leaves": [1.0, 2.0]}
    found = trees("t", file(signals=order, trees=[stump]))
    assert found.scores(np.array([row(0.4, 0.0), row(0.6, 0.0)])).tolist() == [1.0, 2.0]


def test_a_question_off_the_ground_is_left_alone() -> None:
    near = [{"low": [-1.0] * 6, "high": [1.0] * 6}, {"low": [8.0] * 6, "high": [9.0] * 6}]
    found = trees("t", file(grounds=near))
    assert found.scores(np.array([row(0.6, 0.9)])).tolist() == [22.0]
    assert found.scores(np.array([row(0.6, 5.0)])).tolist() == [0.0]
    assert found.scores(np.zeros((0, len(SIGNALS)))).tolist() == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff", "no file of trees"),
        (b"{}", "no file of trees"),
        (file(signals=["sparkle"]), "unknown signals: sparkle"),
        (file(grounds=[{"low": [0.0], "high": [1.0]}]), "other signals"),
        (file(trees=[{"splits": [[99, 0.0, 1]], "leaves": [0.0, 1.0]}]), "no file of trees"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        trees("t", data)


def test_a_row_holds_scores_and_their_shares() -> None:
    first, second = candidate("a", 0.8, 4.0, 0.9), candidate("b", 0.4, 2.0, 0.3)
    rows = rows_of([first, second], [1.0, 0.5])
    at = {name: place for place, name in enumerate(SIGNALS)}
    assert rows[:, at["mixed"]].tolist() == [1.0, 0.5]
    assert rows[:, at["bm25"]].tolist() == [4.0, 2.0]
    assert rows[:, at["bm25_share"]].tolist() == [1.0, 0.5]
    assert rows[:, at["dense_share"]].tolist() == [1.0, 0.5]
    assert rows[0, at["length"]] == pytest.approx(np.log(2))
