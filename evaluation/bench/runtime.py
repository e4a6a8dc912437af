"""`runtime`: events per second through a real stage, held against a bare transactional loop."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median

from evaluation.bench import copying, running
from evaluation.bench.child import Child
from evaluation.bench.measures import Spread
from evaluation.bench.report import Figure, Findings, Say, Target
from schemas.topics import RAG_DLQ
from streams.app.settings import Settings
from streams.edge.client import edge_output
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.record import Output

SOURCE = "bench.source"
TARGET = Target("ratio", "at least", 0.45)
EVENT_BYTES = 500
OURS = ("evaluation.bench.copying", "by_stage")
BARE = ("evaluation.bench.copying", "by_hand")
# What headers alone cost: the bare loop, and the five that each event came with (a stage reads
# those, and writes nine).
WITH_HEADERS = "bare with headers"
PEERS = {
    "Quix Streams": ("quixstreams", "by_quix"),
    "Faust": ("faust", "by_faust"),
}


@dataclass(frozen=True, slots=True)
class Options:
    records: int = 100_000
    rounds: int = 5
    batch: int = 500


QUICK = Options(records=8_000, rounds=2)


def run(options: Options, say: Say) -> Findings:
    """Each way in a new process, round after round, in turn from the other end."""
    ways = {"stage": OURS, "bare": BARE}
    ways |= {WITH_HEADERS: ("evaluation.bench.copying", "by_hand_with_headers")}
    ways |= {
        name: ("evaluation.bench.peers", handler)
        for name, (package, handler) in PEERS.items()
        if find_spec(package)
    }
    rates: dict[str, list[float]] = {way: [] for way in ways}
    batches: dict[str, list[float]] = {way: [] for way in ways}
    used: dict[str, list[float]] = {way: [] for way in ways}
    with running.data_folder() as folder, running.broker(folder, say) as settings:
        running.make_topics(settings, [SOURCE, RAG_DLQ.name])
        say(f"producing {options.records:,} events of {EVENT_BYTES} bytes")
        _fill(settings, options.records)
        for number in range(options.rounds):
            for way in list(ways)[:: 1 if number % 2 == 0 else -1]:
                say(f"round {number + 1} of {options.rounds}: {way}")
                module, handler = ways[way]
                found = _measure(settings, module, handler, f"bench.{number}.{way}", options)
                rates[way].append(found["rate"])
                batches[way].append(found["batch"])
                used[way].append(found.get("cpu_us", 0.0))
    spreads = {way: Spread.of(samples) for way, samples in rates.items()}
    limit, limit_is = spreads["bare"].median, "a bare transactional loop"
    figures = [
        Figure(
            "exactly once, 500-byte events",
            spreads["stage"].median,
            "events/s",
            limit,
            limit_is,
            TARGET,
        )
    ]
    figures += [
        Figure(f"{name}, same events", spreads[name].median, "events/s", limit, limit_is)
        for name in (WITH_HEADERS, *PEERS)
        if name in spreads
    ]
    return Findings(
        figures,
        {
            "rates": spreads,
            "ratios": [a / b for a, b in zip(rates["stage"], rates["bare"], strict=True)],
            # Of the process alone, librdkafka's threads included: what a busy machine changes less.
            "cpu_us_per_event": {way: median(all_) for way, all_ in used.items()},
            "mean_batch": {way: sum(all_) / len(all_) for way, all_ in batches.items()},
            "records": options.records,
            "batch": options.batch,
            "partitions": settings.partitions,
        },
    )


def _measure(
    settings: Settings, module: str, handler: str, target: str, options: Options
) -> dict[str, float]:
    target = target.replace(" ", "-")
    running.make_topics(settings, [target])
    # A stage's group, and so its position, follows from its name: a prefix for each run.
    settings = settings.model_copy(update={"group_prefix": target})
    with Child(module, settings) as child:
        return child.call(
            handler, source=SOURCE, target=target, records=options.records, batch=options.batch
        )


def _fill(settings: Settings, records: int) -> None:
    """Events as a program at the edge writes them, of text that does not compress away."""
    codec = Codec()
    source = copying.topic(SOURCE)
    producer = kafka.new_producer(kafka.producer_options(settings) | {"linger.ms": 20})
    partitions = kafka.Partitions(producer)
    texts = _texts(EVENT_BYTES - len(codec.encode(SOURCE, copying.event(10_000, ""))) - 1)
    for number in range(records):
        event = copying.event(number, texts[number % len(texts)])
        kafka.send(producer, _output(codec, source.name, event), partitions)
    producer.flush()


def _output(codec: Codec, name: str, event: object) -> Output:
    from schemas.events import FeedbackGiven

    assert isinstance(event, FeedbackGiven)
    return edge_output(codec, copying.topic(name), event, event.request_id)


def _texts(length: int) -> Sequence[str]:
    chance = random.Random(length)
    letters = string.ascii_letters + string.digits + "  "
    return ["".join(chance.choices(letters, k=length)) for _ in range(256)]
