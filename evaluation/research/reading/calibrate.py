"""`python -m evaluation.research.reading.calibrate`: evidence made a probability.

Held-out questions, two fifths without their passage, are retrieved, read and answered however
little sure, by all that adds to evidence. Scale and shift of `certainty.calibrated` are fitted,
each set judged by a fit to the others; what is printed goes there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from connectors.minilm.port import SHIPPED
from connectors.minilm.reader import PairReader
from evaluation.research.reading import page
from evaluation.research.reading.answered import (
    Flags,
    Floats,
    answers,
    asked_of,
    calibration,
    fitted,
    logits,
    plain,
    precision,
    probabilities,
)
from evaluation.research.reading.asking import drawn, right
from processors.questions.certainty import EVIDENCE, FORM, INTERCEPT, SCALE, SHIFT
from streams.app.settings import load

WEIGHTS = {**EVIDENCE, **FORM, "intercept": INTERCEPT}
_LEAST = (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def main(
    data: Annotated[Path, typer.Option(help="The folder of public sets.")] = Path(
        "../shared/data/qa"
    ),
    output: Annotated[Path | None, typer.Option(help="Write JSON to this file.")] = None,
) -> None:
    """Fit scale and shift of evidence on held-out questions; print how reliable it then is."""
    documents, questions = drawn(data)
    with tempfile.TemporaryDirectory() as folder:
        settings = load({"data": folder, "bootstrap_servers": "", "redis": {"url": ""}})
        events = asked_of(settings, plain(documents), {q.number: q.question for q in questions})
        with PairReader(Path(folder), SHIPPED) as reader:
            given = answers(events, reader)
    some = [q for q in questions if q.number in given]
    sums = (logits([given[q.number].evidence for q in some]) - SHIFT) / SCALE
    good = np.array(
        [
            right(
                q,
                given[q.number].text + " ".join(given[q.number].quotes),
                given[q.number].documents,
            )
            for q in some
        ]
    )
    found = report([q.number.split()[0] for q in some], sums, good)
    shown(found)
    if output is not None:
        page.kept(asdict(found), output)


@dataclass(frozen=True, slots=True)
class Report:
    """Scale and shift for all, and how reliable evidence is where each set is fitted on others."""

    questions: int
    scale: float
    shift: float
    error: float
    auc: float
    tenths: list[tuple[float, float]]  # mean evidence, share that is right
    thresholds: list[tuple[float, float, float]]  # evidence needed, right, answered
    weights: Mapping[str, float]  # of signals, which it was measured with


def report(sets: Sequence[str], sums: Floats, good: Flags) -> Report:
    """How sums of signals tell what is `good`; `sets` says of which set each is."""
    names = np.array(sets)
    evidence = np.zeros(len(sums))
    for name in sorted({*sets}):
        others = names != name
        scale, shift = fitted(sums[others], good[others])
        evidence[~others] = probabilities(scale * sums[~others] + shift)
    scale, shift = fitted(sums, good)
    reliable = calibration(evidence, good)
    return Report(
        len(sums),
        round(scale, 3),
        round(shift, 3),
        round(reliable.error, 4),
        round(reliable.auc, 3),
        [(round(said, 2), round(true, 2)) for said, true in reliable.tenths],
        [(each, *_rounded(precision(evidence, good, each))) for each in _LEAST],
        WEIGHTS,
    )


def _rounded(pair: tuple[float, float]) -> tuple[float, float]:
    return round(pair[0], 3), round(pair[1], 3)


def shown(found: Report) -> None:
    console = Console()
    console.print(
        f"{found.questions} questions: scale {found.scale}, shift {found.shift}, expected "
        f"calibration error {found.error}, AUC {found.auc}"
    )
    reliable = Table("evidence", "right")
    for row in found.tenths:
        reliable.add_row(*map(str, row))
    needed = Table("evidence needed", "right of what is answered", "answered")
    for row in found.thresholds:
        needed.add_row(*map(str, row))
    console.print(reliable, needed)


if __name__ == "__main__":
    typer.run(main)
