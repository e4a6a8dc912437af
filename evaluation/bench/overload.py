"""`overload`: five times the questions that can be answered, for two minutes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from evaluation.bench import corpus, running
from evaluation.bench.child import Child
from evaluation.bench.client import Client
from evaluation.bench.ingest import feed
from evaluation.bench.measures import percentile
from evaluation.bench.memory import held
from evaluation.bench.report import Figure, Findings, Say, Target
from streams.app import codecs, opening
from streams.app.settings import Settings
from streams.edge import admin

TENANT = "bench"
WAITING = 32
LOOK_S = 1.0
ANSWERED = ("answered", "abstained")

IN_TIME = Target("ratio", "at least", 0.99)
KEPT_UP = Target("ratio", "at least", 0.8)
AT_ONCE = Target("value", "at most", 1000)
NONE = Target("value", "at most", 0)
BOUNDED = Target("ratio", "at most", 1.3)
FLAT = Target("ratio", "at most", 1.1)


@dataclass(frozen=True, slots=True)
class Options:
    data: Path | None
    documents: int
    seconds: float
    times: float
    deadline_s: float


def quick(options: Options) -> Options:
    return dataclasses.replace(options, documents=120, seconds=20.0)


def run(options: Options, say: Say) -> Findings:
    """How much can be answered; then so many times that, looked at each second."""
    chosen = corpus.corpus(options.data, corpus.SCIFACT)
    with running.data_folder() as folder, ExitStack() as stack:
        settings = stack.enter_context(running.whole_stack(folder, say))
        feed(settings, chosen, TENANT, options.documents, say)
        queries = chosen.queries(500)
        say("how many questions it answers a second")
        with Client(settings, codecs.codec(settings, stack), TENANT) as client:
            client.saturated(queries[:100], WAITING)
            capacity, _ = client.saturated(queries, WAITING)
        asked = capacity * options.times
        say(f"{asked:.0f} a second, of which it can do {capacity:.1f}")
        load = stack.enter_context(Child("evaluation.bench.overloading", settings))
        load.call(
            "start",
            queries=queries,
            per_second=asked,
            seconds=options.seconds,
            deadline_ms=int(options.deadline_s * 1000),
        )
        looks = _watched(settings, load, say)
        heard = load.call("heard")
    return Findings(
        figures(heard, looks, capacity, options),
        {
            "asked_a_second": asked,
            "capacity": capacity,
            "deadline_s": options.deadline_s,
            "seconds": options.seconds,
            "heard": {status: len(took) for status, took in heard["took"].items()},
            "by_second": looks,
            "corpus": chosen.name,
        },
    )


def _watched(settings: Settings, load: Child, say: Say) -> list[dict[str, float]]:
    """Memory, and what waits for each stage of a question, until all was asked."""
    way = [each for each in opening.stages(settings) if each.promise is not None]
    looks: list[dict[str, float]] = []
    begin = time.monotonic()
    while not load.call("over"):
        time.sleep(LOOK_S)
        lag = admin.lag(settings, way)
        memory = sum(held(settings).values())
        at = round(time.monotonic() - begin, 1)
        looks.append({"at": at, "memory": memory, "lag": float(sum(lag.values())), **lag})
        if len(looks) % 10 == 0:
            say(f"{at:.0f} s: {memory:,.0f} MB, {looks[-1]['lag']:,.0f} offsets behind")
    return looks


def figures(
    heard: Mapping[str, Any],
    looks: Sequence[Mapping[str, float]],
    capacity: float,
    options: Options,
) -> list[Figure]:
    """What became of the questions; lag and memory of the last third against those before."""
    took: Mapping[str, list[float]] = heard["took"]
    answered = [ms for status in ANSWERED for ms in took.get(status, [])]
    refused = took.get("refused", [])
    let_in = sum(map(len, took.values())) - len(refused)
    in_time = sum(ms <= options.deadline_s * 1000 for ms in answered)
    third = max(1, len(looks) // 3)
    first, middle, last = looks[:third], looks[third : 2 * third] or looks, looks[-third:]

    def of(name: str, part: Sequence[Mapping[str, float]]) -> float:
        return fmean(each[name] for each in part)

    return [
        Figure(
            "admitted and answered within the deadline",
            in_time,
            "questions",
            let_in,
            "admitted",
            IN_TIME,
        ),
        Figure(
            "answered a second",
            len(answered) / options.seconds,
            "questions/s",
            capacity,
            f"asked as fast as it answers, {WAITING} waiting",
            KEPT_UP,
        ),
        Figure("refused, p99", percentile(refused or [0.0], 0.99), "ms", target=AT_ONCE),
        Figure("refused", len(refused), "questions"),
        Figure("never heard of", heard["unheard"], "questions", target=NONE),
        Figure(
            "offsets behind, last third", of("lag", last), "", of("lag", middle), "middle third",
            BOUNDED,
        ),
        Figure(
            "memory, last third", of("memory", last), "MB", of("memory", first), "first third", FLAT
        ),
    ]  # fmt: skip
