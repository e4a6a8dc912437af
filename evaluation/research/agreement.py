"""`python -m evaluation.research.agreement`: how far the local judge agrees with people.

On the public sets the judge is measured by the combination that was not trained on the set; on a
file of one's own by the one that ships. Exit code 2: a user error.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from connectors.weights import digest_of
from evaluation.bench.report import Say, Setting
from evaluation.lines import BadLine
from evaluation.quality.judge import SHIPPED, LocalJudge, Model, load, untrained
from evaluation.quality.judging.combining import INPUTS, Fold
from evaluation.research.judging import train as training
from evaluation.research.judging.labelled import MEASURED, Judged, read_lines, read_set
from evaluation.statistics import auc, balanced_accuracy, bootstrap
from processors.questions.grounded import SUPPORTED, support
from processors.text.sentences import split_sentences
from schemas.events import Candidate
from streams.flow.caching import kept
from streams.flow.errors import UserError

USER_ERROR = 2
COMMAND = "python -m evaluation.research.agreement"
FILE_WIDTH = 140  # columns of the tables where nobody sees them at once
TARGETS = {"qags": 0.87, "begin": 0.93, "expertqa": 0.70, "fever_symmetric": 0.75}
SINGLE = ("all.words", "best.bigrams", "cosine", "best.match", "all.lowest3", "reader")
PUBLISHED = {"faithfulness": 0.95, "answer_relevance": 0.78, "context_relevance": 0.70}
CAVEAT = (
    "RAGAS (arXiv 2309.15217) reports pairwise agreement of an LLM judge with people on WikiEval: "
    "another data set, other pairs, another task per metric. Beside, not against, these figures."
)

app = typer.Typer(add_completion=False)


@app.command()
def agreement(
    data: Annotated[
        Path | None, typer.Option(help="JSON lines of claim, context, supported.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="The folder of public sets.")] = Path(
        "../shared/data"
    ),
    output: Annotated[Path | None, typer.Option(help="Write JSON to this file.")] = None,
    train: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="First train a judge of this version on those sets."),
    ] = None,
    judge: Annotated[Path, typer.Option(help="The judge's file.", show_default=False)] = SHIPPED,
) -> None:
    """Measure the local judge against human labels: AUC, balanced accuracy, pairwise agreement."""
    console = Console(stderr=True, highlight=False)
    begin = time.monotonic()

    def say(what: str) -> None:
        console.print(f"[dim]{time.monotonic() - begin:6.0f} s  {what}[/dim]")

    try:
        found = run(data, folder, judge, train, say)
    except UserError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}")
        raise typer.Exit(USER_ERROR) from None
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    show(found)


def run(
    data: Path | None, folder: Path, judge: Path, train_as: str | None, say: Say
) -> dict[str, Any]:
    """Everything but the printing; with `train_as`, trains a judge of that version first.

    Raises `UserError` for what a person can mend.
    """
    bad: list[BadLine] = []
    sets: dict[str, list[Judged]] = {}
    if data is None or train_as:
        sets = {name: read_set(folder, name) for name in MEASURED}
    own: list[Judged] = []
    if data is not None:
        own, bad = read_lines(data)
    model = untrained() if train_as else load(judge)
    with (
        tempfile.TemporaryDirectory() as temporary,
        LocalJudge(kept("models", Path(temporary)), model) as local,
    ):
        folds = {name: _fold(local, name, rows, say) for name, rows in sets.items()}
        if train_as:
            training.train(folds, train_as, judge)
            model = load(judge)
        results = {n: measure(model.without(n), f, sets[n]) for n, f in folds.items()}
        if data is not None:
            results = {data.name: measure(model, _fold(local, data.name, own, say), own)}
    return {
        "judge": f"local {model.version}",
        "sha256": digest_of(judge),
        "setting": asdict(Setting.here()) | {"command": " ".join([COMMAND, *sys.argv[1:]])},
        "trained": "leave one set out" if data is None else "as it ships",
        "sets": results,
        "published": {"pairwise": PUBLISHED, "caveat": CAVEAT},
        "bad_lines": [{"line": each.line, "reason": each.reason} for each in bad],
    }


def _fold(local: LocalJudge, name: str, rows: Sequence[Judged], say: Say) -> Fold:
    inputs = local.signals([(row.claim, row.context) for row in rows])
    say(f"{name}: {len(rows)} claims read")
    return Fold(inputs, np.array([row.supported for row in rows], bool))


def measure(model: Model, fold: Fold, rows: Sequence[Judged]) -> dict[str, Any]:
    """A judge's figures on one set, each with its interval, and single signals beside them."""
    inputs, labels = fold.inputs, fold.labels
    scores = model.support(inputs).astype(np.float64)
    groups = pair_groups(rows)
    held = np.array([by_rules(row) for row in rows], bool)

    def compared(drawn: NDArray[np.int_]) -> float:
        numbers: list[int] = drawn.tolist()
        return pairwise(scores, labels, [groups[n] for n in numbers])

    figures = {
        "auc": bootstrap(len(rows), lambda i: auc(scores[i], labels[i])),
        "balanced_accuracy": bootstrap(
            len(rows), lambda i: balanced_accuracy(scores[i] >= 0.5, labels[i])
        ),
        "pairwise": bootstrap(len(groups), compared),
        "rules": bootstrap(len(rows), lambda i: balanced_accuracy(held[i], labels[i])),
    }
    return {
        "claims": len(rows),
        "supported": int(labels.sum()),
        **{name: [_number(value) for value in each] for name, each in figures.items()},
        "pairs": sum(int(labels[g].sum() * (~labels[g]).sum()) for g in groups),
        "single_signals": {
            name: _number(auc(inputs[:, at].astype(np.float64), labels))
            for at, name in enumerate(INPUTS)
        },
    }


def by_rules(row: Judged) -> bool:
    """Whether a live answer may say this, by the rules that each of its sentences is held to."""
    spans = [place for span in split_sentences(row.context) for place in span]
    passage = Candidate(
        chunk_id="",
        doc_id="",
        doc_version=0,
        ordinal=0,
        title="",
        heading="",
        uri="",
        text=row.context,
        chunking="",
        changed_at=0,
        score=0.0,
        scores={},
        sentences=spans,
        sentence_scores=[0.0] * (len(spans) // 2),
    )
    return support(row.claim, [passage]) >= SUPPORTED


def pair_groups(rows: Sequence[Judged]) -> list[NDArray[np.int_]]:
    """Claims that can be compared: of one evidence, or else the same claim on several."""
    groups: dict[str, list[int]] = {}
    for key in ("context", "claim"):
        groups = {}
        for i, row in enumerate(rows):
            groups.setdefault(getattr(row, key), []).append(i)
        mixed = [
            np.array(members)
            for members in groups.values()
            if len({rows[i].supported for i in members}) == 2
        ]
        if mixed:
            return mixed
    return []


def pairwise(
    scores: NDArray[np.float64], labels: NDArray[np.bool_], groups: Sequence[NDArray[np.int_]]
) -> float:
    """The share of pairs, of a supported and another claim, that the judge puts in this order."""
    right = total = 0.0
    for members in groups:
        true, false = scores[members][labels[members]], scores[members][~labels[members]]
        right += float((true[:, None] > false).sum() + (true[:, None] == false).sum() / 2)
        total += len(true) * len(false)
    return right / total if total else math.nan


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)


def show(found: dict[str, Any]) -> None:
    """A table of all sets."""
    out = Console(highlight=False)
    if not out.is_terminal:
        out.width = FILE_WIDTH
    table = Table(
        "set",
        "claims",
        "AUC",
        "target",
        "best single signal",
        "balanced accuracy",
        "of the live rules",
        "pairwise (pairs)",
        box=None,
    )
    for name, each in found["sets"].items():
        target = TARGETS.get(name)
        met = "" if target is None else ("met" if (each["auc"][0] or 0) >= target else "missed")
        table.add_row(
            name,
            str(each["claims"]),
            _shown(each["auc"]),
            "" if target is None else f"{target:.2f} {met}",
            _best(each["single_signals"]),
            _shown(each["balanced_accuracy"]),
            _shown(each["rules"]),
            f"{_shown(each['pairwise'])} ({each['pairs']})",
        )
    out.print(table)
    out.print()
    table = Table("AUC of one signal", *found["sets"], box=None)
    for signal in SINGLE:
        values = [each["single_signals"][signal] for each in found["sets"].values()]
        table.add_row(signal, *("" if v is None else f"{v:.2f}" for v in values))
    out.print(table)
    figures = ", ".join(f"{name} {value:.2f}" for name, value in PUBLISHED.items())
    out.print(f"\njudge: {found['judge']}, trained: {found['trained']}")
    out.print(f"published: {figures}. {CAVEAT}")
    for each in found["bad_lines"]:
        out.print(f"line {each['line']} {each['reason']}: left out")


def _best(single: dict[str, float | None]) -> str:
    """The signal that does best on a set, seen afterwards: which one that is differs by set."""
    known = {name: value for name, value in single.items() if value is not None}
    best = max(known, key=lambda name: known[name], default=None)
    return "undefined" if best is None else f"{known[best]:.3f} {best}"


def _shown(figures: Sequence[float | None]) -> str:
    if any(value is None for value in figures):
        return "undefined"
    value, low, high = figures
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    app(prog_name=COMMAND)


if __name__ == "__main__":
    sys.exit(main())
