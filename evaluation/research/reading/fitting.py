"""`python -m evaluation.research.reading.fitting`: what some signals weigh in evidence.

Signals that carry over to questions in other words are weighed by hand (`certainty.EVIDENCE`).
Those that a reader gives of the unit itself are fitted beside the sum of the others, on held-out
questions that neither trained the reader nor calibrate or measure evidence.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from connectors.minilm.port import SHIPPED
from connectors.minilm.reader import PairReader
from evaluation.research.reading.answered import Flags, Floats, asked_of, plain, probabilities
from evaluation.research.reading.asking import FURTHER, Held, drawn, right
from evaluation.statistics import auc
from processors.ports import Reader
from processors.questions.certainty import EVIDENCE, signals
from processors.questions.generate import AnswerConfig, Lookup, known_of, strength_of
from processors.questions.reading import read
from schemas.events import GenerationRequested
from streams.app.settings import load

FITTED = ("alone", "inside", "nearest")
_ROUNDS = 50


def main(
    data: Annotated[Path, typer.Option(help="The folder of question sets.")] = Path(
        "../shared/data/qa"
    ),
) -> None:
    """Fit, and print what goes into `certainty.EVIDENCE`."""
    documents, questions = drawn(data, FURTHER, further=True)
    with tempfile.TemporaryDirectory() as folder, PairReader(Path(folder), SHIPPED) as reader:
        settings = load({"data": folder, "bootstrap_servers": "", "redis": {"url": ""}})
        events = asked_of(settings, plain(documents), {q.number: q.question for q in questions})
        found = [*signalled(questions, events, reader)]
    good = np.array([each for _, each in found])
    rows = table([each for each, _ in found])
    weights = fitted(rows, good)
    said = ", ".join(f'"{n}": {w:.2f}' for n, w in zip(FITTED, weights[1:-1], strict=True))
    before, after = auc(rows[:, 0], good), auc(rows @ weights[:-1], good)
    Console().print(f"{len(good)} questions: {said}; AUC {before:.3f} without, {after:.3f} with")


def signalled(
    questions: Iterable[Held], events: Mapping[str, GenerationRequested], reader: Reader
) -> Iterator[tuple[dict[str, float], bool]]:
    """Of each question the signals of the likeliest unit, and whether that is right."""
    config = AnswerConfig()
    for held in questions:
        lookup = Lookup(events[held.number], config)
        read([lookup], [config.passages], reader)
        part = lookup.parts[0]
        if not part.units:
            continue
        best, known = part.units[0], known_of(part)
        passage = part.passages[best.rank]
        strength = strength_of(passage, part.asked, known)
        said = right(held, best.reads, [passage.candidate.doc_id])
        yield signals(part.asked, part.units, known, strength), said


def table(found: Iterable[Mapping[str, float]]) -> Floats:
    """A row each: the sum of the signals that are weighed by hand, and each of the others."""
    return np.array(
        [
            [
                sum(weight * each[name] for name, weight in EVIDENCE.items() if name not in FITTED),
                *(each[name] for name in FITTED),
            ]
            for each in found
        ]
    )


def fitted(rows: Floats, good: Flags) -> Floats:
    """Weights of a logistic regression by Newton's method, the first 1; the last is a constant."""
    whole = np.column_stack([rows, np.ones(len(rows))])
    weights = np.zeros(whole.shape[1])
    for _ in range(_ROUNDS):
        chance = probabilities(whole @ weights)
        slope = whole.T @ (good - chance)
        bend = (whole * (chance * (1 - chance))[:, None]).T @ whole + 1e-6 * np.eye(len(weights))
        weights = weights + np.linalg.solve(bend, slope)
    return weights / weights[0]


if __name__ == "__main__":
    typer.run(main)
