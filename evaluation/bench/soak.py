"""`soak`: what the stack's processes hold, minute by minute, at half of what it can do."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import psutil

from evaluation.bench import corpus, running
from evaluation.bench.child import Child
from evaluation.bench.client import Client
from evaluation.bench.ingest import feed
from evaluation.bench.report import Figure, Findings, Say, Target
from streams.app import codecs
from streams.app.settings import Settings
from streams.local import state as stack_state

MB = 1e6
FLAT = Target("ratio", "at most", 1.1)
TENANT = "bench"
LOAD = 0.5  # of what it can do: a quarter by questions, a quarter by changes
WAITING = 32
LOOKS = 12  # at the least, in however short a run
KEPT = "kafka"  # grows until records are as old as its topics keep them
UNITS = {"memory": "MB", "threads": "", "handles": "", "index": "MB", KEPT: "MB", "other": "MB"}
"""What is looked at: of all processes together, and of folders below the data folder."""


@dataclass(frozen=True, slots=True)
class Options:
    data: Path | None
    documents: int
    minutes: float


def quick(options: Options) -> Options:
    return dataclasses.replace(options, documents=60, minutes=1.0)


def run(options: Options, say: Say) -> Findings:
    """How much can be done; then half of that for so many minutes, looked at each minute."""
    chosen = corpus.corpus(options.data, corpus.SCIFACT)
    seconds = 60 * options.minutes
    with running.data_folder() as folder, ExitStack() as stack:
        # Deleted text leaves the index four times meanwhile.
        index = {"erased_hours": seconds / 3600 / 2}
        settings = stack.enter_context(running.whole_stack(folder, say, index=index))
        changes, _ = feed(settings, chosen, TENANT, options.documents, say)
        queries = chosen.queries(500)
        say("how many questions it answers a second")
        with Client(settings, codecs.codec(settings, stack), TENANT) as client:
            client.saturated(queries[:100], WAITING)
            questions, _ = client.saturated(queries, WAITING)
        half = {"questions": questions * LOAD / 2, "changes": changes * LOAD / 2}
        say(f"{half['questions']:.1f} questions and {half['changes']:.1f} changes a second")
        load = stack.enter_context(Child("evaluation.bench.soaking", settings))
        load.call("start", documents=options.documents, **half)
        looks: list[dict[str, float]] = []
        begin, every = time.monotonic(), min(60.0, seconds / LOOKS)
        while time.monotonic() - begin < seconds:
            time.sleep(every)
            minute = {"minute": round((time.monotonic() - begin) / 60, 1)}
            looks.append(minute | look(settings) | load.call("done"))
            say(", ".join(f"{name} {value:,.0f}" for name, value in looks[-1].items()))
    return Findings(figures(looks), {"by_minute": looks, "a_second": half, "corpus": chosen.name})


def figures(looks: Sequence[Mapping[str, float]]) -> list[Figure]:
    """The last third against the first, which begins once everything is warm."""
    warm = looks[len(looks) // 10 :]
    third = max(1, len(warm) // 3)
    found: list[Figure] = []
    for name, unit in UNITS.items():
        # While the index is written anew it is there twice.
        of = min if name == "index" else fmean
        first, last = (of(each[name] for each in part) for part in (warm[:third], warm[-third:]))
        target = FLAT if name in ("memory", "threads", "handles", "index") else None
        found.append(Figure(f"{name}, last third", last, unit, first, "first third", target))
    for name in ("asked", "changed"):
        found.append(Figure(f"{name} in all", looks[-1][name], ""))
    return found


def look(settings: Settings) -> dict[str, float]:
    """At this moment: sums over the stack's processes, and MB on the disk."""
    found = dict.fromkeys(UNITS, 0.0)
    for each in stack_state.status(settings)["processes"]:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(each["pid"])
            found["memory"] += process.memory_info().rss / MB
            found["threads"] += process.num_threads()
            found["handles"] += process.num_fds()
    for file in settings.data.rglob("*"):
        with contextlib.suppress(OSError):  # it may go just now
            top = file.relative_to(settings.data).parts[0]
            name = top if top in UNITS else "other"
            found[name] += file.stat().st_blocks * 512 / MB
    return found
