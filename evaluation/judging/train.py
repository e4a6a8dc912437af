"""Trains the local judge from public data: the adapter once, the combination set by set.

The adapter never sees a claim of the sets that the judge is measured on. The combination that is
measured on a set is trained on the others; the one that ships is trained on all.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.minilm import PAIR_FIRST, PAIR_TOKENS, SEPARATOR, model_files
from connectors.minilm_graph import read_safetensors
from evaluation.judge import INPUTS, PAIRS, LocalJudge
from evaluation.judging import adapter, combining, pairs
from evaluation.judging.adapter import Say, Schedule
from evaluation.judging.combining import Combination, Fold
from evaluation.judging.labelled import MEASURED, read_set
from evaluation.judging.pairs import Pair

SUPPORTED_SHARE, SICK_SHARE = 1.3, 0.8  # weights of a pair: the supported are fewer; captions easy
# Two passes: all pairs, then with fewer captions, as these are learnt first.
FIRST, SECOND = Schedule(1.5e-3, 750, 1938, 2), Schedule(1.2e-3, 150, 150)
CAPTIONS_KEPT = 0.35
PAIR_DECAY, SIGNAL_DECAY = 0.003, 0.05  # ridge penalties of the combination


def adapt(folder: Path, seed: int, say: Say) -> dict[str, NDArray[np.float16]]:
    """The arrays of an adapter's file."""
    weights = read_safetensors(model_files()[0])
    tokenizer = model_files()[1]
    neighbours = pairs.StaticNeighbours(weights["embeddings.word_embeddings.weight"], tokenizer)
    found = pairs.build(folder, neighbours, seed)
    say(f"{len(found)} pairs")
    parameters = adapter.begin(weights, seed)
    rng = np.random.default_rng(seed)
    fewer = [pair for pair in found if pair.source != "sick" or rng.random() < CAPTIONS_KEPT]
    for some, schedule in ((found, FIRST), (fewer, SECOND)):
        texts = [_ids(tokenizer, pair) for pair in some]
        labels = np.array([pair.supported for pair in some], np.float32)
        shares = np.array([_share(pair) for pair in some], np.float32)
        parameters = adapter.train(weights, parameters, texts, labels, shares, schedule, seed, say)
    return {name: value.astype(np.float16) for name, value in parameters.items()}


def _ids(tokenizer: Any, pair: Pair) -> list[int]:
    """As `MiniLM.embed_pairs` reads a pair."""
    first, second = (tokenizer.encode(text).ids for text in (pair.claim, pair.evidence))
    return [*(first[:PAIR_FIRST] + second[1:])[: PAIR_TOKENS - 1], SEPARATOR]


def _share(pair: Pair) -> float:
    return (SUPPORTED_SHARE if pair.supported else 1.0) * (
        SICK_SHARE if pair.source == "sick" else 1.0
    )


def combine(folds: Sequence[Fold]) -> Combination:
    """The combination of these sets."""
    decay = {INPUTS.index(name): PAIR_DECAY for name in PAIRS}
    return combining.train(folds, decay, SIGNAL_DECAY)


@dataclass(frozen=True, slots=True)
class Trained:
    """The combination that ships, and by set the one that was not trained on it."""

    shipped: Combination
    held_out: Mapping[str, Combination]


def leave_one_out(folds: Mapping[str, Fold]) -> Trained:
    """Trained on all sets, and for each on the others."""
    held_out = {
        name: combine([fold for other, fold in folds.items() if other != name]) for name in folds
    }
    return Trained(combine(list(folds.values())), held_out)


def read_folds(judge: LocalJudge, folder: Path, say: Say) -> dict[str, Fold]:
    """What the judge sees of every measured set."""
    folds: dict[str, Fold] = {}
    for name in MEASURED:
        rows = read_set(folder, name)
        inputs = judge.inputs([(row.claim, row.context) for row in rows])
        folds[name] = Fold(inputs, np.array([row.supported for row in rows]))
        say(f"{name}: {len(rows)} claims read")
    return folds


def write(
    target: Path, version: str, trained: Trained, trained_on: Sequence[str], seed: int
) -> None:
    """`judge.json`: readable, and small enough for a pull request."""
    content = {
        "version": version,
        "adapter": f"{version}.npz",
        "trained_on": list(trained_on),
        "adapter_trained_on": [*pairs.CLAIMS, "sick"],
        "seed": seed,
        "schedules": [asdict(FIRST), asdict(SECOND)],
        "bias": round(trained.shipped.bias, 5),
        "combination": as_columns(trained.shipped),
        "held_out": {
            name: {"bias": round(each.bias, 5), "combination": as_columns(each)}
            for name, each in trained.held_out.items()
        },
    }
    text = json.dumps(content, indent=None, separators=(",", ":"))
    for mark in ('"bias"', '"combination"', '"held_out"', '"trained_on"'):
        text = text.replace(f",{mark}", f",\n{mark}")
    (target / "judge.json").write_text(text + "\n", encoding="utf-8")


def as_columns(combination: Combination) -> dict[str, list[float]]:
    """By signal: mean, scale and weight."""
    columns = np.stack([combination.mean, combination.scale, combination.weight], 1)
    return {
        name: [round(float(value), 5) for value in row]
        for name, row in zip(INPUTS, columns, strict=True)
    }


def train(folder: Path, target: Path, version: str, seed: int, say: Say) -> None:
    """Train everything from `folder` and write it to `target`."""
    target.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(target / f"{version}.npz", **adapt(folder, seed, say))
    recombine(folder, target, version, seed, say)


def recombine(folder: Path, target: Path, version: str, seed: int, say: Say) -> None:
    """Train the combination alone, over the adapter that is in `target`."""
    blank = Combination(*(np.ones(len(INPUTS), np.float32) for _ in range(3)), 0.0)
    write(target, version, Trained(blank, {}), (), seed)
    with tempfile.TemporaryDirectory() as cache, LocalJudge(Path(cache), target) as judge:
        folds = read_folds(judge, folder, say)
    write(target, version, leave_one_out(folds), list(folds), seed)
