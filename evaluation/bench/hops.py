"""`hops`: how long an event takes through six stages that do nothing, at a gentle rate."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from evaluation.bench import copying, running
from evaluation.bench.child import Child
from evaluation.bench.measures import Latency
from evaluation.bench.report import Figure, Findings, Say, Target
from schemas.topics import RAG_DLQ
from streams.app.settings import Settings
from streams.edge.client import from_the_end
from streams.flow.errors import UserError
from streams.runtime import kafka
from streams.runtime.codec import Codec

STAGES = 6
P50 = Target("value", "at most", 30)
P99 = Target("value", "at most", 120)
WARM_UP = 20
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Options:
    events: int = 400
    rate: float = 20.0  # events a second
    bytes: int = 500
    apart: bool = False  # also each stage in a process of its own


QUICK = Options(events=60)


def run(options: Options, say: Say) -> Findings:
    """The limit is measured before and after what is held against it."""
    limits: list[float] = []
    found: dict[str, list[float]] = {}
    ways = {"together": 1, "apart": STAGES} if options.apart else {"together": 1}
    with running.data_folder() as folder, running.broker(folder, say) as settings:
        running.make_topics(settings, [RAG_DLQ.name, "bench.direct"])
        say("one produce and consume")
        limits += _latencies(settings, "bench.direct", "bench.direct", options)
        for way, processes in ways.items():
            names = [f"bench.{way}.{number}" for number in range(STAGES + 1)]
            running.make_topics(settings, names)
            hops = list(pairwise(names))
            share = STAGES // processes
            say(f"six stages in {processes} process{'es' * (processes > 1)}")
            with ExitStack() as stack:
                for at in range(0, STAGES, share):
                    child = stack.enter_context(Child("evaluation.bench.copying", settings))
                    if not child.call("start", hops=hops[at : at + share]):
                        raise UserError("the copying stages were not ready in time")
                    stack.callback(child.call, "stop")
                found[way] = _latencies(settings, names[0], names[-1], options)
        say("one produce and consume")
        limits += _latencies(settings, "bench.direct", "bench.direct", options)
    limit = Latency.of(limits)
    figures: list[Figure] = []
    for way, samples in found.items():
        latency = Latency.of(samples)
        where = "in one process" if way == "together" else "each in a process"
        for name, value, held, target in (
            ("p50", latency.p50, limit.p50, P50),
            ("p99", latency.p99, limit.p99, P99),
        ):
            figures.append(
                Figure(
                    f"six stages {where}, {name}",
                    value,
                    "ms",
                    held,
                    "one produce and consume",
                    target if way == "together" else None,
                )
            )
    details: dict[str, Any] = {way: Latency.of(samples) for way, samples in found.items()}
    details |= {"direct": limit, "rate": options.rate, "bytes": options.bytes}
    return Findings(figures, details)


def _latencies(settings: Settings, first: str, last: str, options: Options) -> list[float]:
    """Milliseconds from produce to consume, of each event."""
    codec = Codec()
    text = "x" * max(0, options.bytes - len(codec.encode(first, copying.event(1000, ""))))
    producer = kafka.new_producer(kafka.producer_options(settings))
    consumer = kafka.new_consumer(kafka.plain_consumer_options(settings, "bench.reader"))
    from_the_end(consumer, [last])
    sent: dict[str, float] = {}

    def send() -> None:
        for number in range(options.events + WARM_UP):
            given = copying.event(number, text)
            value = codec.encode(first, given)
            sent[given.request_id] = time.perf_counter()
            producer.produce(first, value=value, key=given.request_id.encode())
            producer.poll(0)
            time.sleep(1 / options.rate)

    sender = threading.Thread(target=send)
    sender.start()
    took: dict[int, float] = {}
    heard = time.perf_counter()
    while len(took) < options.events + WARM_UP:
        message = consumer.poll(0.2)
        now = time.perf_counter()
        if message is None or message.error() is not None:
            if now - heard > PATIENCE_S:
                raise UserError(f"no event came through for {PATIENCE_S:.0f} s")
            continue
        heard = now
        value: Any = message.value()
        given = codec.decode(copying.topic(last), value)
        took[int(given.request_id)] = (now - sent[given.request_id]) * 1000
    sender.join()
    consumer.close()
    return [took[number] for number in range(WARM_UP, options.events + WARM_UP)]
