"""What a program at the edge does: ask and wait for the answer, feed and wait until searchable."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from schemas import topics
from schemas.events import DeadLettered, DocumentFed, QuestionAnswered, QuestionAsked
from streams.app.settings import Settings
from streams.flow.errors import MillraceError, UserError
from streams.flow.topic import Topic
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.record import Output, now_ms

E = TypeVar("E")
POLL_S = 0.2
NETWORK_S = 10.0
FEWEST_UNDER_WAY = 128  # two batches of the embedder: one in work, one waiting for it
MOST_UNDER_WAY = 2000
PATIENCE_S = 30.0
MADE_OF_DOCUMENTS = cast(
    "tuple[Topic[Any], ...]", (topics.DOCS_CHANGES, topics.DOCS_CHUNKS, topics.DOCS_VECTORS)
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
    """Assign topics from what is written from now on."""
    ends: list[TopicPartition] = []
    for place in places(consumer, names):
        _, high = consumer.get_watermark_offsets(place, timeout=NETWORK_S)
        ends.append(TopicPartition(place.topic, place.partition, high))
    consumer.assign(ends)


def replay(consumer: Consumer, names: Sequence[str]) -> Iterator[Message]:
    """Every record of these topics that is there now, from the beginning."""
    todo = places(consumer, names)
    consumer.assign([TopicPartition(p.topic, p.partition, OFFSET_BEGINNING) for p in todo])
    left = {(place.topic, place.partition) for place in todo}
    until = time.monotonic() + PATIENCE_S
    while left:
        first = consumer.poll(POLL_S)  # `consume` would wait out its time-out for all 500
        if first is not None and first.error() is None:
            until = time.monotonic() + PATIENCE_S
        elif time.monotonic() > until:
            raise UserError(f"the broker gave nothing for {PATIENCE_S:.0f} s: is it running?")
        for message in () if first is None else (first, *consumer.consume(500, 0)):
            until = time.monotonic() + PATIENCE_S  # the one we yield to may take its time
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:  # pyright: ignore[reportPrivateUsage]
                left.discard((message.topic() or "", message.partition() or 0))
            elif error.fatal():
                raise UserError(f"the topics cannot be read: {error.str()}")


def edge_output(codec: Codec, topic: Topic[E], event: E, event_id: str) -> Output:
    """An event as a program at the edge produces it."""
    headers = [
        ("ce_id", event_id.encode()),
        ("ce_type", b"io.millrace." + type(event).__name__.encode()),
        ("ce_specversion", b"1.0"),
        ("ce_source", b"/millrace/cli"),
        ("content-type", b"application/avro"),
    ]
    value = codec.encode(topic.name, event)
    return Output(topic.name, topic.key(event).encode(), value, headers)


class Asker:
    """Asks questions and waits for their answers, over one pair of clients."""

    def __init__(self, settings: Settings, codec: Codec, consumer: Consumer) -> None:
        self._codec = codec
        self._consumer = consumer
        self._producer = kafka.new_producer(kafka.producer_options(settings))
        self._partitions = kafka.Partitions(self._producer)
        from_the_end(consumer, [topics.RAG_ANSWERS.name])

    def send(self, question: QuestionAsked) -> str:
        """Produce a question; returns its request id."""
        request_id = question.request_id or str(uuid.uuid4())
        question = replace(question, request_id=request_id)
        output = edge_output(self._codec, topics.RAG_REQUESTS, question, request_id)
        kafka.send(self._producer, output, self._partitions)
        self._producer.poll(0)
        return request_id

    def answers(self, timeout: float) -> Iterator[QuestionAnswered]:
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
        for answer in self.answers(timeout):
            if answer.request_id == request_id:
                return answer
            if time.monotonic() > until:
                break
        raise UserError(
            f"no answer to {request_id} in {timeout:.0f} s: `millrace status` shows whether all "
            f"stages run, `millrace trail {request_id}` how far it came"
        )


@dataclass(slots=True)
class FeedReport:
    """What became of the documents that were fed."""

    fed: int = 0
    searchable: int = 0
    deleted: int = 0
    superseded: int = 0
    chunks: int = 0
    rejected: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @property
    def settled(self) -> int:
        return self.searchable + self.deleted + self.superseded + len(self.rejected)


class Feeder:
    """Feeds documents and waits until each is searchable, gone, superseded or rejected."""

    def __init__(self, settings: Settings, codec: Codec, consumer: Consumer) -> None:
        self._codec = codec
        self._consumer = consumer
        self._producer = kafka.new_producer(
            # A feed is bulk: a few milliseconds of gathering make it many times faster.
            kafka.producer_options(settings) | {"linger.ms": 5}
        )
        self._partitions = kafka.Partitions(self._producer)
        self._waiting: dict[tuple[str, int], str] = {}
        self._last = 0
        self._window = FEWEST_UNDER_WAY
        self._looked = (time.monotonic(), 0)
        self.report = FeedReport()
        from_the_end(consumer, [topics.DOCS_INDEXED.name, topics.DOCS_DLQ.name])

    def feed(
        self,
        documents: Iterable[DocumentFed],
        *,
        window: int = MOST_UNDER_WAY,
        patience_s: float = 120.0,
        on_progress: Callable[[FeedReport], None] = lambda _: None,
    ) -> FeedReport:
        """Feed all and wait.

        About two seconds' work is under way at once, and never more than `window` documents: a
        change that somebody else feeds meanwhile waits behind that, not behind this whole feed.

        Raises:
            UserError: nothing moved for `patience_s` seconds.
        """
        for document in documents:
            self._send(document)
            self._settle(0)
            while len(self._waiting) >= min(window, self._window):
                self._await(patience_s, on_progress)
                self._adapt()
            on_progress(self.report)
        self._producer.flush(NETWORK_S)
        while self._waiting:
            self._await(patience_s, on_progress)
        on_progress(self.report)
        return self.report

    def _adapt(self) -> None:
        """Once a second: twice as many documents under way as settled in the second before."""
        then, settled = self._looked
        now = time.monotonic()
        if now - then >= 1.0:
            rate = (self.report.settled - settled) / (now - then)
            self._window = min(MOST_UNDER_WAY, max(FEWEST_UNDER_WAY, int(2 * rate)))
            self._looked = (now, self.report.settled)

    def _send(self, document: DocumentFed) -> None:
        # A time of our own, later for each record, tells the acknowledgement of this one.
        self._last = max(now_ms(), self._last + 1) if self.report.fed else now_ms()
        key = topics.document_key(document)
        output = edge_output(
            self._codec, topics.DOCS_FEED, document, f"{key}@{document.version or self._last}"
        )
        while True:
            try:
                self._producer.produce(
                    output.topic,
                    value=output.value,
                    key=output.key,
                    headers=output.headers,  # pyright: ignore[reportArgumentType]
                    timestamp=self._last,
                    on_delivery=self._delivered,
                )
                break
            except BufferError:
                self._producer.poll(0.05)
            except KafkaException as error:
                self.report.fed += 1
                self.report.rejected.append((document.doc_id, kafka.reason(error)))
                return
        self._producer.poll(0)
        self._waiting[key, self._last] = document.doc_id
        self.report.fed += 1

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        """What the broker refused will never be acknowledged."""
        if error is not None:
            key = _bytes(message.key()).decode("utf-8", "replace")
            self._reject((key, message.timestamp()[1]), error.str())

    def _reject(self, place: tuple[str, int], reason: str) -> bool:
        doc_id = self._waiting.pop(place, None)
        if doc_id is not None:
            self.report.rejected.append((doc_id, reason))
        return doc_id is not None

    def _await(self, patience_s: float, on_progress: Callable[[FeedReport], None]) -> None:
        until = time.monotonic() + patience_s
        while not self._settle(POLL_S):
            if time.monotonic() > until:
                raise UserError(
                    f"{len(self._waiting):,} documents are not searchable and nothing moved for "
                    f"{patience_s:.0f} s: `millrace status` shows whether all stages run"
                )
        on_progress(self.report)

    def _settle(self, timeout: float) -> bool:
        """Read acknowledgements; whether any of ours was among them."""
        first = self._consumer.poll(timeout)
        if first is None:
            return False
        settled = False
        for message in (first, *self._consumer.consume(500, 0)):
            if message.error() is not None:
                continue
            value: Any = message.value()
            if message.topic() == topics.DOCS_INDEXED.name:
                done = self._codec.decode(topics.DOCS_INDEXED, value)
                place = topics.document_key(done.document), done.document.fed_at
                ours = place in self._waiting
                self.report.chunks += len(done.chunk_ids) if ours else 0
                if not done.last or not ours:
                    continue
                del self._waiting[place]
                if done.superseded:
                    self.report.superseded += 1
                elif done.document.op == "delete":
                    self.report.deleted += 1
                else:
                    self.report.searchable += 1
                settled = True
            else:
                letter = self._codec.decode(topics.DOCS_DLQ, value)
                settled |= self._reject(self._place(letter), letter.reason)
        return settled

    def _place(self, letter: DeadLettered) -> tuple[str, int]:
        """Which document a dead letter is about: the feed's own record, or one made from it."""
        for topic in MADE_OF_DOCUMENTS:
            if letter.topic == topic.name:
                try:
                    event = self._codec.decode(topic, letter.value)
                except MillraceError:
                    break
                return topics.document_key(event.document), event.document.fed_at
        return (letter.key or b"").decode("utf-8", "replace"), letter.timestamp


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
