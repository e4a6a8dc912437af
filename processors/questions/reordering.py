"""A learned re-ordering: gradient-boosted trees over the signals a candidate carries.

Trees are trained elsewhere (`millrace tune retrieval`) and evaluated here with numpy: the library
that trains them weighs 150 MB with what it needs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from processors.text.wording import WORDING, wording
from schemas.events import Candidate

Float64 = NDArray[np.float64]

SIGNALS = (
    "mixed",  # similarity and BM25 as `rerank` mixes them; trees are added to it
    "fused",
    "bm25",
    "dense",
    "sentence",
    "second",  # the second best sentence
    "mean",  # of all sentences
    "feedback",  # similarity to the best candidates
    "kin",  # the best `mixed` of the others of its document, or whose titles begin alike
    "length",  # log of characters
    *WORDING,
    "bm25_share",  # of the best candidate's, as all that follow
    "dense_share",
    "sentence_share",
    "feedback_share",
    "kin_share",
    *(f"{name}_share" for name in WORDING),
)
_SHARED = [SIGNALS.index(n.removesuffix("_share")) for n in SIGNALS if n.endswith("_share")]
_KIN = 10  # candidates that may lift their kin
_ALIKE = 0.6  # of a title: "9 6.3.2.(b)" begins like "9 6.3.2"
_LEAST = 1e-9  # below it, shares of the best candidate's mean nothing
_MOST_LEAVES = 32  # bits of a mask
_ALL = np.uint32(0xFFFFFFFF)

GROUND = ("title", "text", "sentences", "feedback", "dense")
_FIRST = 20  # candidates that say where a question lies; asking for more changes nothing


@dataclass(frozen=True, slots=True, eq=False)
class Expert:
    """Trees for questions to one kind of corpus, as arrays of (trees, splits) and (trees, leaves).

    A split that is exceeded rules out the leaves on its left: `masks` has their bits cleared. The
    lowest bit left is the leaf (Lucchese et al., "QuickScorer", 2015). Shorter trees are padded.
    """

    name: str
    low: Float64
    high: Float64
    signals: NDArray[np.intp]
    thresholds: Float64
    masks: NDArray[np.uint32]
    leaves: Float64

    def knows(self, ground: Float64) -> bool:
        """Whether a question lies where those do that the trees were trained on."""
        return bool(((self.low <= ground) & (ground <= self.high)).all())

    def scores(self, rows: Float64) -> Float64:
        """What the trees add for each row of `SIGNALS`, (rows,)."""
        beyond = rows[:, self.signals] > self.thresholds
        left = np.bitwise_and.reduce(np.where(beyond, self.masks, _ALL), axis=2)
        lowest = (left & (~left + np.uint32(1))).astype(np.float64)
        leaf = np.frexp(lowest)[1] - 1
        return self.leaves[np.arange(len(self.leaves)), leaf].sum(axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Reordering:
    """Experts; the first that knows a question's ground re-orders its candidates.

    A question that none knows is left as it is: scores of another corpus and passages of another
    length mean something else, and there trees cost more than they gain at home.
    """

    name: str
    experts: Sequence[Expert]

    def added(self, query: str, candidates: Sequence[Candidate], mixed: Sequence[float]) -> Float64:
        """What is added to the score of each candidate, (candidates,)."""
        if candidates:
            ground = ground_of(candidates)
            for expert in self.experts:
                if expert.knows(ground):
                    return expert.scores(rows_of(query, candidates, mixed))
        return np.zeros(len(candidates))


def reordering(name: str, data: bytes) -> Reordering:
    """The experts of a file that `evaluation.retrieval.training` wrote.

    Raises:
        ValueError: it is no such file, or of signals this release does not have.
    """
    try:
        found: Mapping[str, Any] = json.loads(data)
        if unknown := [each for each in found["signals"] if each not in SIGNALS]:
            raise ValueError(f"it was trained on unknown signals: {', '.join(unknown)}")
        if [*found["ground"]] != [*GROUND]:
            raise ValueError("its experts know their ground by other signals than this release's")
        places = [SIGNALS.index(each) for each in found["signals"]]
        experts = cast("Sequence[Mapping[str, Any]]", found["experts"])
        return Reordering(name, [_expert(each, places) for each in experts])
    except (KeyError, TypeError, IndexError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"it is no file of trees ({type(error).__name__}: {error})") from None


def _expert(found: Mapping[str, Any], places: Sequence[int]) -> Expert:
    grown = cast("Sequence[Mapping[str, Any]]", found["trees"])
    width = max((len(tree["splits"]) for tree in grown), default=0)
    if width >= _MOST_LEAVES:
        raise ValueError(f"a tree has more than {_MOST_LEAVES} leaves")
    signals = np.zeros((len(grown), width), np.intp)
    thresholds = np.full((len(grown), width), np.inf)
    masks = np.full((len(grown), width), _ALL)
    leaves = np.zeros((len(grown), width + 1))
    for row, tree in enumerate(grown):
        for column, (signal, threshold, mask) in enumerate(tree["splits"]):
            signals[row, column] = places[signal]
            thresholds[row, column] = threshold
            masks[row, column] = mask
        leaves[row, : len(tree["leaves"])] = tree["leaves"]
    low, high = (np.array([found[end][each] for each in GROUND]) for end in ("low", "high"))
    return Expert(str(found["name"]), low, high, signals, thresholds, masks, leaves)


def ground_of(candidates: Sequence[Candidate]) -> Float64:
    """Where a question lies, by `GROUND`: lengths and similarities of its first candidates."""
    first = candidates[:_FIRST]
    titles = np.log1p([len(each.title) for each in first])
    texts = np.log1p([len(each.text) for each in first])
    sentences = np.log1p([len(each.sentence_scores) for each in first])
    feedback = [each.scores.get("feedback", 0.0) for each in first]
    dense = [each.scores["dense"] for each in first]
    each = (titles, texts, sentences, feedback, dense)
    return np.array([float(np.mean(values)) for values in each], np.float64)


def rows_of(query: str, candidates: Sequence[Candidate], mixed: Sequence[float]) -> Float64:
    """The signals of one question's candidates, (candidates, len(SIGNALS))."""
    plain = len(SIGNALS) - len(_SHARED)
    rows = np.empty((len(candidates), len(SIGNALS)))
    kin = _kin(candidates, mixed)
    for row, (each, score) in enumerate(zip(candidates, mixed, strict=True)):
        scores = each.scores
        dense = scores["dense"]
        ordered = sorted(each.sentence_scores, reverse=True) or [dense]
        rows[row, : plain - len(WORDING)] = (
            score,
            scores["fused"],
            scores["bm25"],
            dense,
            scores["sentence"],
            ordered[min(1, len(ordered) - 1)],
            sum(ordered) / len(ordered),
            scores.get("feedback", dense),
            kin[row],
            len(each.text),
        )
    if len(rows):
        rows[:, plain - len(WORDING) - 1] = np.log1p(rows[:, plain - len(WORDING) - 1])
        texts = [f"{each.title} {each.text}" for each in candidates]
        rows[:, plain - len(WORDING) : plain] = wording(query, texts)
        shared = rows[:, _SHARED]
        rows[:, plain:] = shared / np.maximum(shared.max(axis=0), _LEAST)
    return rows


def _kin(candidates: Sequence[Candidate], mixed: Sequence[float]) -> list[float]:
    """What stands beside a relevant provision of a rulebook is often relevant too."""
    first = sorted(range(len(mixed)), key=lambda at: -mixed[at])[:_KIN]
    best = [(at, mixed[at], candidates[at].doc_id, candidates[at].title) for at in first]
    found: list[float] = []
    for own, each in enumerate(candidates):
        stub = each.title[: round(_ALIKE * len(each.title))] or None
        found.append(
            next(
                (
                    score
                    for at, score, doc_id, title in best
                    if at != own
                    and (doc_id == each.doc_id or (stub is not None and title.startswith(stub)))
                ),
                0.0,
            )
        )
    return found
