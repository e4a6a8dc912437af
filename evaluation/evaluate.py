"""`python -m evaluation.evaluate`: answers of the running pipeline, scored and gated.

Exit codes: 0 all gates passed, 1 a gate failed (named, with the worst questions), 2 a user error.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from evaluation import agreement, asking, dataset, gates, sample
from evaluation.asking import Reply
from evaluation.bench.report import Say, Setting
from evaluation.dataset import Item
from evaluation.judge import LocalJudge, load
from evaluation.lines import BadLine
from evaluation.scoring import METRICS, Scorer, Scores
from evaluation.statistics import Interval, bootstrap
from schemas.errors import UserError
from streams import kafka
from streams.cli.console import settings as running_settings
from streams.settings import Settings

GATE_FAILED, USER_ERROR = 1, 2
COMMAND = "python -m evaluation.evaluate"
WORST = 3  # questions named for a metric that fell
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
        found = run(data, repeats, folder, say)
    except UserError as error:
        console.print(f"[red]error:[/red] {error}")
        raise typer.Exit(USER_ERROR) from None
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    show(found)
    if found["gates"]["failed"]:
        raise typer.Exit(GATE_FAILED)


def run(data: Path | None, repeats: int, folder: Path | None, say: Say) -> dict[str, Any]:
    """Everything but the printing. Raises `UserError` for what a person can mend."""
    items, bad = dataset.read(data or SAMPLE)
    if data is not None:
        kafka.reachable(running_settings())
    limits = gates.read(running_settings().policies)
    with ExitStack() as stack:
        chosen = running_settings()
        if data is None:
            say("a stack of its own, with the sample corpus")
            chosen = stack.enter_context(asking.sample_stack(folder, say))
        asked = items * repeats
        replies = asking.ask_all(chosen, asked, say)
    say("scoring")
    judge, found = score_all(chosen, asked, replies, say)
    return report(judge, limits, items, repeats, list(zip(replies, found, strict=True)), bad)


def score_all(
    chosen: Settings, items: Sequence[Item], replies: Sequence[Reply], say: Say
) -> tuple[str, list[Scores]]:
    """The judge's name, and the scores of each reply; those that need none are not judged."""
    with tempfile.TemporaryDirectory() as temporary:
        cache = chosen.data / "models" if chosen.data.is_dir() else Path(temporary)
        with LocalJudge(cache, load()) as local, Scorer(chosen, local) as scorer:
            scores: list[Scores] = []
            for item, reply in zip(items, replies, strict=True):
                scores.append(scorer.score(item, reply) if item.answerable else Scores())
                if len(scores) % 10 == 0:
                    say(f"{len(scores)} of {len(items)} are scored")
            return scorer.name, scores


def report(
    judge: str,
    limits: gates.Gates,
    items: Sequence[Item],
    repeats: int,
    scored: Sequence[tuple[Reply, Scores]],
    bad: Sequence[BadLine] = (),
) -> dict[str, Any]:
    """The scores file. `scored` holds every item once, then again for each repeat."""
    by_item = [scored[i :: len(items)] for i in range(len(items))]
    totals = {name: _total(name, items, by_item) for name in METRICS}
    failed = limits.failures({n: (t["value"], t["measured"], t["of"]) for n, t in totals.items()})
    questions = [_question(item, rounds) for item, rounds in zip(items, by_item, strict=True)]
    found = {
        "judge": {"name": judge, "agreement": agreement.measured(judge)},
        "setting": asdict(Setting.here()) | {"command": " ".join([COMMAND, *sys.argv[1:]])},
        "repeats": repeats,
        "totals": totals,
        "right": _shares(items, by_item),
        "abstention": {
            "answerable": _shares(items, by_item, True, False),
            "unanswerable": _shares(items, by_item, False, True),
        },
        "gates": {
            "version": limits.version,
            "least": limits.least,
            "failed": failed,
            "worst": {name: _worst(name, questions) for name in failed},
        },
        "bad_lines": [{"line": each.line, "reason": each.reason} for each in bad],
        "questions": questions,
    }
    return _plain(found)


Rounds = Sequence[tuple[Reply, Scores]]


def _total(name: str, items: Sequence[Item], by_item: Sequence[Rounds]) -> dict[str, Any]:
    """The mean over answerable questions, its interval over questions and their repeats."""
    of = [rounds for item, rounds in zip(items, by_item, strict=True) if item.answerable]
    values = [[s.values[name] for _, s in rounds if name in s.values] for rounds in of]
    kept: list[NDArray[np.float64]] = [np.array(each) for each in values if each]
    rng = np.random.default_rng(0)

    def mean(rows: NDArray[np.int_]) -> float:
        numbers: list[int] = rows.tolist()
        whole = numbers == list(range(len(kept)))
        drawn = [kept[i] if whole else rng.choice(kept[i], len(kept[i])) for i in numbers]
        return sum(float(each.mean()) for each in drawn) / len(drawn)

    interval = bootstrap(len(kept), mean) if kept else Interval(*[math.nan] * 3)
    return {
        "value": interval.value,
        "low": interval.low,
        "high": interval.high,
        "measured": len(kept),
        "of": len(of),
        "status": "measured" if kept else "unmeasured",
    }


def _question(item: Item, rounds: Rounds) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    for name in METRICS if item.answerable else ():
        values = [s.values[name] for _, s in rounds if name in s.values]
        reasons = [s.unmeasured[name] for _, s in rounds if name in s.unmeasured]
        metrics[name] = (
            {"value": float(np.mean(values))}
            if values
            else {"unmeasured": reasons[0] if reasons else "not asked for"}
        )
    first = rounds[0][0]
    return {
        "id": item.id,
        "tenant": item.tenant,
        "question": item.question,
        "answerable": item.answerable,
        "statuses": [reply.status for reply, _ in rounds],
        "answer": first.response,
        "cited": first.cited,
        "right": [item.is_right(r.status, r.response, r.cited) for r, _ in rounds],
        "errors": [reply.error for reply, _ in rounds if reply.error],
        "metrics": metrics,
    }


def _shares(
    items: Sequence[Item],
    by_item: Sequence[Rounds],
    answerable: bool | None = None,
    abstained: bool | None = None,
) -> dict[str, int]:
    """How many replies are right; of questions that are (not) answerable, how many abstain as
    they should."""
    told: list[bool] = []
    for item, rounds in zip(items, by_item, strict=True):
        for reply, _ in rounds if answerable in (None, item.answerable) else ():
            if abstained is not None:
                told.append((reply.status == "abstained") == abstained)
            elif (right := item.is_right(reply.status, reply.response, reply.cited)) is not None:
                told.append(right)
    return {"right": sum(told), "of": len(told)}


def _worst(name: str, questions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    there = [q for q in questions if name in q["metrics"]]
    there.sort(key=lambda q: q["metrics"][name].get("value", -1.0))
    return [{"id": q["id"], "question": q["question"], **q["metrics"][name]} for q in there[:WORST]]


def _plain(value: Any) -> Any:
    """JSON has no NaN: what is undefined is null."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    return value


def show(found: dict[str, Any]) -> None:
    """The scores as a person reads them, and what failed."""
    out = Console(highlight=False)
    table = Table("metric", "value", "95 %", "gate", "measured", "", box=None)
    for name, total in found["totals"].items():
        least = found["gates"]["least"].get(name)
        measured = total["value"] is not None
        table.add_row(
            name,
            f"{total['value']:.3f}" if measured else "unmeasured",
            f"{total['low']:.3f} to {total['high']:.3f}" if measured else "",
            "" if least is None else f"{least:.2f}",
            f"{total['measured']} of {total['of']}",
            "[red]failed[/red]" if name in found["gates"]["failed"] else "passed",
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
        out.print(f"line {each['line']} {each['reason']}: left out")
    for name, why in found["gates"]["failed"].items():
        out.print(f"[red]gate failed:[/red] {name} {why}")
        for worst in found["gates"]["worst"][name]:
            value = worst.get("unmeasured") or f"{worst['value']:.2f}"
            out.print(f"    {worst['id']}: {worst['question']} ({value})", markup=False)


def main() -> None:
    app(prog_name=COMMAND)


if __name__ == "__main__":
    sys.exit(main())
