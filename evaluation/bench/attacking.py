"""A process that attacks: one kind of hostile records, sent at a pace until it is told to stop."""

from __future__ import annotations

import base64
import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from confluent_kafka import KafkaException, Producer

from evaluation.bench.child import serve
from evaluation.bench.corpus import SEED
from schemas import topics
from streams.app.settings import load
from streams.runtime import kafka

TENANT = "hostile"
Record = tuple[str, str, bytes]
"""A topic, a key and a value."""
CHANCE = random.Random(SEED)


def _json(**fields: Any) -> bytes:
    return json.dumps({"tenant": TENANT, **fields}).encode()


def _asked(number: int, **fields: Any) -> Record:
    said = {"query": "What is the limit?", "request_id": f"a{number}"} | fields
    return topics.RAG_REQUESTS.name, f"{TENANT}/{number}", _json(**said)


def _fed(number: int, **fields: Any) -> Record:
    said = {"op": "upsert", "doc_id": f"{number}"} | fields
    return topics.DOCS_FEED.name, f"{TENANT}/{said['doc_id']}", _json(**said)


def _file(number: int, name: str, data: bytes) -> Record:
    return _fed(
        number, form="base64", body=base64.b64encode(data).decode(), doc_id=f"{number}{name}"
    )


def malformed(number: int) -> Record:
    topic = (topics.RAG_REQUESTS, topics.RAG_FEEDBACK, topics.DOCS_FEED)[number % 3]
    kinds = (b"\xc3\x01" + CHANCE.randbytes(50), b"{" * 500, _json(query=7), CHANCE.randbytes(300))
    return topic.name, f"{TENANT}/{number}", kinds[number % 4]


def too_much(number: int) -> Record:
    """Fields beyond their limits."""
    if number % 2:
        return _asked(number, filters={f"k{n}": "v" for n in range(5_000)})
    return _fed(number, body="x", title="t" * 60_000, metadata={f"k{n}": "v" for n in range(2_000)})


def questions(number: int) -> Record:
    return _asked(number, query=f"What is the limit of card {number}, and why is it so?")


def duplicates(number: int) -> Record:
    return _asked(number, request_id="again")


def feedback(number: int) -> Record:
    fields = _json(request_id=f"never-{number}", rating=1, comment="c" * 2_000)
    return topics.RAG_FEEDBACK.name, f"{TENANT}/{number}", fields


def one_document(number: int) -> Record:
    return _fed(0, body=f"Revision {number} of a text that changes without end. " * 40)


def broken_files(number: int) -> Record:
    if number % 2:
        return _file(number, ".csv", b"," * 2_000_000)
    return _file(number, ".pdf", b"%PDF-1.7\n" + CHANCE.randbytes(100_000))


def bombs(number: int) -> Record:
    """What unpacks to more than a topic takes: the broker has to refuse it."""
    return topics.RAG_REQUESTS.name, f"{TENANT}/{number}", bytes(40_000_000)


# What is sent, and how many of it a second at most.
KINDS: dict[str, tuple[Callable[[int], Record], float]] = {
    "malformed records": (malformed, 300),
    "fields beyond limits": (too_much, 20),
    "one tenant's flood of questions": (questions, 15),
    "one request id again and again": (duplicates, 300),
    "feedback on nothing": (feedback, 300),
    "one document without end": (one_document, 20),
    "broken files": (broken_files, 2),
    "compressed bombs": (bombs, 2),
}


class _Attack(threading.Thread):
    def __init__(self, kind: str) -> None:
        super().__init__(daemon=True)
        self._make, self._per_second = KINDS[kind]
        self._stopping = threading.Event()
        self.sent = 0

    def run(self) -> None:
        options = kafka.producer_options(load())
        # A bomb is small on its way; this client would not send what unpacks to more than it may.
        more: dict[str, Any] = {"compression.type": "zstd", "message.max.bytes": 50_000_000}
        producer = Producer(options | more)
        begin = time.monotonic()
        for record in map(self._make, self._numbers(begin)):
            topic, key, value = record
            try:
                producer.produce(topic, value, key)
                self.sent += 1
            except (BufferError, KafkaException):
                producer.poll(0.05)
            producer.poll(0)
        producer.flush(10)

    def _numbers(self, begin: float) -> Iterator[int]:
        for number in itertools.count():
            ahead = begin + number / self._per_second - time.monotonic()
            if self._stopping.wait(max(0.0, ahead)):
                return
            yield number

    def stop(self) -> int:
        self._stopping.set()
        self.join(30)
        return self.sent


_attacks: list[_Attack] = []


def start(kind: str) -> None:
    """Begin to send one kind."""
    _attacks.append(_Attack(kind))
    _attacks[-1].start()


def stop() -> int:
    """End it; how many records were sent."""
    return _attacks.pop().stop()


if __name__ == "__main__":
    serve({"start": start, "stop": stop})
