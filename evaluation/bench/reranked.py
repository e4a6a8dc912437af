"""Questions put through the running pipeline, for what rag.generate says of each."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer

from schemas import topics
from schemas.events import GenerationRequested, QuestionAnswered, QuestionAsked
from streams.app.ports import TiersSettings
from streams.app.settings import Settings
from streams.edge.client import from_the_end
from streams.flow.errors import UserError
from streams.flow.topic import Topic
from streams.runtime import kafka
from streams.runtime.codec import Codec

WAITING = 64  # questions under way
PATIENCE_S = 60.0
SETTLED_S = 5.0  # after its answer, a question has what it had on rag.generate
TOP_K = 50  # the most a question may ask for


class Through:
    """Questions on their way: each ends as what rag.generate has of it or, where an answer came
    without that, as lost."""

    def __init__(self, queries: Sequence[str]) -> None:
        self.waiting: set[str] = set()
        self._found: dict[str, GenerationRequested] = {}
        self._lost: dict[str, str] = {}
        self._answered: dict[str, tuple[float, str]] = {}
        self._order = queries

    @property
    def found(self) -> dict[str, GenerationRequested]:
        return {query: self._found[query] for query in self._order if query in self._found}

    @property
    def lost(self) -> dict[str, str]:
        return {query: self._lost[query] for query in self._order if query in self._lost}

    def hear(self, event: GenerationRequested | QuestionAnswered, now: float) -> None:
        if isinstance(event, GenerationRequested):
            query = event.carried.question.request_id
            if query in self.waiting:
                self.waiting.discard(query)
                self._found[query] = event
        elif event.request_id in self.waiting:
            why = f"was {event.status}: {'; '.join(event.reasons)}".removesuffix(": ")
            self._answered[event.request_id] = now, why

    def give_up(self, now: float) -> None:
        """Of two topics the later may be read first, so that an answer alone settles nothing."""
        for query, (since, why) in [*self._answered.items()]:
            if now - since > SETTLED_S:
                del self._answered[query]
                if query in self.waiting:
                    self.waiting.discard(query)
                    self._lost[query] = why


def through_the_pipeline(
    settings: Settings, codec: Codec, tenant: str, queries: Mapping[str, str]
) -> tuple[dict[str, GenerationRequested], dict[str, str]]:
    """What rag.generate says of each question; and of those it never has, what became of them."""
    producer: Any = kafka.new_producer(kafka.producer_options(settings))
    options = kafka.plain_consumer_options(settings, "bench.retrieval")
    consumer = kafka.new_consumer(options | {"enable.partition.eof": False})
    through = Through([*queries])
    left = iter(queries.items())
    tiers = (TiersSettings.quoting, *settings.of(TiersSettings).all)
    generate = [topics.RAG_GENERATE.named(each) for each in tiers]
    by_name: dict[str, Topic[Any]] = {each.name: each for each in (*generate, topics.RAG_ANSWERS)}

    def ask() -> None:
        for query, text in left:
            request = QuestionAsked(request_id=query, tenant=tenant, query=text, top_k=TOP_K)
            value = codec.encode(topics.RAG_REQUESTS.name, request)
            producer.produce(
                topics.RAG_REQUESTS.name, value, topics.RAG_REQUESTS.key(request).encode()
            )
            producer.poll(0)
            through.waiting.add(query)
            if len(through.waiting) >= WAITING:
                return

    try:
        from_the_end(consumer, [*by_name])
        ask()
        heard = time.monotonic()
        while through.waiting:
            before = len(through.waiting)
            for topic, value in _values(consumer, by_name):
                through.hear(codec.decode(topic, value), time.monotonic())
            through.give_up(time.monotonic())
            if len(through.waiting) < before:
                heard = time.monotonic()
            if time.monotonic() - heard > PATIENCE_S:
                raise UserError(
                    f"{len(through.waiting)} questions had neither chunks nor an answer for "
                    f"{PATIENCE_S:.0f} s, among them {min(through.waiting)}"
                )
            if len(through.waiting) < WAITING:
                ask()
    finally:
        consumer.close()
    return through.found, through.lost


def _values(
    consumer: Consumer, by_name: Mapping[str, Topic[Any]]
) -> list[tuple[Topic[Any], bytes]]:
    first = consumer.poll(0.2)
    if first is None:
        return []
    messages = [first, *consumer.consume(WAITING, 0)]
    return [
        (by_name[str(m.topic())], value)
        for m in messages
        if m.error() is None and (value := m.value()) is not None
    ]
