"""`freshness`: how soon a change is searchable and a delete is gone, idle and under a bulk feed."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer

from evaluation.bench import corpus, running
from evaluation.bench.child import Child
from evaluation.bench.client import Client
from evaluation.bench.ingest import feed
from evaluation.bench.measures import Latency
from evaluation.bench.report import Figure, Findings, Say, Target
from schemas import topics
from schemas.events import DocumentFed
from streams.app import codecs, opening
from streams.app.settings import Settings
from streams.edge.client import edge_output, from_the_end, reader
from streams.edge.documents import Feeder
from streams.flow.errors import UserError
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.record import now_ms

P50 = {"idle": Target("value", "at most", 50), "under a bulk feed": Target("value", "at most", 150)}
P99 = Target("value", "at most", 600)
TENANT = "bench"
PAUSE_S = 0.05  # between changes: none may ride along with the one before
VERIFIED_EVERY = 10
UNDER_LOAD_S = 0.5  # between changes under load, where each waits behind the bulk
PATIENCE_S = 120.0
LOADED = 200  # documents of the bulk feed that are through before changes are timed


@dataclass(frozen=True, slots=True)
class Options:
    data: Path | None
    documents: int
    changes: int


@dataclass(slots=True)
class Samples:
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
        prober = Prober(settings, codecs.codec(settings, stack), documents)
        say(f"idle: {options.changes} changes and deletes")
        idle = prober.probe("idle", options.changes, 0)
        cited = prober.cited(10)
        say("under a bulk feed")
        with Child("evaluation.bench.feeding", settings) as load:
            load.call("start", settled=min(LOADED, options.documents))
            before, begin = load.call("settled"), time.perf_counter()
            loaded = prober.probe("loaded", options.changes, UNDER_LOAD_S)
            rate = (load.call("settled") - before) / (time.perf_counter() - begin)
    figures: list[Figure] = []
    for samples, when in ((idle, "idle"), (loaded, "under a bulk feed")):
        for times, what in ((samples.changed, "searchable"), (samples.deleted, "gone")):
            latency = Latency.of(times)
            word = "change" if what == "searchable" else "delete"
            for name, value, target in (("p50", latency.p50, P50[when]), ("p99", latency.p99, P99)):
                title = f"{word} fed until {what}, {when}, {name}"
                figures.append(Figure(title, value, "ms", target=target))
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


class Prober:
    """Changes and deletes documents, and times each until its acknowledgement."""

    def __init__(self, settings: Settings, codec: Codec, documents: Sequence[DocumentFed]) -> None:
        self._settings = settings
        self._codec = codec
        self._documents = documents

    def probe(self, run: str, count: int, every_s: float) -> Samples:
        """Each document is changed and, once that is acknowledged, deleted.

        With `every_s` the next one starts after so long, whatever has become of those before it;
        with 0 when the one before it is through.
        """
        samples = Samples()
        changed = [
            corpus.marked(self._documents[number % len(self._documents)], f"{run}{number}zq")
            for number in range(count)
        ]
        with reader(self._settings) as consumer:
            changes = Changes(self._settings, self._codec, consumer)
            started, due = 0, 0.0
            while started < count or changes.waiting:
                now = time.perf_counter()
                free = now >= due if every_s else not changes.waiting
                if started < count and free:
                    time.sleep(0 if every_s else PAUSE_S)
                    due = now + every_s
                    changes.send(started, changed[started])
                    started += 1
                for number, document, took in changes.acknowledged():
                    looked_at = number % VERIFIED_EVERY == 0
                    if document.op == "delete":
                        samples.deleted.append(took)
                        if looked_at:
                            self._verify(samples, document.doc_id, lambda texts: not texts)
                        continue
                    samples.changed.append(took)
                    if looked_at:
                        mark = f"{run}{number}zq"
                        self._verify(samples, document.doc_id, lambda texts, m=mark: m in texts)
                    gone = dataclasses.replace(document, op="delete", body=None, title=None)
                    changes.send(number, gone)
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
                feeder.feed([document])
                answer = client.answer(f"Which revision {mark} applies?")
                found += any(each.doc_id == document.doc_id for each in answer.citations)
        return f"{found} of {count}"

    def _verify(self, samples: Samples, doc_id: str, holds: Callable[[str], bool]) -> None:
        """Look at once whether what was acknowledged is so."""
        texts = ""
        for line in opening.dump_index(self._settings, TENANT):
            chunk = json.loads(line)
            if chunk["doc_id"] == doc_id:
                texts += chunk["text"]
        samples.verified += 1
        samples.contradicted += not holds(texts)


class Changes:
    """Changes that were fed and wait for their acknowledgements."""

    def __init__(self, settings: Settings, codec: Codec, consumer: Consumer) -> None:
        self._codec = codec
        self._consumer = consumer
        self._producer = kafka.new_producer(kafka.producer_options(settings))
        self._heard = time.monotonic()
        self.waiting: dict[tuple[str, int], tuple[int, DocumentFed, float]] = {}
        from_the_end(consumer, [topics.DOCS_INDEXED.name])

    def send(self, number: int, document: DocumentFed) -> None:
        fed_at = now_ms()
        output = edge_output(self._codec, topics.DOCS_FEED, document, f"{number}@{fed_at}")
        self.waiting[document.doc_id, fed_at] = number, document, time.perf_counter()
        self._producer.produce(output.topic, output.value, output.key, timestamp=fed_at)
        self._producer.poll(0)

    def acknowledged(self) -> Iterator[tuple[int, DocumentFed, float]]:
        """What became so just now: its number, the change, and the milliseconds it took.

        Raises:
            UserError: nothing was acknowledged for a long time.
        """
        first = self._consumer.poll(0.02)
        now = time.perf_counter()
        for message in () if first is None else (first, *self._consumer.consume(500, 0)):
            value: Any = message.value()
            if message.error() is not None:
                continue
            self._heard = time.monotonic()
            done = self._codec.decode(topics.DOCS_INDEXED, value)
            version = done.document
            if done.last and version.tenant == TENANT:
                found = self.waiting.pop((version.doc_id, version.fed_at), None)
                if found is not None:
                    number, document, sent = found
                    yield number, document, (now - sent) * 1000
        if self.waiting and time.monotonic() - self._heard > PATIENCE_S:
            raise UserError(f"nothing became searchable for {PATIENCE_S:.0f} s")
