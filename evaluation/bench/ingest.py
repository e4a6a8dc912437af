"""`ingest`: documents per second from feed to searchable, held against the embedder alone."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from evaluation.bench import corpus, running
from evaluation.bench.child import Child
from evaluation.bench.measures import Spread
from evaluation.bench.report import Figure, Findings, Say, Target
from streams.app import codecs
from streams.app.settings import Settings
from streams.edge.client import reader
from streams.edge.documents import Feeder, FeedReport
from streams.flow.errors import UserError
from streams.local.worker_process import BACKGROUND

TARGET = Target("ratio", "at least", 0.92)
QUICK = 120
TENANT = "bench"
TOLD_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    data: Path | None
    documents: int
    rounds: int


def run(options: Options, say: Say) -> Findings:
    """The embedder before, between and after the rounds, while no stack runs.

    It has the nice value of the stack's own embedding process: with other work on the machine, the
    two get the same share.
    """
    chosen = corpus.corpus(options.data, corpus.SCIFACT)
    bare: list[float] = []
    fed: list[float] = []
    used: list[dict[str, float]] = []
    sizes: dict[str, int] = {}
    with running.data_folder() as folder:
        for number in range(options.rounds):
            bare.append(_bare(folder, chosen, options, say, sizes))
            with running.whole_stack(folder / f"{number}", say) as settings:
                before = running.of_processes(settings, running.cpu_seconds)
                rate, _ = feed(settings, chosen, TENANT, options.documents, say)
                fed.append(rate)
                after = running.of_processes(settings, running.cpu_seconds)
                used.append({name: after[name] - before[name] for name in before if name in after})
        bare.append(_bare(folder, chosen, options, say, sizes))
    rates, limits = Spread.of(fed), Spread.of(bare)
    return Findings(
        [
            Figure(
                "documents fed until searchable",
                rates.median,
                "documents/s",
                limits.median,
                "the embedder alone",
                TARGET,
            )
        ],
        {"ingest": rates, "embedder": limits, "embedder_rates": bare, "corpus": chosen.name}
        | {"cpu_ms_per_document": _each(used, sizes["documents"])}
        | sizes,
    )


def feed(
    settings: Settings, chosen: corpus.Corpus, tenant: str, count: int, say: Say
) -> tuple[float, FeedReport]:
    """Feed documents and wait; returns documents per second, and the report.

    Raises:
        UserError: a document was rejected.
    """
    documents = chosen.documents(settings, tenant, count)
    say(f"feeding {len(documents):,} documents of {chosen.name}")
    told = time.monotonic()

    def tell(report: FeedReport) -> None:
        nonlocal told
        if time.monotonic() - told > TOLD_EVERY_S:
            told = time.monotonic()
            say(f"{report.settled:,} of {len(documents):,} are searchable")

    with reader(settings) as consumer, ExitStack() as stack:
        feeder = Feeder(settings, codecs.codec(settings, stack), consumer)
        begin = time.perf_counter()
        report = feeder.feed(documents, on_progress=tell)
        took = time.perf_counter() - begin
    if report.rejected:
        raise UserError(f"{report.rejected[0][0]} was not taken: {report.rejected[0][1]}")
    return len(documents) / took, report


def _each(used: list[dict[str, float]], documents: int) -> dict[str, float]:
    """Milliseconds of CPU a document, by process: where the time that the embedder lacks goes."""
    return {
        name: round(1000 * median(round_[name] for round_ in used) / documents, 2)
        for name in used[0]
    }


def _bare(
    folder: Path, chosen: corpus.Corpus, options: Options, say: Say, sizes: dict[str, int]
) -> float:
    settings = running.own_settings(folder / "bare")
    with Child("evaluation.bench.embedding", settings, nice=BACKGROUND) as child:
        say("the embedder alone: chunking")
        source = str(chosen.folder) if chosen.folder else None
        sizes |= child.call(
            "prepare", name=chosen.name, folder=source, tenant=TENANT, count=options.documents
        )
        say(f"the embedder alone: {sizes['chunks']:,} chunks")
        return sizes["documents"] / child.call("embed")
