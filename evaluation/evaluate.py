"""`python -m evaluation.evaluate`: answers of the running pipeline, scored and gated.

Exit codes: 0 all gates passed, 1 a gate failed (named, with the worst questions), 2 a user error.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from connectors import weights
from evaluation import sample
from evaluation.bench.report import Say
from evaluation.quality import asking, dataset, gates
from evaluation.quality.asking import Reply
from evaluation.quality.dataset import Item
from evaluation.quality.judge import LocalJudge, Model, load, untrained
from evaluation.quality.judging.weights import shipped
from evaluation.quality.reporting import COMMAND, report
from evaluation.quality.scoring import METRICS, Scorer, Scores
from streams.app.ports import JudgeSettings
from streams.app.settings import Settings
from streams.cli.console import settings as running_settings
from streams.flow.caching import kept
from streams.flow.errors import UserError
from streams.runtime import kafka

GATE_FAILED, USER_ERROR = 1, 2
SAMPLE = Path(sample.__file__).parent / "questions.jsonl"

app = typer.Typer(add_completion=False)


@app.command()
def evaluate(
    output: Annotated[Path, typer.Option(help="Write the scores to this file.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Questions as JSON lines, for the stack that runs; unset: the sample's, for a "
            "stack of its own."
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Times each question is asked.")] = 1,
    folder: Annotated[
        Path | None, typer.Option(help="Data folder of the stack that runs the sample.")
    ] = None,
) -> None:
    """Score the pipeline's answers with RAGAS metrics and hold them against the gates."""
    console = Console(stderr=True, highlight=False)
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # the stack is taken down all the same
    begin = time.monotonic()

    def say(what: str) -> None:
        console.print(f"[dim]{time.monotonic() - begin:6.0f} s  {what}[/dim]", markup=True)

    try:
        _writable(output)
        found = run(data, repeats, folder, say)
    except UserError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}")
        raise typer.Exit(USER_ERROR) from None
    output.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    show(found)
    if found["gates"]["failed"]:
        raise typer.Exit(GATE_FAILED)


def _writable(output: Path) -> None:
    """Raises `UserError` now rather than lose the scores at the end."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.open("a").close()
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}") from error


def run(data: Path | None, repeats: int, folder: Path | None, say: Say) -> dict[str, Any]:
    """Everything but the printing. Raises `UserError` for what a person can mend."""
    items, bad = dataset.read(data or SAMPLE)
    if data is not None:
        kafka.reachable(running_settings())
    limits = gates.read(running_settings().policies)
    model = _model(running_settings())
    with ExitStack() as stack:
        chosen = running_settings()
        if data is None:
            say("a stack of its own, with the sample corpus")
            chosen = stack.enter_context(asking.sample_stack(folder, say))
        asked = items * repeats
        replies = asking.ask_all(chosen, asked, say)
    say("scoring")
    judge, found = score_all(chosen, model, asked, replies, say)
    return report(judge, limits, items, repeats, list(zip(replies, found, strict=True)), bad)


def _model(chosen: Settings) -> Model | None:
    """The local judge's, unless another is asked: then its encoder alone is used.

    Raises `UserError` where its weights are missing or others than the manifest has, before
    anything is asked.
    """
    if chosen.of(JudgeSettings).url:
        return None
    model, file = load(), shipped()
    allowed = weights.read(weights.place(chosen.policies), chosen.weights_key)
    allowed.check("judge", weights.digest_of(file), file)
    return model


def score_all(
    chosen: Settings, model: Model | None, items: Sequence[Item], replies: Sequence[Reply], say: Say
) -> tuple[str, list[Scores]]:
    """The judge's name, and the scores of each reply; those that need none are not judged."""
    with tempfile.TemporaryDirectory() as temporary:
        cache = kept("models", Path(temporary))
        judge = LocalJudge(cache, model or untrained(), reads=model is not None)
        with judge as local, Scorer(chosen, local) as scorer:
            return scorer.name, score_each(scorer, items, replies, say)


def score_each(
    scorer: Scorer, items: Sequence[Item], replies: Sequence[Reply], say: Say
) -> list[Scores]:
    """The scores of each reply; an interrupt leaves the rest unmeasured."""
    scores: list[Scores] = []
    try:
        for item, reply in zip(items, replies, strict=True):
            scores.append(scorer.score(item, reply) if item.answerable else Scores())
            if len(scores) % 10 == 0:
                say(f"{len(scores)} of {len(items)} are scored")
    except KeyboardInterrupt:
        say(f"interrupted: {len(scores)} of {len(items)} are scored")
        rest = Scores(unmeasured=dict.fromkeys(METRICS, "the run was interrupted"))
        scores += [rest] * (len(items) - len(scores))
    return scores


def show(found: dict[str, Any]) -> None:
    """The scores as a person reads them, and what failed."""
    out = Console(highlight=False)
    table = Table("metric", "value", "95 %", "gate", "measured", "", box=None)
    for name, total in found["totals"].items():
        least = found["gates"]["least"].get(name)
        measured = total["value"] is not None
        table.add_row(
            name,
            f"{total['value']:.3f}" if measured else total["status"],
            f"{total['low']:.3f} to {total['high']:.3f}" if measured else "",
            "" if least is None else f"{least:.2f}",
            f"{total['measured']} of {total['of']}",
            _verdict(name, found),
        )
    out.print(table)
    for title, share in (
        ("right answers", found["right"]),
        ("answerable, answered", found["abstention"]["answerable"]),
        ("unanswerable, abstained", found["abstention"]["unanswerable"]),
    ):
        out.print(f"{title}: {share['right']} of {share['of']}")
    agreed = found["judge"]["agreement"] or "not measured"
    if isinstance(agreed, dict):
        agreed = ", ".join(f"{name} {value:.2f}" for name, value in agreed.items())  # pyright: ignore
    out.print(f"judge: {found['judge']['name']} (AUC against people: {agreed})")
    for each in found["bad_lines"]:
        out.print(f"line {each['line']} {each['reason']}: not asked", markup=False)
    if found["bad_lines"]:
        lines = found["lines"]
        out.print(f"asked: {lines['asked']} of {lines['of']} lines; the others are unmeasured")
    for name, total in found["totals"].items():
        if total["status"] == "unmeasured" and name not in found["gates"]["failed"]:
            out.print(f"{name} is unmeasured: {gates.reasons(total['unmeasured'])}", markup=False)
    for name, why in found["gates"]["failed"].items():
        out.print(f"[red]gate failed:[/red] {name} {escape(why)}")
        for worst in found["gates"]["worst"][name]:
            value = f"{worst['value']:.2f}" if "value" in worst else worst["unmeasured"]
            out.print(f"    {worst['id']}: {worst['question']} ({value})", markup=False)


def _verdict(name: str, found: dict[str, Any]) -> str:
    if name not in found["gates"]["least"] or not found["totals"][name]["of"]:
        return ""  # nothing to pass or fail
    return "[red]failed[/red]" if name in found["gates"]["failed"] else "passed"


def main() -> None:
    app(prog_name=COMMAND)


if __name__ == "__main__":
    sys.exit(main())
