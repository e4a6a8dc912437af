"""`freshness`: how soon a change is searchable and a delete is gone, idle and under a bulk feed."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.bench import corpus, running
from evaluation.bench.child import Child
from evaluation.bench.client import Client
from evaluation.bench.ingest import feed
from evaluation.bench.measures import Latency
from evaluation.bench.report import Figure, Findings, Say, Target
from schemas.events import DocumentFed
from streams import wiring
from streams.client import Feeder, reader
from streams.codec import Codec
from streams.settings import Settings

P50 = Target("value", "at most", 200)
P99 = Target("value", "at most", 600)
TENANT = "bench"
PAUSE_S = 0.05  # between changes: none may ride along with the one before
VERIFIED_EVERY = 10
UNDER_LOAD = 5  # so many times fewer changes, since each waits behind the bulk
LOADED = 200  # documents of the bulk feed that are through before changes are timed


@dataclass(frozen=True, slots=True)
class Options:
    data: Path | None
    documents: int
    changes: int


@dataclass(slots=True)
class _Samples:
    """Milliseconds to the acknowledgement, and how many were looked up and found as it said."""

    changed: list[float] = field(default_factory=list[float])
    deleted: list[float] = field(default_factory=list[float])
    verified: int = 0
    contradicted: int = 0


def quick(options: Options) -> Options:
    return dataclasses.replace(options, documents=60, changes=20)


def run(options: Options, say: Say) -> Findings:
    chosen = corpus.corpus(options.data, corpus.SCIFACT)
    with running.data_folder() as folder, ExitStack() as stack:
        settings = stack.enter_context(running.whole_stack(folder, say))
        feed(settings, chosen, TENANT, options.documents, say)
        documents = chosen.documents(settings, TENANT, options.documents)
        prober = _Prober(settings, wiring.codec(settings, stack), documents)
        say(f"idle: {options.changes} changes and deletes")
        idle = prober.probe("idle", options.changes)
        cited = prober.cited(10)
        say("under a bulk feed")
        with Child("evaluation.bench.feeding", settings) as load:
            load.call("start", settled=min(LOADED, options.documents))
            before, begin = load.call("settled"), time.perf_counter()
            count = max(3, options.changes // UNDER_LOAD)
            loaded = prober.probe("loaded", count)
            rate = (load.call("settled") - before) / (time.perf_counter() - begin)
    figures: list[Figure] = []
    for samples, when in ((idle, "idle"), (loaded, "under a bulk feed")):
        for times, what in ((samples.changed, "searchable"), (samples.deleted, "gone")):
            latency = Latency.of(times)
            word = "change" if what == "searchable" else "delete"
            for name, value, target in (("p50", latency.p50, P50), ("p99", latency.p99, P99)):
                aim = target if when == "idle" else None
                figures.append(
                    Figure(f"{word} fed until {what}, {when}, {name}", value, "ms", target=aim)
                )
    return Findings(
        figures,
        {
            "idle": {"changed": Latency.of(idle.changed), "deleted": Latency.of(idle.deleted)},
            "loaded": {
                "changed": Latency.of(loaded.changed),
                "deleted": Latency.of(loaded.deleted),
                "documents_per_s": rate,
            },
            "looked_up": idle.verified + loaded.verified,
            "contradicted": idle.contradicted + loaded.contradicted,
            "asked_and_cited": cited,
            "corpus": chosen.name,
            "documents": len(documents),
        },
    )


class _Prober:
    """Changes and deletes documents one at a time, and waits for each acknowledgement."""

    def __init__(self, settings: Settings, codec: Codec, documents: Sequence[DocumentFed]) -> None:
        self._settings = settings
        self._codec = codec
        self._documents = documents

    def probe(self, run: str, count: int) -> _Samples:
        samples = _Samples()
        with reader(self._settings) as consumer:
            feeder = Feeder(self._settings, self._codec, consumer)
            for number in range(count):
                mark = f"{run}{number}zq"
                changed = corpus.marked(self._documents[number % len(self._documents)], mark)
                looked_at = number % VERIFIED_EVERY == 0
                samples.changed.append(_timed(feeder, changed))
                if looked_at:
                    self._verify(samples, changed.doc_id, lambda texts, m=mark: m in texts)
                deleted = dataclasses.replace(changed, op="delete", body=None, title=None)
                samples.deleted.append(_timed(feeder, deleted))
                if looked_at:
                    self._verify(samples, changed.doc_id, lambda texts: not texts)
        return samples

    def cited(self, count: int) -> str:
        """How often a question for a word that only a new version has is answered from it."""
        found = 0
        with (
            reader(self._settings) as consumer,
            Client(self._settings, self._codec, TENANT) as client,
        ):
            feeder = Feeder(self._settings, self._codec, consumer)
            for number in range(count):
                mark = f"asked{number}zq"
                document = corpus.marked(self._documents[number], mark)
                _timed(feeder, document)
                answer = client.answer(f"Which revision {mark} applies?")
                found += any(each.doc_id == document.doc_id for each in answer.citations)
        return f"{found} of {count}"

    def _verify(self, samples: _Samples, doc_id: str, holds: Callable[[str], bool]) -> None:
        """Look at once whether what was acknowledged is so."""
        texts = ""
        for line in wiring.dump_index(self._settings, TENANT):
            chunk = json.loads(line)
            if chunk["doc_id"] == doc_id:
                texts += chunk["text"]
        samples.verified += 1
        samples.contradicted += not holds(texts)


def _timed(feeder: Feeder, document: DocumentFed) -> float:
    time.sleep(PAUSE_S)
    begin = time.perf_counter()
    feeder.feed([document])
    return (time.perf_counter() - begin) * 1000
