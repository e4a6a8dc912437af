"""A learned re-ordering: gradient-boosted trees over the signals a candidate carries.

Trees are trained elsewhere (`millrace tune retrieval`) and evaluated here, since the library that
trains them is ten times this program's other dependencies and slower for one question's candidates.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from schemas.events import Candidate

Float64 = NDArray[np.float64]

SIGNALS = (
    "mixed",  # similarity and BM25 as `rerank` mixes them; trees are added to it
    "fused",
    "bm25",
    "bm25_share",  # of the best candidate's
    "dense",
    "dense_share",
    "sentence",
    "sentence_share",
    "second",  # the second best sentence
    "mean",  # of all sentences
    "feedback",  # similarity to the best candidates
    "feedback_share",
    "length",  # log of characters
)
_SHARES = [at for at, name in enumerate(SIGNALS) if name.endswith("_share")]
_LEAST = 1e-9  # below it, shares of the best candidate's mean nothing
_GROUND = [SIGNALS.index(name) for name in ("bm25", "dense", "feedback", "length", "mean")]
_FIRST = 20  # candidates, so that asking for more changes nothing
_MOST_LEAVES = 32  # bits of a mask
_ALL = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """An ensemble as arrays of (trees, splits) and (trees, leaves); a shorter tree is padded.

    A split that does not hold rules out the leaves on its left: `masks` has their bits cleared. The
    lowest bit left is the leaf (Lucchese et al., "QuickScorer", 2015).
    """

    name: str
    signals: NDArray[np.intp]
    thresholds: Float64
    masks: NDArray[np.uint32]
    leaves: Float64
    grounds: Float64  # (data sets, low and high, signals of `ground_of`)

    def scores(self, rows: Float64) -> Float64:
        """What the trees add for each row of `SIGNALS`, (rows,).

        Nothing for a question unlike those they were trained on: scores of another corpus and
        passages of another length mean something else, and there trees cost as much as they gain
        here.
        """
        if not len(rows) or not self.knows(rows):
            return np.zeros(len(rows))
        beyond = rows[:, self.signals] > self.thresholds
        left = np.bitwise_and.reduce(np.where(beyond, self.masks, _ALL), axis=2)
        lowest = (left & (~left + np.uint32(1))).astype(np.float64)
        leaf = np.frexp(lowest)[1] - 1
        return self.leaves[np.arange(len(self.leaves)), leaf].sum(axis=1)

    def knows(self, rows: Float64) -> bool:
        """Whether a question's candidates lie where those of a training set do."""
        ground = ground_of(rows)
        inside = (self.grounds[:, 0] <= ground) & (ground <= self.grounds[:, 1])
        return bool(inside.all(axis=1).any())


def ground_of(rows: Float64) -> Float64:
    """Where a question lies: means of its first candidates' signals, and the best BM25."""
    first = rows[:_FIRST]
    return np.append(first[:, _GROUND].mean(axis=0), first[:, SIGNALS.index("bm25")].max())


def trees(name: str, data: bytes) -> Trees:
    """The trees of a file that `as_json` wrote.

    Raises:
        ValueError: it is none, or was trained on signals this release does not have.
    """
    try:
        found: Mapping[str, Any] = json.loads(data)
        unknown = [each for each in found["signals"] if each not in SIGNALS]
        if unknown:
            raise ValueError(f"it was trained on unknown signals: {', '.join(unknown)}")
        place = [SIGNALS.index(each) for each in found["signals"]]
        grown = cast("Sequence[Mapping[str, Any]]", found["trees"])
        width = max((len(tree["splits"]) for tree in grown), default=0)
        if width >= _MOST_LEAVES:
            raise ValueError(f"a tree has more than {_MOST_LEAVES} leaves")
        grounds = np.array([[each["low"], each["high"]] for each in found["grounds"]], np.float64)
        if grounds.shape[1:] != (2, len(_GROUND) + 1):
            raise ValueError("its grounds are of other signals than this release's")
        signals = np.zeros((len(grown), width), np.intp)
        thresholds = np.full((len(grown), width), np.inf)
        masks = np.full((len(grown), width), _ALL)
        leaves = np.zeros((len(grown), width + 1))
        for row, tree in enumerate(grown):
            for column, (signal, threshold, mask) in enumerate(tree["splits"]):
                signals[row, column] = place[signal]
                thresholds[row, column] = threshold
                masks[row, column] = mask
            leaves[row, : len(tree["leaves"])] = tree["leaves"]
    except (KeyError, TypeError, IndexError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"it is no file of trees ({type(error).__name__}: {error})") from None
    return Trees(name, signals, thresholds, masks, leaves, grounds)


def rows_of(candidates: Sequence[Candidate], mixed: Sequence[float]) -> Float64:
    """The signals of one question's candidates, (candidates, len(SIGNALS))."""
    rows = np.empty((len(candidates), len(SIGNALS)))
    for row, (each, score) in enumerate(zip(candidates, mixed, strict=True)):
        scores = each.scores
        dense, sentence, bm25 = scores["dense"], scores["sentence"], scores["bm25"]
        ordered = sorted(each.sentence_scores, reverse=True) or [dense]
        second = ordered[min(1, len(ordered) - 1)]
        feedback = scores.get("feedback", dense)
        mean = sum(ordered) / len(ordered)
        length = np.log1p(len(each.text))
        rows[row] = (
            score,
            scores["fused"],
            bm25,
            bm25,
            dense,
            dense,
            sentence,
            sentence,
            second,
            mean,
            feedback,
            feedback,
            length,
        )
    if len(rows):
        for share in _SHARES:
            rows[:, share] /= max(rows[:, share].max(), _LEAST)
    return rows
