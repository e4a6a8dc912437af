"""Feeding documents: send them and wait until each is searchable, gone, superseded or rejected."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from schemas import topics
from schemas.events import DeadLettered, DocumentFed
from streams.app.opening import stages
from streams.app.settings import Settings
from streams.edge import admin
from streams.edge.client import NETWORK_S, POLL_S, edge_output, from_the_end
from streams.edge.watching import PATIENCE_S, Watch
from streams.flow.errors import MillraceError
from streams.flow.topic import Topic
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.processing import now_ms
from streams.runtime.record import Output

MOST_UNDER_WAY = 2000  # documents
MADE_OF_DOCUMENTS = cast(
    "tuple[Topic[Any], ...]",
    (
        topics.DOCS_CHANGES,
        topics.DOCS_CHANGES_BULK,
        topics.DOCS_CHUNKS,
        topics.DOCS_CHUNKS_BULK,
        topics.DOCS_VECTORS,
        topics.DOCS_VECTORS_BULK,
    ),
)


def watch(settings: Settings, patience_s: float) -> Watch:
    """Of the stages that documents go through."""

    def look() -> dict[str, admin.Standing]:
        flow = [each for each in stages(settings) if each.dead_letters == topics.DOCS_DLQ]
        return admin.standings(settings, flow)

    return Watch(look, patience_s)


@dataclass(slots=True)
class FeedReport:
    """What became of the documents that were fed."""

    fed: int = 0
    searchable: int = 0
    deleted: int = 0
    superseded: int = 0
    chunks: int = 0
    rejected: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    waits_for: str = ""  # where nothing has come for a while: the stage that it is at

    @property
    def settled(self) -> int:
        return self.searchable + self.deleted + self.superseded + len(self.rejected)


Delivered = Callable[[KafkaError | None, Message], None]


class Outbox(Protocol):
    """How records of a feed get to the broker."""

    def after(self, document: DocumentFed) -> int:
        """The record's time is to be later than this, in milliseconds since the epoch."""
        ...

    def put(self, document: DocumentFed, output: Output, at: int, delivered: Delivered) -> None:
        """Send a record of this time, at once or with others.

        Raises:
            KafkaException: it can never be sent.
        """
        ...

    def commit(self) -> None:
        """Return once all that was put is sent."""
        ...


class Direct:
    """Each record by itself, at once."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    def after(self, document: DocumentFed) -> int:  # noqa: ARG002
        return 0

    def put(self, document: DocumentFed, output: Output, at: int, delivered: Delivered) -> None:  # noqa: ARG002
        produce(self._producer, output, at, delivered)
        self._producer.poll(0)

    def commit(self) -> None:
        self._producer.flush(NETWORK_S)


def produce(producer: Producer, output: Output, at: int, delivered: Delivered) -> None:
    """Queue a record of this time, waiting while the queue is full."""
    while True:
        try:
            producer.produce(
                output.topic,
                value=output.value,
                key=output.key,
                headers=output.headers,  # pyright: ignore[reportArgumentType]
                timestamp=at,
                on_delivery=delivered,
            )
            return
        except BufferError:
            producer.poll(0.05)


class Feeder:
    """Feeds documents and waits until each is searchable, gone, superseded or rejected.

    In `bulk` they delay nobody else's changes.
    """

    def __init__(
        self,
        settings: Settings,
        codec: Codec,
        consumer: Consumer,
        *,
        bulk: bool = False,
        outbox: Outbox | None = None,
    ) -> None:
        self._settings = settings
        self._topic = topics.DOCS_FEED_BULK if bulk else topics.DOCS_FEED
        self._codec = codec
        self._consumer = consumer
        # A feed is bulk: a few milliseconds of gathering make it many times faster.
        options = kafka.producer_options(settings) | {"linger.ms": 5}
        self._outbox = outbox or Direct(kafka.new_producer(options))
        self._waiting: dict[tuple[str, int], str] = {}
        self._last = 0
        self.report = FeedReport()
        from_the_end(consumer, [topics.DOCS_INDEXED.name, topics.DOCS_DLQ.name])

    def feed(
        self,
        documents: Iterable[DocumentFed],
        *,
        window: int = MOST_UNDER_WAY,
        patience_s: float = PATIENCE_S,
        on_progress: Callable[[FeedReport], None] = lambda _: None,
    ) -> FeedReport:
        """Feed all, at most `window` at once, and wait: for as long as anything moves.

        Raises:
            UserError: in none of the stages anything moved for `patience_s` seconds.
        """
        watched = watch(self._settings, patience_s)
        for document in documents:
            self._send(document)
            self._settle(0)
            if len(self._waiting) >= window:
                self._outbox.commit()
            while len(self._waiting) >= window:
                self._await(watched, on_progress)
            on_progress(self.report)
        self._outbox.commit()
        while self._waiting:
            self._await(watched, on_progress)
        on_progress(self.report)
        return self.report

    def _send(self, document: DocumentFed) -> None:
        # A time of our own, later for each record, tells the acknowledgement of this one.
        self._last = max(now_ms(), self._last + 1, self._outbox.after(document) + 1)
        key = topics.document_key(document)
        output = edge_output(
            self._codec, self._topic, document, f"{key}@{document.version or self._last}"
        )
        self.report.fed += 1
        self._waiting[key, self._last] = document.doc_id
        try:
            self._outbox.put(document, output, self._last, self._delivered)
        except KafkaException as error:
            self._reject((key, self._last), kafka.reason(error))

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

    def _await(self, watched: Watch, on_progress: Callable[[FeedReport], None]) -> None:
        watched.heard()
        while not self._settle(POLL_S):
            missing = f"{len(self._waiting):,} documents are not searchable"
            self.report.waits_for = watched.silence(missing)
            on_progress(self.report)
        self.report.waits_for = ""
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
