"""The local judge: how likely evidence supports a claim, without an LLM, torch or a network.

Signals of words and of all-MiniLM-L6-v2 (`judging/signals.py`) and a cross-encoder, which is the
same model with a small adapter that reads claim and evidence as one text, are combined by a
logistic regression. `policies/judge/` holds what was trained, `judging/train.py` trains it,
`agreement.py` measures it against people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from connectors.minilm import MiniLM
from evaluation.judging import signals, words
from evaluation.judging.combining import Combination
from processors.ports import Float32
from schemas.errors import UserError

FOLDER = Path(__file__).parent.parent / "policies" / "judge"
AT_ONCE = 64  # claims whose words are in memory together
HEAD_SCALE = 30.0  # of a unit vector, so that the head's weights are of order one
PAIRS = ("pair.around", "pair.covering", "pair.best")
INPUTS = (*signals.NAMES, *PAIRS)


@dataclass(frozen=True, slots=True)
class Model:
    """What was trained: the combination of `INPUTS`, and where the cross-encoder's adapter is."""

    version: str
    adapter: Path
    combination: Combination
    held_out: Mapping[str, Combination]  # by set, what was not trained on it

    def support(self, inputs: Float32) -> Float32:
        """Probabilities of support, (claims,), from `INPUTS`, (claims, inputs)."""
        return 1 / (1 + np.exp(-np.clip(self.combination.logits(inputs), -30, 30)))

    def without(self, name: str) -> Model:
        """The same judge, as it is when trained without a set."""
        return replace(self, combination=self.held_out[name])


def load(folder: Path = FOLDER) -> Model:
    """The judge in `folder`. Raises `UserError` if it is missing or not of these inputs."""
    path = folder / "judge.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"the judge {path} cannot be read: {error}") from error
    if tuple(found["combination"]) != INPUTS:
        raise UserError(f"{path} was trained on other signals: train it again")
    held_out = {name: _combination(each) for name, each in found["held_out"].items()}
    return Model(found["version"], folder / found["adapter"], _combination(found), held_out)


def _combination(found: Mapping[str, Any]) -> Combination:
    columns = np.array([found["combination"][name] for name in INPUTS], np.float32)
    return Combination(*columns.T, found["bias"])


class LocalJudge:
    """Judges claims; entering it as a context manager loads both encoders.

    `cache` keeps their graphs. Support of .5 and more is a verdict of supported.
    """

    def __init__(self, cache: Path, folder: Path = FOLDER, streams: int = 0) -> None:
        self.model = load(folder)
        self._encoder = MiniLM(cache, streams=streams)
        self._cross = MiniLM(cache, streams=streams, adapter=self.model.adapter)
        with np.load(self.model.adapter) as arrays:
            self._head = arrays["head.weight"].astype(np.float32) * HEAD_SCALE
            self._bias = float(arrays["head.bias"])
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            opened.enter_context(self._encoder)
            opened.enter_context(self._cross)
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def name(self) -> str:
        return f"local {self.model.version}"

    @property
    def encoder(self) -> MiniLM:
        return self._encoder

    def support(self, claims: Sequence[tuple[str, str]]) -> Float32:
        """Of each (claim, evidence), the probability that people find it supported, 0 to 1."""
        return self.model.support(self.inputs(claims))

    def inputs(self, claims: Sequence[tuple[str, str]]) -> Float32:
        """What the judge sees of each (claim, evidence): `INPUTS`, (claims, inputs)."""
        parts = [self._inputs(claims[i : i + AT_ONCE]) for i in range(0, len(claims), AT_ONCE)]
        return np.concatenate([np.empty((0, len(INPUTS)), np.float32), *parts])

    def _inputs(self, claims: Sequence[tuple[str, str]]) -> Float32:
        texts = words.read(self._encoder, [text for pair in claims for text in pair])
        read = [signals.read(*pair) for pair in zip(texts[::2], texts[1::2], strict=True)]
        rows = np.array([each.signals for each in read])
        return np.hstack([rows, self._pairs([claim for claim, _ in claims], read)])

    def _pairs(self, claims: Sequence[str], read: Sequence[signals.Read]) -> Float32:
        """The cross-encoder's `PAIRS`: its logit beside each passage, and the higher of them."""
        pairs = [
            (claim, passage)
            for claim, each in zip(claims, read, strict=True)
            for passage in (each.passages[0], each.passages[-1])
        ]
        distinct = list(dict.fromkeys(pairs))
        logits = self._cross.embed_pairs(distinct) @ self._head + self._bias
        found = dict(zip(distinct, logits.tolist(), strict=True))
        both = np.array([found[pair] for pair in pairs], np.float32).reshape(-1, 2)
        return np.hstack([both, both.max(1, keepdims=True)])
