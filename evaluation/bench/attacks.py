"""`attacks`: what another tenant's questions and changes cost while one tenant attacks."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.bench import corpus, running
from evaluation.bench.attacking import KINDS
from evaluation.bench.child import Child
from evaluation.bench.client import Client
from evaluation.bench.freshness import Prober
from evaluation.bench.ingest import feed
from evaluation.bench.measures import percentile
from evaluation.bench.memory import held
from evaluation.bench.report import Figure, Findings, Say, Target
from streams.app import codecs, opening
from streams.app.settings import Settings
from streams.edge import admin

OTHERS = Target("ratio", "at most", 1.5)
TENANT = "bench"
P95 = 0.95
LOOK_S = 0.5
BUILT_UP_S = 2.0  # before anything is timed, the attack has begun to be worked on
REST_S = 15.0  # at most, for what an attack has left: it is no part of the next one


@dataclass(frozen=True, slots=True)
class Options:
    data: Path | None
    documents: int
    questions: int
    changes: int


@dataclass(slots=True)
class _Seen:
    """Milliseconds, and the MB of each process at its peak."""

    asked: list[float] = field(default_factory=list[float])
    changed: list[float] = field(default_factory=list[float])
    peaks: dict[str, float] = field(default_factory=dict[str, float])

    def p95(self) -> tuple[float, float]:
        return percentile(self.asked, P95), percentile(self.changed, P95)


def quick(options: Options) -> Options:
    return dataclasses.replace(options, documents=60, questions=20, changes=10)


def run(options: Options, say: Say) -> Findings:
    """Undisturbed, then under one attack after the other, then undisturbed again."""
    chosen = corpus.corpus(options.data, corpus.SCIFACT)
    with running.data_folder() as folder, ExitStack() as stack:
        settings = stack.enter_context(running.whole_stack(folder, say))
        feed(settings, chosen, TENANT, options.documents, say)
        documents = chosen.documents(settings, TENANT, options.documents)
        codec = codecs.codec(settings, stack)
        client = stack.enter_context(Client(settings, codec, TENANT))
        prober = Prober(settings, codec, documents)
        queries = chosen.queries(options.questions)
        attacker = stack.enter_context(Child("evaluation.bench.attacking", settings))

        def measure(name: str, seen: _Seen) -> None:
            with _watched(settings, seen.peaks):
                seen.asked += client.one_by_one(queries)
                probed = prober.probe(name, options.changes, 0)
                seen.changed += probed.changed

        say("warming up")
        client.one_by_one(queries[:20])
        normal, found, sent = _Seen(), dict[str, _Seen](), dict[str, int]()
        say("undisturbed")
        measure("before", normal)
        for number, kind in enumerate(KINDS):
            say(kind)
            attacker.call("start", kind=kind)
            time.sleep(BUILT_UP_S)
            found[kind] = _Seen()
            measure(f"attack{number}", found[kind])
            sent[kind] = attacker.call("stop")
            _await_rest(settings)
        say("undisturbed again")
        measure("after", normal)
    asked, changed = normal.p95()
    figures: list[Figure] = []
    for kind, seen in found.items():
        for what, value, limit in zip(
            ("question", "change"), seen.p95(), (asked, changed), strict=True
        ):
            title = f"another's {what}, {kind}, p95"
            figures.append(Figure(title, value, "ms", limit, "undisturbed", OTHERS))
        least, most = sum(normal.peaks.values()), sum(seen.peaks.values())
        figures.append(Figure(f"the whole stack, {kind}", most, "MB", least, "undisturbed"))
    return Findings(
        figures,
        {
            "undisturbed_p95_ms": {"question": asked, "change": changed},
            "hostile_records": sent,
            "peak_mb": {"undisturbed": normal.peaks} | {k: s.peaks for k, s in found.items()},
            "answers": dict(client.statuses),
            "questions": options.questions,
            "changes": options.changes,
            "corpus": chosen.name,
        },
    )


def _await_rest(settings: Settings) -> None:
    stages = opening.stages(settings)
    until = time.monotonic() + REST_S
    while time.monotonic() < until and any(admin.lag(settings, stages).values()):
        time.sleep(LOOK_S)


@contextmanager
def _watched(settings: Settings, peaks: dict[str, float]) -> Generator[None]:
    """Note the most that each process holds meanwhile."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            for name, size in held(settings).items():
                peaks[name] = max(size, peaks.get(name, 0.0))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
