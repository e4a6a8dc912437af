"""`ask`: a question's milliseconds and questions per second, against the processors alone."""

from __future__ import annotations

import dataclasses
import random
import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.bench import corpus, running
from evaluation.bench.child import Child
from evaluation.bench.client import Client
from evaluation.bench.ingest import feed
from evaluation.bench.measures import Latency, Spread
from evaluation.bench.report import Figure, Findings, Say, Target
from streams.app import codecs
from streams.app.settings import Settings

P50 = Target("ratio", "at most", 2.5)
RATE = Target("ratio", "at least", 0.9)
# Of the guard and of counting, against the same processors without: 15 % slower at most.
SLOWER = Target("ratio", "at most", 1.15)
FEWER = Target("ratio", "at least", 1 / 1.15)
TENANT = "bench"
LOADED = 200  # documents of the bulk feed that are through before questions are timed


@dataclass(frozen=True, slots=True)
class Options:
    data: Path | None
    documents: int
    questions: int
    saturating: int
    waiting: int
    rounds: int
    unguarded: bool = False  # also the processors without policy, guard and counting


@dataclass(slots=True)
class _Samples:
    alone: list[float] = dataclasses.field(default_factory=list[float])
    alone_bare: list[float] = dataclasses.field(default_factory=list[float])
    alone_unguarded: list[float] = dataclasses.field(default_factory=list[float])
    rates_unguarded: list[float] = dataclasses.field(default_factory=list[float])
    rates: list[float] = dataclasses.field(default_factory=list[float])
    rates_bare: list[float] = dataclasses.field(default_factory=list[float])
    saturated: list[float] = dataclasses.field(default_factory=list[float])
    loaded: list[float] = dataclasses.field(default_factory=list[float])
    documents_per_s: float = 0.0


def quick(options: Options) -> Options:
    return dataclasses.replace(options, documents=120, questions=30, saturating=128, rounds=1)


def run(options: Options, say: Say) -> Findings:
    """With the pipeline and without, round after round, on one index; last, under a bulk feed."""
    chosen = corpus.corpus(options.data, corpus.SCIFACT)
    with running.data_folder() as folder, ExitStack() as stack:
        settings = stack.enter_context(running.whole_stack(folder / "stack", say))
        _, report = feed(settings, chosen, TENANT, options.documents, say)
        codec = codecs.codec(settings, stack)
        client = stack.enter_context(Client(settings, codec, TENANT))
        bare = stack.enter_context(
            Child("evaluation.bench.inline", _copied(settings, folder / "copy"))
        )
        stages = bare.call("prepare")
        open_to_all: Child | None = None
        if options.unguarded:
            copy = _copied(settings, folder / "unguarded")
            open_to_all = stack.enter_context(Child("evaluation.bench.inline", copy))
            open_to_all.call("prepare", unguarded=True)
        samples = _measure(options, chosen, client, bare, open_to_all, settings, say)
        statuses = dict(client.statuses)
    return Findings(
        _figures(samples, options.waiting),
        {
            "one_at_a_time": Latency.of(samples.alone),
            "one_at_a_time_bare": Latency.of(samples.alone_bare),
            "saturated": Latency.of(samples.saturated),
            "under_bulk_ingest": Latency.of(samples.loaded),
            "documents_per_s_meanwhile": samples.documents_per_s,
            "questions_per_s": Spread.of(samples.rates),
            "questions_per_s_bare": Spread.of(samples.rates_bare),
            "waiting": options.waiting,
            "answers": statuses,
            "stages": stages,
            "corpus": chosen.name,
            "documents": report.searchable,
            "chunks": report.chunks,
        },
    )


def _measure(
    options: Options,
    chosen: corpus.Corpus,
    client: Client,
    bare: Child,
    unguarded: Child | None,
    settings: Settings,
    say: Say,
) -> _Samples:
    samples = _Samples()
    queries = chosen.queries(max(options.questions, options.saturating))
    chance = random.Random(corpus.SEED)
    say("warming up")
    client.saturated(queries[:64], options.waiting)
    client.one_by_one(queries[:16])
    for child in filter(None, (bare, unguarded)):
        child.call("in_batches", tenant=TENANT, queries=queries[:64], size=options.waiting)
        child.call("one_by_one", tenant=TENANT, queries=queries[:16])
    for number in range(options.rounds):
        say(f"round {number + 1} of {options.rounds}")
        single = chance.sample(queries, options.questions)
        many = chance.sample(queries, options.saturating)
        samples.alone += client.one_by_one(single)
        samples.alone_bare += bare.call("one_by_one", tenant=TENANT, queries=single)
        rate, took = client.saturated(many, options.waiting)
        samples.rates.append(rate)
        samples.saturated += took
        samples.rates_bare.append(
            bare.call("in_batches", tenant=TENANT, queries=many, size=options.waiting)
        )
        if unguarded is not None:
            samples.alone_unguarded += unguarded.call("one_by_one", tenant=TENANT, queries=single)
            samples.rates_unguarded.append(
                unguarded.call("in_batches", tenant=TENANT, queries=many, size=options.waiting)
            )
    say("under a bulk feed")
    with Child("evaluation.bench.feeding", settings) as load:
        load.call("start", settled=min(LOADED, options.documents))
        before, begin = load.call("settled"), time.perf_counter()
        samples.loaded += client.one_by_one(chance.sample(queries, options.questions))
        passed = time.perf_counter() - begin
        samples.documents_per_s = (load.call("settled") - before) / passed
    return samples


def _figures(samples: _Samples, waiting: int) -> list[Figure]:
    alone, bare = Latency.of(samples.alone), Latency.of(samples.alone_bare)
    loaded = Latency.of(samples.loaded)
    limit: dict[str, Any] = {"limit_is": "the processors alone"}
    found = [
        Figure("one question at a time, p50", alone.p50, "ms", bare.p50, target=P50, **limit),
        Figure("one question at a time, p99", alone.p99, "ms", bare.p99, **limit),
        Figure(
            f"{waiting} questions waiting",
            Spread.of(samples.rates).median,
            "questions/s",
            Spread.of(samples.rates_bare).median,
            f"the processors alone, batches of {waiting}",
            RATE,
        ),
        Figure("one at a time under a bulk feed, p50", loaded.p50, "ms", bare.p50, **limit),
        Figure("one at a time under a bulk feed, p99", loaded.p99, "ms", bare.p99, **limit),
    ]
    return found + _guarded(samples, waiting) if samples.rates_unguarded else found


def _guarded(samples: _Samples, waiting: int) -> list[Figure]:
    """What policy, guard and counting cost: without Kafka, of whose time they are a larger part."""
    guarded, without = Latency.of(samples.alone_bare), Latency.of(samples.alone_unguarded)
    rates, rates_without = Spread.of(samples.rates_bare), Spread.of(samples.rates_unguarded)
    limit_is = "without policy, guard and counting"
    return [
        Figure("the processors alone, p50", guarded.p50, "ms", without.p50, limit_is, SLOWER),
        Figure(
            f"the processors alone, batches of {waiting}",
            rates.median,
            "questions/s",
            rates_without.median,
            limit_is,
            FEWER,
        ),
    ]


def _copied(settings: Settings, copy: Path) -> Settings:
    """The same settings on a copy of the index, since one process at a time can open it.

    What is acknowledged is durable, and nothing is written now: so the copy is whole.
    """
    shutil.copytree(settings.data / "index", copy / "index")
    return settings.model_copy(update={"data": copy, "shed": False})
