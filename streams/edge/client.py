"""What a program at the edge does: read topics, ask questions and wait for the answers."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from schemas import topics
from schemas.events import QuestionAnswered, QuestionAsked
from streams.app.ports import TokenSettings
from streams.app.settings import Settings
from streams.edge.moments import new_request_id
from streams.flow.errors import UserError
from streams.flow.topic import Topic
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.record import Output, now_ms
from streams.runtime.undecodable import Undecodable
from streams.runtime.versions import written

E = TypeVar("E")
POLL_S = 0.2
NETWORK_S = 10.0
PATIENCE_S = 30.0
LOOK_S = 0.05
# Of a topic that was made a moment ago, until each broker knows who leads it.
_UNLED = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError._UNKNOWN_PARTITION,  # pyright: ignore[reportPrivateUsage]
        KafkaError._UNKNOWN_TOPIC,  # pyright: ignore[reportPrivateUsage]
    }
)


def places(consumer: Consumer, names: Sequence[str]) -> list[TopicPartition]:
    """All partitions of these topics.

    Raises:
        UserError: the broker does not answer, or a topic is missing.
    """
    try:
        there = consumer.list_topics(timeout=NETWORK_S).topics
    except KafkaException as error:
        raise UserError(
            f"the broker does not answer ({kafka.reason(error)}): is `millrace up` running?"
        ) from None
    for name in names:
        if name not in there:
            raise UserError(f"topic {name} is missing: run `millrace topics apply`")
    return [TopicPartition(name, number) for name in names for number in there[name].partitions]


@contextmanager
def reader(settings: Settings) -> Generator[Consumer]:
    """A consumer of no group, that commits nothing."""
    kafka.reachable(settings)
    consumer = kafka.new_consumer(
        kafka.plain_consumer_options(settings, f"{settings.group_prefix}.reader")
    )
    try:
        yield consumer
    finally:
        consumer.close()


def from_the_end(consumer: Consumer, names: Sequence[str]) -> None:
    """Assign topics from what is written from now on; one just made once it can be read.

    Raises:
        UserError: the broker does not answer, a topic is missing, or it cannot be read.
    """
    until = time.monotonic() + NETWORK_S
    consumer.assign([_end(consumer, place, until) for place in places(consumer, names)])


def _end(consumer: Consumer, place: TopicPartition, until: float) -> TopicPartition:
    while True:
        try:
            _, high = consumer.get_watermark_offsets(place, timeout=NETWORK_S)
            return TopicPartition(place.topic, place.partition, high)
        except KafkaException as error:
            unled = error.args[0].code() in _UNLED
            if not unled or time.monotonic() > until:
                remedy = "are its brokers up?" if unled else "`millrace doctor` looks why"
                raise UserError(
                    f"partition {place.partition} of {place.topic} cannot be read "
                    f"({kafka.reason(error)}): {remedy}"
                ) from None
        time.sleep(LOOK_S)


def _at(consumer: Consumer, todo: Sequence[TopicPartition], time_ms: int) -> list[TopicPartition]:
    """Of each partition, where its first record of this time or later stands, or its end."""
    asked = [TopicPartition(place.topic, place.partition, time_ms) for place in todo]
    return consumer.offsets_for_times(asked, timeout=NETWORK_S)


def replay(
    consumer: Consumer, names: Sequence[str], since: int = 0, before: int | None = None
) -> Iterator[Message]:
    """Every record of these topics that is there now, from the beginning, or of a time.

    `since` and `before` are milliseconds since the epoch. Producers' clocks differ: what is older
    than `since` may be among it, and the first record of a partition that says `before` ends it.
    """
    todo = places(consumer, names)
    ends: dict[tuple[str, int], int] = {}
    if before is not None:  # an offset below zero is a mark: nothing is so late
        late = _at(consumer, todo, before)
        ends = {(p.topic, p.partition): p.offset for p in late if p.offset >= 0}
    begins = [TopicPartition(p.topic, p.partition, OFFSET_BEGINNING) for p in todo]
    if since:
        begins = [place for place in _at(consumer, todo, since) if place.offset >= 0]
    todo = [p for p in begins if p.offset < ends.get((p.topic, p.partition), p.offset + 1)]
    left = {(place.topic, place.partition) for place in todo}
    consumer.assign(todo)
    until = time.monotonic() + PATIENCE_S
    undecodable = Undecodable(consumer)
    while left:
        first = consumer.poll(POLL_S)  # `consume` would wait out its time-out for all 500
        if first is not None and first.error() is None:
            until = time.monotonic() + PATIENCE_S
        elif time.monotonic() > until:
            raise UserError(f"the broker gave nothing for {PATIENCE_S:.0f} s: is it running?")
        for message in () if first is None else (first, *consumer.consume(500, 0)):
            until = time.monotonic() + PATIENCE_S  # the one we yield to may take its time
            where = message.topic() or "", message.partition() or 0
            error = message.error()
            if error is None:
                if (message.offset() or 0) < ends.get(where, sys.maxsize):
                    yield message
                elif where in left:
                    left.discard(where)
                    consumer.incremental_unassign([TopicPartition(*where)])
            elif error.code() == KafkaError._PARTITION_EOF:  # pyright: ignore[reportPrivateUsage]
                left.discard(where)
            elif error.fatal():
                raise UserError(f"the topics cannot be read: {error.str()}")
            else:
                undecodable.passed(message)


def record_at(settings: Settings, topic: str, partition: int, offset: int) -> bytes | None:
    """The value of one record; None where there is none, or it has none.

    Raises:
        UserError: the broker does not answer, or there is no such partition.
    """
    with reader(settings) as consumer:
        if all(place.partition != partition for place in places(consumer, [topic])):
            raise UserError(f"{topic} has no partition {partition}: `millrace status` names it")
        begin, end = consumer.get_watermark_offsets(
            TopicPartition(topic, partition), timeout=NETWORK_S
        )
        if not begin <= offset < end:
            return None
        consumer.assign([TopicPartition(topic, partition, offset)])
        message = consumer.poll(NETWORK_S)
    if message is None or message.error() is not None or message.offset() != offset:
        return None
    value: Any = message.value()
    return value


def edge_output(codec: Codec, topic: Topic[E], event: E, event_id: str) -> Output:
    """An event as a program at the edge produces it."""
    headers = [
        ("ce_id", event_id.encode()),
        ("ce_type", b"io.millrace." + type(event).__name__.encode()),
        ("ce_specversion", b"1.0"),
        ("ce_source", b"/millrace/cli"),
        ("content-type", b"application/avro"),
    ]
    if topic.stamp is not None:
        headers.append(written(topic.stamp(event)))
    value = codec.encode(topic.name, event)
    return Output(topic.name, topic.key(event).encode(), value, headers)


def _authorization(settings: Settings) -> list[tuple[str, bytes]]:
    """What says who asks, where a file with a token is set.

    Raises:
        UserError: it cannot be read.
    """
    file = settings.of(TokenSettings).file
    if file is None:
        return []
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"MILLRACE_TOKEN__FILE: {file} cannot be read: {error}") from None
    return [("authorization", f"Bearer {token}".encode())]


class Asker:
    """Asks questions and waits for their answers, over one pair of clients."""

    def __init__(self, settings: Settings, codec: Codec, consumer: Consumer) -> None:
        self._settings = settings
        self._codec = codec
        self._consumer = consumer
        self._producer = kafka.new_producer(kafka.producer_options(settings))
        self._partitions = kafka.Partitions(self._producer)
        from_the_end(consumer, [topics.RAG_ANSWERS.name])

    def send(self, question: QuestionAsked) -> str:
        """Produce a question; returns its request id."""
        request_id = question.request_id or new_request_id(now_ms())
        question = replace(question, request_id=request_id)
        topic = topics.RAG_REQUESTS
        if self._settings.identity == "topic":
            topic = topics.requests_of(question.tenant)
        output = edge_output(self._codec, topic, question, request_id)
        output.headers.extend(_authorization(self._settings))
        kafka.send(self._producer, output, self._partitions)
        self._producer.poll(0)
        return request_id

    def _answers(self, timeout: float) -> Iterator[QuestionAnswered]:
        """Answers as they come, anybody's, until none came for `timeout` seconds."""
        until = time.monotonic() + timeout
        while (left := until - time.monotonic()) > 0:
            message = self._consumer.poll(min(left, POLL_S))
            if message is not None and message.error() is None:
                value: Any = message.value()
                yield self._codec.decode(topics.RAG_ANSWERS, value)
                until = time.monotonic() + timeout

    def ask(self, question: QuestionAsked, timeout: float) -> QuestionAnswered:
        """Ask and wait.

        Raises:
            UserError: no answer came in `timeout` seconds.
        """
        request_id = self.send(question)
        until = time.monotonic() + timeout
        for answer in self._answers(timeout):
            # Of a request that nobody could be told to have made, the refusal is no tenant's.
            unproven = answer.tenant == "" and answer.status == "refused"
            if answer.request_id == request_id and (unproven or answer.tenant == question.tenant):
                return answer
            if time.monotonic() > until:
                break
        raise UserError(
            f"no answer to {request_id} in {timeout:.0f} s: `millrace status` shows whether all "
            f"stages run, `millrace trail {request_id} --tenant {question.tenant}` how far it came"
        )
