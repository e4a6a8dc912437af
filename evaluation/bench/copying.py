"""A process of `runtime` and `hops`: stages that copy, and the bare loop they are held against."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from confluent_kafka import KafkaException, Message, TopicPartition

from evaluation.bench.child import serve
from processors.places import QUESTIONS
from schemas.events import FeedbackGiven
from schemas.topics import RAG_DLQ
from streams.app.settings import load
from streams.flow.port import Opened
from streams.flow.stage import record_stage
from streams.flow.topic import Topic
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.spans import DerivedSpans
from streams.runtime.telemetry import BATCH, RECORDS
from streams.runtime.worker import StageWorker, Worker, collect_seldom

READY_TIMEOUT_S = 60.0
STALLED_S = 60.0
POLL_S = 1.0
LOOK_S = 0.02  # reading the metrics more often than this takes time from what is measured

_running: list[Worker] = []


def topic(name: str) -> Topic[FeedbackGiven]:
    """A topic of a bench: the plainest event there is, at the edge so that any key will do."""
    return Topic(name, FeedbackGiven, lambda event: event.request_id, edge=True)


def event(number: int, text: str) -> FeedbackGiven:
    return FeedbackGiven(request_id=str(number), tenant="bench", rating=1, comment=text)


def _copy(given: FeedbackGiven) -> Iterator[FeedbackGiven]:
    yield given


def _worker(hops: Sequence[tuple[str, str]], batch: int) -> Worker:
    """A worker with a copying stage for each pair of topics; 0 leaves the batch to the settings."""
    settings = load()
    if batch:
        settings = settings.model_copy(update={"max_batch": batch, "max_in_flight": 4 * batch})
    codec, spans = Codec(), DerivedSpans()
    stages = [
        record_stage(
            f"copy.{source}",
            reads=topic(source),
            make=lambda _: _copy,
            writes=topic(target),
            dead_letters=RAG_DLQ,
            place=QUESTIONS,
        )
        for source, target in hops
    ]
    return Worker(
        [StageWorker(each, Opened({}), settings, codec, spans, name="bench") for each in stages]
    )


def start(hops: list[tuple[str, str]], batch: int = 0) -> bool:
    """Start the copying stages; returns once they have their partitions."""
    worker = _worker(hops, batch)
    _running.append(worker)
    worker.start()
    return worker.wait_ready(READY_TIMEOUT_S)


def stop() -> None:
    for worker in _running:
        worker.stop()
        worker.join()


def by_stage(source: str, target: str, records: int, batch: int) -> dict[str, float]:
    """Events per second through a real stage, from its first commit on."""
    worker = _worker([(source, target)], batch)
    name = f"copy.{source}"
    worker.start()
    try:
        counted, cpu_us = _rate(lambda: int(_value(RECORDS, name)), records)
    finally:
        worker.stop()
        failures = worker.join()
    if failures:
        raise failures[0]
    batch_size = _value(BATCH, name, "_sum") / _value(BATCH, name, "_count")
    return {"rate": counted, "batch": batch_size, "cpu_us": cpu_us}


def _rate(committed: Callable[[], int], records: int) -> tuple[float, float]:
    """Events per second and this process's microseconds per event, from the first commit on."""
    while not (first := committed()):
        time.sleep(LOOK_S)
    begin = moved = time.perf_counter()
    used = time.process_time()
    seen = first
    while (now := committed()) < records:
        if now != seen:
            seen, moved = now, time.perf_counter()
        elif time.perf_counter() - moved > STALLED_S:
            raise TimeoutError(f"nothing was committed for {STALLED_S:.0f} s, at {now:,} records")
        time.sleep(LOOK_S)
    counted = records - first
    cpu_us = (time.process_time() - used) / counted * 1e6
    return counted / (time.perf_counter() - begin), cpu_us


def _value(metric: Any, name: str, suffix: str = "_total") -> float:
    """A counter of one stage, as the worker's own metrics have it."""
    for family in metric.collect():
        for sample in family.samples:
            if sample.name.endswith(suffix) and sample.labels.get("stage") == name:
                return float(sample.value)
    return 0.0


def by_hand(
    source: str, target: str, records: int, batch: int, *, headers: bool = False
) -> dict[str, float]:
    """The same by a bare loop over librdkafka's clients, with the same options: no decoding,
    nothing but bytes and transactions, and on demand the headers that each event came with. Events
    per second from its first commit on."""
    settings = load()
    consumer = kafka.new_consumer(kafka.consumer_options(settings, f"bare.{target}"))
    producer = kafka.new_producer(kafka.producer_options(settings, f"bare.{target}"))
    producer.init_transactions()
    consumer.subscribe([source])
    collect_seldom()  # as a worker does
    done = first = commits = 0
    begin = moved = time.perf_counter()
    used = 0.0
    while done < records:
        message = consumer.poll(POLL_S)
        if message is None:
            if time.perf_counter() - moved > STALLED_S:
                raise TimeoutError(f"nothing came for {STALLED_S:.0f} s, at {done:,} records")
            continue
        moved = time.perf_counter()
        messages = [message, *consumer.consume(batch - 1, 0)]
        producer.begin_transaction()
        ends: dict[int, int] = {}
        for each in messages:
            _forward(producer, target, each, headers=headers)
            ends[each.partition() or 0] = (each.offset() or 0) + 1
        offsets = [TopicPartition(source, partition, end) for partition, end in ends.items()]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        producer.commit_transaction()
        done += len(messages)
        commits += 1
        if not first:
            first, begin, used = done, time.perf_counter(), time.process_time()
    rate = (done - first) / (time.perf_counter() - begin)
    cpu_us = (time.process_time() - used) / (done - first) * 1e6
    consumer.close()
    return {"rate": rate, "batch": done / commits, "cpu_us": cpu_us}


def by_hand_with_headers(source: str, target: str, records: int, batch: int) -> dict[str, float]:
    """As `by_hand`, with the events' headers."""
    return by_hand(source, target, records, batch, headers=True)


def _forward(producer: Any, target: str, message: Message, *, headers: bool) -> None:
    if error := message.error():
        raise KafkaException(error)
    beside: Any = {"headers": message.headers()} if headers else {}
    while True:
        try:
            producer.produce(target, message.value(), message.key(), **beside)
            return
        except BufferError:
            producer.poll(0.05)


if __name__ == "__main__":
    handlers = (by_stage, by_hand, by_hand_with_headers, start, stop)
    serve({handler.__name__: handler for handler in handlers})
