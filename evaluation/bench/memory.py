"""`memory`: what the stack's processes hold, at rest and while they work off a long lag."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import psutil

from evaluation.bench import corpus, running
from evaluation.bench.ingest import feed
from evaluation.bench.report import Figure, Findings, Say, Target
from schemas import topics
from schemas.events import QuestionAsked
from streams.app.settings import Settings
from streams.edge.client import edge_output
from streams.local.supervisor import Stack
from streams.runtime import kafka
from streams.runtime.codec import Codec

MB = 1e6
AT_REST = Target("value", "at most", 1500)
FLAT = Target("ratio", "at most", 1.3)
TENANT = "bench"
SETTLE_S = 15.0
LOOK_S = 0.5
LONG_MS = 24 * 3600 * 1000  # no question of the lag may expire: each must be worked on


@dataclass(frozen=True, slots=True)
class Options:
    data: Path | None
    documents: int
    lag: int
    watch: float


def quick(options: Options) -> Options:
    return dataclasses.replace(options, documents=60, lag=2000, watch=10.0)


def run(options: Options, say: Say) -> Findings:
    """At rest with a corpus indexed; then, started again with a lag of documents and questions."""
    chosen = corpus.corpus(options.data, corpus.OBLIQA)
    with running.data_folder() as folder:
        with running.whole_stack(folder, say) as settings:
            empty = held(settings)
            _, report = feed(settings, chosen, TENANT, options.documents, say)
            time.sleep(SETTLE_S)
            rest, shared = held(settings), held(settings, proportional=True)
        say(f"producing {options.lag:,} documents and as many questions while no worker runs")
        _lag(folder, options.lag, chosen)
        with running.whole_stack(folder, say) as settings:
            say(f"watching for {options.watch:.0f} s")
            peaks, most = _watch(settings, options.watch)
    total, limit = sum(rest.values()), "at rest"
    figures = [
        Figure("the whole stack at rest", total, "MB", target=AT_REST),
        Figure("the whole stack, nothing indexed", sum(empty.values()), "MB"),
        Figure(f"under a lag of {options.lag:,}, peak", most, "MB", total, limit, FLAT),
    ]
    figures += [
        Figure(f"{name} under the lag, peak", peak, "MB", rest.get(name), limit)
        for name, peak in peaks.items()
    ]
    return Findings(
        figures,
        {
            "empty_mb": empty,
            "rest_mb": rest,
            "rest_proportional_mb": shared,
            "peak_mb": peaks,
            "corpus": chosen.name,
            "documents": report.searchable,
            "chunks": report.chunks,
            "lag": options.lag,
            "watched_s": options.watch,
        },
    )


def held(settings: Settings, *, proportional: bool = False) -> dict[str, float]:
    """MB in memory of each process, the supervisor included; shared pages in full, or shared out
    among those who share them."""

    def size(process: psutil.Process) -> float:
        if not proportional:
            return process.memory_info().rss / MB
        full: Any = process.memory_full_info()
        return full.pss / MB

    return running.of_processes(settings, size)


def _watch(settings: Settings, seconds: float) -> tuple[dict[str, float], float]:
    """The peak of each process, and of their sum."""
    peaks: dict[str, float] = {}
    most = 0.0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        now = held(settings)
        most = max(most, sum(now.values()))
        for name, size in now.items():
            peaks[name] = max(size, peaks.get(name, 0.0))
        time.sleep(LOOK_S)
    return peaks, most


def _lag(folder: Path, count: int, chosen: corpus.Corpus) -> None:
    """Documents and questions that nobody has read: the broker runs, and no worker."""
    stack = Stack(running.own_settings(folder), prepared=running.nothing)
    stack.start()
    try:
        settings, codec = stack.settings, Codec()
        producer = kafka.new_producer(kafka.producer_options(settings) | {"linger.ms": 20})
        partitions = kafka.Partitions(producer)
        for document in islice(corpus.endless("lag", words=30), count):
            kafka.send(
                producer,
                edge_output(codec, topics.DOCS_FEED, document, document.doc_id),
                partitions,
            )
        for number, query in enumerate(chosen.queries(count)):
            asked = QuestionAsked(
                request_id=f"lag-{number}", tenant=TENANT, query=query, deadline_ms=LONG_MS
            )
            output = edge_output(codec, topics.RAG_REQUESTS, asked, f"lag-{number}")
            kafka.send(producer, output, partitions)
        producer.flush()
    finally:
        stack.stop()
