"""`millrace bench`: the measurements, each against its limit in the same run."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from evaluation.bench.report import Findings, Say

app = typer.Typer(
    help="Measurements, each against its limit in the same run.", no_args_is_help=True
)
TARGET_MISSED = 1

Output = Annotated[Path | None, typer.Option("--output", help="Write JSON to this file.")]
Gate = Annotated[bool, typer.Option("--gate", help="Exit with 1 where a target is missed.")]
Quick = Annotated[bool, typer.Option("--quick", help="A smoke test: too small to quote.")]
Rounds = Annotated[int, typer.Option(min=1, help="Times everything is measured, in turn.")]
Data = Annotated[Path | None, typer.Option(help="A BEIR folder instead of the default corpus.")]
Documents = Annotated[int, typer.Option(min=10, help="Documents at most.")]


@app.callback()
def bench() -> None:
    """Measurements, each against its limit in the same run."""


@app.command()
def runtime(
    records: Annotated[int, typer.Option(min=1000, help="Events of a round.")] = 100_000,
    rounds: Rounds = 5,
    batch: Annotated[int, typer.Option(min=1, help="Records of a transaction.")] = 500,
    output: Output = None,
    gate: Gate = False,
    quick: Quick = False,
) -> None:
    """Events per second through a stage, exactly once, against a bare transactional loop."""
    from evaluation.bench import runtime as module

    options = module.QUICK if quick else module.Options(records, rounds, batch)
    _measure("runtime", lambda say: module.run(options, say), output, gate=gate, quick=quick)


@app.command()
def hops(
    events: Annotated[int, typer.Option(min=10, help="Events that are timed.")] = 400,
    rate: Annotated[float, typer.Option(min=0.1, help="Events a second.")] = 20.0,
    size: Annotated[int, typer.Option(min=50, help="Bytes of an event.")] = 500,
    apart: Annotated[bool, typer.Option("--apart", help="Also a process for each stage.")] = False,
    output: Output = None,
    gate: Gate = False,
    quick: Quick = False,
) -> None:
    """Milliseconds through six stages that do nothing, against one produce and consume."""
    from evaluation.bench import hops as module

    options = module.QUICK if quick else module.Options(events, rate, size, apart)
    _measure("hops", lambda say: module.run(options, say), output, gate=gate, quick=quick)


@app.command()
def ingest(
    data: Data = None,
    documents: Documents = 100_000,
    rounds: Rounds = 1,
    output: Output = None,
    gate: Gate = False,
    quick: Quick = False,
) -> None:
    """Documents per second from feed to searchable, against the embedder alone (SciFact)."""
    from evaluation.bench import ingest as module

    size = module.QUICK if quick else documents
    options = module.Options(data, size, rounds)
    _measure("ingest", lambda say: module.run(options, say), output, gate=gate, quick=quick)


@app.command()
def freshness(
    data: Data = None,
    documents: Documents = 1000,
    changes: Annotated[int, typer.Option(min=10, help="Changes, and deletes, timed.")] = 200,
    output: Output = None,
    gate: Gate = False,
    quick: Quick = False,
) -> None:
    """Milliseconds until a change is searchable and a delete is gone, idle and under load."""
    from evaluation.bench import freshness as module

    options = module.Options(data, documents, changes)
    options = module.quick(options) if quick else options
    _measure("freshness", lambda say: module.run(options, say), output, gate=gate, quick=quick)


@app.command()
def ask(
    data: Data = None,
    documents: Documents = 100_000,
    questions: Annotated[int, typer.Option(min=20, help="Of a round, one at a time.")] = 150,
    saturating: Annotated[int, typer.Option(min=64, help="Of a round, saturated.")] = 1500,
    waiting: Annotated[int, typer.Option(min=1, help="Questions waiting at once.")] = 32,
    rounds: Rounds = 3,
    unguarded: Annotated[
        bool,
        typer.Option("--unguarded", help="Also the processors without policy, guard and counting."),
    ] = False,
    output: Output = None,
    gate: Gate = False,
    quick: Quick = False,
) -> None:
    """Milliseconds of a question and questions per second, against the processors alone."""
    from evaluation.bench import ask as module

    options = module.Options(data, documents, questions, saturating, waiting, rounds, unguarded)
    options = module.quick(options) if quick else options
    _measure("ask", lambda say: module.run(options, say), output, gate=gate, quick=quick)


@app.command()
def retrieval(
    data: Annotated[list[Path], typer.Option("--data", help="A BEIR folder; may be repeated.")],
    runs: Annotated[Path | None, typer.Option(help="Write TREC runs into this folder.")] = None,
    questions: Annotated[
        int | None, typer.Option(min=1, help="Questions of each set, from the start.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Of qrels/; unset: test, else dev, else train.")
    ] = None,
    output: Output = None,
    gate: Gate = False,
    quick: Quick = False,
) -> None:
    """How well questions find their documents, part by part, through the running pipeline."""
    from evaluation.bench import retrieval as module

    options = module.Options(data, runs, module.QUICK if quick else questions, split)
    _measure("retrieval", lambda say: module.run(options, say), output, gate=gate, quick=quick)


@app.command()
def memory(
    data: Data = None,
    documents: Documents = 100_000,
    lag: Annotated[int, typer.Option(min=100, help="Records that wait at the start.")] = 100_000,
    watch: Annotated[float, typer.Option(help="Seconds to watch it work them off.")] = 120.0,
    output: Output = None,
    gate: Gate = False,
    quick: Quick = False,
) -> None:
    """Memory of the whole stack, at rest (ObliQA indexed) and under a lag of 100,000 records."""
    from evaluation.bench import memory as module

    options = module.Options(data, documents, lag, watch)
    options = module.quick(options) if quick else options
    _measure("memory", lambda say: module.run(options, say), output, gate=gate, quick=quick)


@app.command()
def attacks(
    data: Data = None,
    documents: Documents = 200,
    questions: Annotated[int, typer.Option(min=20, help="Timed under each attack.")] = 80,
    changes: Annotated[int, typer.Option(min=10, help="Timed under each attack.")] = 30,
    output: Output = None,
    gate: Gate = False,
    quick: Quick = False,
) -> None:
    """Another tenant's questions and changes under each attack, against undisturbed ones."""
    from evaluation.bench import attacks as module

    options = module.Options(data, documents, questions, changes)
    options = module.quick(options) if quick else options
    _measure("attacks", lambda say: module.run(options, say), output, gate=gate, quick=quick)


@app.command()
def soak(
    data: Data = None,
    documents: Documents = 300,
    minutes: Annotated[float, typer.Option(min=1, help="How long.")] = 60.0,
    output: Output = None,
    gate: Gate = False,
    quick: Quick = False,
) -> None:
    """Memory, threads, handles and disk by the minute, at half of what the stack can do."""
    from evaluation.bench import soak as module

    options = module.Options(data, documents, minutes)
    options = module.quick(options) if quick else options
    _measure("soak", lambda say: module.run(options, say), output, gate=gate, quick=quick)


@app.command()
def overload(
    data: Data = None,
    documents: Documents = 1000,
    seconds: Annotated[float, typer.Option(min=10, help="How long.")] = 120.0,
    times: Annotated[float, typer.Option(min=1, help="What can be answered is asked.")] = 5.0,
    deadline: Annotated[float, typer.Option(min=1, help="Of each question, seconds.")] = 30.0,
    output: Output = None,
    gate: Gate = False,
    quick: Quick = False,
) -> None:
    """Five times the questions that can be answered: who is let in, and when the others know."""
    from evaluation.bench import overload as module

    options = module.Options(data, documents, seconds, times, deadline)
    options = module.quick(options) if quick else options
    _measure("overload", lambda say: module.run(options, say), output, gate=gate, quick=quick)


@app.command()
def revoke(
    data: Data = None,
    documents: Documents = 300,
    each: Annotated[int, typer.Option(min=3, help="Closed, deleted, changed, each.")] = 30,
    output: Output = None,
    gate: Gate = False,
    quick: Quick = False,
) -> None:
    """From when nobody is shown what was closed, deleted or changed: index, cache, sessions."""
    from evaluation.bench import revoke as module

    options = module.Options(data, documents, each)
    options = module.quick(options) if quick else options
    _measure("revoke", lambda say: module.run(options, say), output, gate=gate, quick=quick)


@app.command()
def routing(
    data: Annotated[list[Path], typer.Option(help="Outcomes of a weak and a strong model.")],
    output: Output = None,
    gate: Gate = False,
    quick: Quick = False,
) -> None:
    """What the routing rules keep of a strong model's quality, and what they save (RouteLLM)."""
    from evaluation.bench import routing as module

    options = module.Options(data)
    _measure("routing", lambda say: module.run(options, say), output, gate=gate, quick=quick)


@app.command()
def size(
    chunks: Annotated[int, typer.Option(min=2000, help="Of the large index.")] = 1_000_000,
    small: Annotated[int, typer.Option(min=1000, help="Of the one it is held against.")] = 50_000,
    questions: Annotated[int, typer.Option(min=20, help="Timed, one at a time.")] = 200,
    share: Annotated[
        float, typer.Option(min=0.05, max=1.0, help="Of the time, that copying takes.")
    ] = 0.25,
    output: Output = None,
    gate: Gate = False,
    quick: Quick = False,
) -> None:
    """The embedded index at a million chunks: search, recall, its graph's making, memory, disk."""
    from evaluation.bench import size as module

    options = module.QUICK if quick else module.Options(chunks, small, questions, share)
    _measure("size", lambda say: module.run(options, say), output, gate=gate, quick=quick)


@app.command()
def up(
    rounds: Rounds = 3,
    output: Output = None,
    gate: Gate = False,
    quick: Quick = False,
) -> None:
    """Seconds from `millrace up` to ready, on an empty folder and on one used before."""
    from evaluation.bench import up as module

    count = 1 if quick else rounds
    _measure("up", lambda say: module.run(count, say), output, gate=gate, quick=quick)


def _measure(
    name: str, run: Callable[[Say], Findings], output: Path | None, *, gate: bool, quick: bool
) -> None:
    """Run one bench: progress on standard error, a table on standard output, JSON to the file."""
    from rich.console import Console

    from evaluation.bench import report

    # Asked to end, it still takes its stack down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    err = Console(stderr=True, highlight=False)
    setting = report.Setting.here()
    begin = time.monotonic()

    def say(what: str) -> None:
        err.print(f"[dim]{time.monotonic() - begin:6.0f} s  {name}: {what}[/dim]")

    findings = run(say)
    found = report.as_json(name, findings, setting, time.monotonic() - begin, quick=quick)
    if output is not None:
        report.write(output, found)
    report.show(Console(highlight=False), found)
    if gate and any(figure.met is False for figure in findings.figures):
        raise typer.Exit(TARGET_MISSED)
