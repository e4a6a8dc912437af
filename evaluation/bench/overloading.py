"""A process that asks more than can be answered, at an even pace, and hears what becomes of it."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from contextlib import ExitStack
from typing import Any

from evaluation.bench.child import serve
from schemas import topics
from schemas.events import QuestionAsked
from streams.app import codecs
from streams.app.settings import load
from streams.edge.client import from_the_end
from streams.runtime import kafka

TENANT = "bench"
GRACE_S = 15.0  # in which whoever waits behind the last deadline has to hear

_asked: dict[bytes, float] = {}  # key of the answer to when it was asked
_heard: list[tuple[float, float, str]] = []  # when it was asked, milliseconds, status
_over = threading.Event()


def _ask(queries: list[str], per_second: float, seconds: float, deadline_ms: int) -> None:
    settings = load()
    with ExitStack() as stack:
        codec = codecs.codec(settings, stack)
        producer = kafka.new_producer(kafka.producer_options(settings) | {"linger.ms": 5})
        begin = time.monotonic()
        for number, query in enumerate(itertools.cycle(queries)):
            due = number / per_second
            if due >= seconds:
                break
            time.sleep(max(0.0, begin + due - time.monotonic()))
            question = QuestionAsked(
                request_id=str(uuid.uuid4()), tenant=TENANT, query=query, deadline_ms=deadline_ms
            )
            key = topics.RAG_REQUESTS.key(question).encode()
            _asked[key] = time.monotonic()
            value = codec.encode(topics.RAG_REQUESTS.name, question)
            producer.produce(topics.RAG_REQUESTS.name, value, key)
            producer.poll(0)
        producer.flush(GRACE_S)
    _over.set()


def _hear(ready: threading.Event, deadline_ms: int) -> None:
    settings = load()
    with ExitStack() as stack:
        codec = codecs.codec(settings, stack)
        options: Any = kafka.plain_consumer_options(settings, "bench.overloading")
        consumer = kafka.new_consumer(options | {"enable.partition.eof": False})
        stack.callback(consumer.close)
        from_the_end(consumer, [topics.RAG_ANSWERS.name])
        ready.set()
        until = float("inf")
        while time.monotonic() < until and not (_over.is_set() and not _asked):
            if _over.is_set() and until == float("inf"):
                until = time.monotonic() + deadline_ms / 1000 + GRACE_S
            for message in consumer.consume(500, 0.1):
                key: Any = message.key()
                if message.error() is not None or (asked := _asked.pop(key, None)) is None:
                    continue
                value: Any = message.value()
                status = codec.decode(topics.RAG_ANSWERS, value).status
                _heard.append((asked, (time.monotonic() - asked) * 1000, status))


def start(queries: list[str], per_second: float, seconds: float, deadline_ms: int) -> None:
    """Begin to ask so many a second for so long."""
    ready = threading.Event()
    threads.append(threading.Thread(target=_hear, args=(ready, deadline_ms), daemon=True))
    threads[0].start()
    ready.wait(GRACE_S)
    given = (queries, per_second, seconds, deadline_ms)
    threading.Thread(target=_ask, args=given, daemon=True).start()


def over() -> bool:
    """Whether all was asked."""
    return _over.is_set()


def heard() -> dict[str, Any]:
    """Milliseconds by status once all was heard, or nothing more comes; and what never was."""
    threads[0].join()
    found: dict[str, list[float]] = {}
    for _, took, status in _heard:
        found.setdefault(status, []).append(took)
    return {"took": found, "unheard": len(_asked)}


threads: list[threading.Thread] = []

if __name__ == "__main__":
    serve({"start": start, "over": over, "heard": heard})
