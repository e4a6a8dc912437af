"""A client of the question topics as anybody could write one: a producer and a consumer, kept."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

from confluent_kafka import Message

from schemas import topics
from schemas.events import QuestionAnswered, QuestionAsked
from streams.app.settings import Settings
from streams.edge.client import from_the_end
from streams.flow.errors import UserError
from streams.runtime import kafka
from streams.runtime.codec import Codec

PATIENCE_S = 60.0


class Client:
    """Asks one tenant's questions; answers are told apart by their key."""

    def __init__(self, settings: Settings, codec: Codec, tenant: str) -> None:
        self.statuses: Counter[str] = Counter()
        self._codec = codec
        self._tenant = tenant
        self._settings = settings
        self._waiting: dict[bytes, float] = {}  # key of the answer to when it was asked for

    def __enter__(self) -> Self:
        self._producer = kafka.new_producer(kafka.producer_options(self._settings))
        options = kafka.plain_consumer_options(self._settings, "bench.client")
        self._consumer = kafka.new_consumer(options | {"enable.partition.eof": False})
        from_the_end(self._consumer, [topics.RAG_ANSWERS.name])
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def one_by_one(self, queries: Sequence[str]) -> list[float]:
        """Milliseconds from produce to consume of each question, asked alone."""
        took: list[float] = []
        for query in queries:
            self._ask(query)
            took += self._hear()
        return took

    def saturated(self, queries: Sequence[str], waiting: int) -> tuple[float, list[float]]:
        """Questions per second while so many always wait, and the milliseconds of each."""
        took: list[float] = []
        left = iter(queries)
        begin = time.perf_counter()
        for query in [next(left) for _ in range(min(waiting, len(queries)))]:
            self._ask(query)
        while self._waiting:
            heard = self._hear()
            took += heard
            for _, query in zip(heard, left, strict=False):
                self._ask(query)
        return len(took) / (time.perf_counter() - begin), took

    def answer(self, query: str) -> QuestionAnswered:
        """Ask, and give the answer itself."""
        self._ask(query)
        return self._await()[0][1]

    def answers(self, questions: Sequence[QuestionAsked]) -> list[QuestionAnswered]:
        """The answer of each of these, asked at once."""
        asked = [replace(each, request_id=str(uuid.uuid4())) for each in questions]
        for each in asked:
            self._send(each)
        found: dict[str, QuestionAnswered] = {}
        while len(found) < len(asked):
            found |= {answer.request_id: answer for _, answer in self._await()}
        return [found[each.request_id or ""] for each in asked]

    def _ask(self, query: str) -> None:
        request_id = str(uuid.uuid4())
        self._send(QuestionAsked(request_id=request_id, tenant=self._tenant, query=query))

    def _send(self, question: QuestionAsked) -> None:
        value = self._codec.encode(topics.RAG_REQUESTS.name, question)
        key = topics.RAG_REQUESTS.key(question).encode()
        self._waiting[f"{question.tenant}/{question.request_id}".encode()] = time.perf_counter()
        self._producer.produce(topics.RAG_REQUESTS.name, value, key)
        self._producer.poll(0)

    def _hear(self) -> list[float]:
        """Wait for answers; the milliseconds of those that came."""
        return [took for took, _ in self._await()]

    def _await(self) -> list[tuple[float, QuestionAnswered]]:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            first = self._consumer.poll(0.2)
            if first is None:
                continue
            now = time.perf_counter()
            messages = [first, *self._consumer.consume(len(self._waiting), 0)]
            if found := [each for each in (self._ours(m, now) for m in messages) if each]:
                return found
        raise UserError(f"no answer came for {PATIENCE_S:.0f} s")

    def _ours(self, message: Message, now: float) -> tuple[float, QuestionAnswered] | None:
        if message.error() is not None:
            return None
        key: Any = message.key()
        asked = self._waiting.pop(key, None)
        if asked is None:
            return None
        value: Any = message.value()
        answer = self._codec.decode(topics.RAG_ANSWERS, value)
        self.statuses[answer.status] += 1
        return (now - asked) * 1000, answer
