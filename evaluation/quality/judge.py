"""The local judge: how likely evidence supports a claim, without an LLM, torch or a network.

Signals of words and of all-MiniLM-L6-v2 (`judging/signals.py`), combined by a logistic regression,
and a network that reads the claim together with its evidence (`judging/reader.py`).
`policies/judge.json` holds what was trained, `judging/train.py` trains it, `agreement.py` measures
it against people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from connectors.minilm.embedder import MiniLM
from connectors.weights import digest_of
from evaluation.quality.judging import signals, words
from evaluation.quality.judging.combining import INPUTS, Combination
from evaluation.quality.judging.reader import Reader
from evaluation.quality.judging.weights import shipped
from processors.ports import Float32
from streams.flow.errors import UserError

SHIPPED = Path(__file__).parents[2] / "policies" / "judge.json"
AT_ONCE = 64  # claims whose words are in memory together


@dataclass(frozen=True, slots=True)
class Model:
    """What was trained."""

    version: str
    combination: Combination
    held_out: Mapping[str, Combination]  # by set, what was not trained on it

    def support(self, inputs: Float32) -> Float32:
        """Probabilities of support, (claims,), from `INPUTS`, (claims, inputs)."""
        logits = np.clip(self.combination.logits(inputs), -30, 30)
        return (1 / (1 + np.exp(-logits))).astype(np.float32)

    def without(self, name: str) -> Model:
        """The same judge, as it is when trained without a set."""
        return replace(self, combination=self.held_out[name])


def load(path: Path = SHIPPED) -> Model:
    """The judge in a file.

    Raises `UserError` if it or its reader is missing, or it is of other signals or readers.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        combination = _combination(found["combination"])
        held_out = {name: _combination(each) for name, each in found["held_out"].items()}
        trained_with = found["reader"]
    except (OSError, ValueError) as error:
        raise UserError(f"the judge {path} cannot be read: {error}") from error
    except KeyError as error:
        raise UserError(f"{path} has no {error.args[0]}: train the judge again") from error
    reader = shipped()
    if trained_with != digest_of(reader):
        raise UserError(
            f"{path} was trained with other readers than {reader}: "
            "python -m evaluation.research.agreement --train VERSION"
        )
    return Model(found["version"], combination, held_out)


def untrained() -> Model:
    """A judge that only reads signals."""
    ones = np.ones(len(INPUTS), np.float32)
    return Model("untrained", Combination(ones, ones, ones, 0.0), {})


def _combination(found: Mapping[str, Any]) -> Combination:
    rows: list[list[float]] = [found["signals"][name] for name in INPUTS]
    mean, scale, weight = np.array(rows, np.float32).T
    return Combination(mean, scale, weight, float(found["bias"]))


class LocalJudge:
    """Judges claims; entering it as a context manager loads the encoder and the reader.

    `cache` keeps their graphs. Support of .5 and more is a verdict of supported. Without `reads` it
    lends its encoder alone, and needs no weights of its own.
    """

    def __init__(self, cache: Path, model: Model, streams: int = 0, *, reads: bool = True) -> None:
        self.model = model
        self._reads = reads
        self.encoder = MiniLM(cache, streams=streams)
        self.reader = Reader(cache, streams)
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as entered:
            entered.enter_context(self.encoder)
            if self._reads:
                entered.enter_context(self.reader)
            self._exits = entered.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    @property
    def name(self) -> str:
        return f"local {self.model.version}"

    def support(self, claims: Sequence[tuple[str, str]]) -> Float32:
        """Of each (claim, evidence), the probability that people find it supported, 0 to 1."""
        return self.model.support(self.signals(claims))

    def signals(self, claims: Sequence[tuple[str, str]]) -> Float32:
        """`INPUTS` of each (claim, evidence), (claims, inputs)."""
        rows: list[Float32] = []
        for at in range(0, len(claims), AT_ONCE):
            some = claims[at : at + AT_ONCE]
            texts = words.read(self.encoder, [text for pair in some for text in pair])
            read = self.reader.read(list(zip(texts[::2], texts[1::2], strict=True)))
            told = map(signals.read, texts[::2], texts[1::2])
            rows.extend(np.append(one, said) for one, said in zip(told, read, strict=True))
        return np.array(rows, np.float32).reshape(len(claims), len(INPUTS))
