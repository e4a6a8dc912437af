"""Following a source: what changed is fed, and remembered in the transaction that feeds it.

So whoever follows may be killed at any line. What was committed is remembered, what was not is
found to differ when the source is looked at again; no removal is lost, and none is made up.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException

from schemas import topics
from schemas.events import DocumentFed, DocumentFollowed
from streams.app.rights import FOLLOWING
from streams.app.settings import Settings
from streams.app.sources import Followed, Known, Skipped, Told
from streams.edge.client import NETWORK_S, edge_output, reader, replay
from streams.edge.documents import Delivered, Feeder, FeedReport, produce
from streams.flow.errors import UserError
from streams.flow.topic import MIB
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.outages import FENCED
from streams.runtime.record import Output

MOST_HELD = 100  # documents of one transaction
MOST_BYTES = 8 * MIB
LONGEST_S = 1.0  # that one waits for others


class SupersededError(UserError):
    """Somebody else follows the same source."""


class Memory:
    """What was fed of a tenant's documents by sources that are followed."""

    def __init__(self, codec: Codec, consumer: Consumer, tenant: str) -> None:
        self.known: dict[str, Known] = {}
        self._codec = codec
        self._consumer = consumer
        self._tenant = tenant

    def read(self) -> None:
        """All that is remembered now."""
        for message in replay(self._consumer, [topics.DOCS_SOURCES.name]):
            self._take(message.key(), message.value())

    def refresh(self) -> None:
        """What others remembered since, as far as it is here."""
        while (first := self._consumer.poll(0)) is not None:
            for message in (first, *self._consumer.consume(500, 0)):
                if message.error() is None:
                    self._take(message.key(), message.value())

    def note(self, event: DocumentFollowed) -> None:
        """What is newer counts: our own comes back late."""
        known = self.known.get(event.doc_id)
        if known is None or known.fed_at <= event.fed_at:
            self.known[event.doc_id] = Known(event.source, event.mark, event.fed_at)

    def _take(self, key: Any, value: Any) -> None:
        if value is not None and (key or b"").startswith(f"{self._tenant}/".encode()):
            event = self._codec.decode(topics.DOCS_SOURCES, value)
            if event.tenant == self._tenant:
                self.note(event)


@dataclass(slots=True)
class Remembering:
    """An outbox of a feed that remembers, in the same transaction, what it fed."""

    settings: Settings
    codec: Codec
    memory: Memory
    source: str
    tenant: str
    marks: dict[str, str] = field(default_factory=dict[str, str])  # of what is put next
    _held: list[tuple[Output, int, Delivered]] = field(
        default_factory=list[tuple[Output, int, Delivered]]
    )
    _notes: list[DocumentFollowed] = field(default_factory=list[DocumentFollowed])
    _bytes: int = 0
    _since: float = 0.0
    _producer: Any = None

    def open(self) -> None:
        """Fence whoever followed this source before; what they left unfinished never happened.

        Raises:
            UserError: the broker does not allow it.
        """
        name = hashlib.sha256(f"{self.tenant}\0{self.source}".encode()).hexdigest()[:24]
        ours = f"{self.settings.group_prefix}.{FOLLOWING}{name}"
        options = kafka.producer_options(self.settings, ours)
        self._producer = kafka.new_producer(options | {"linger.ms": 5})
        try:
            self._producer.init_transactions(NETWORK_S)
        except KafkaException as error:
            raise UserError(
                f"no transaction of {ours} can be begun: {kafka.reason(error)}"
            ) from None

    def after(self, document: DocumentFed) -> int:
        known = self.memory.known.get(document.doc_id)
        return 0 if known is None else known.fed_at

    def put(self, document: DocumentFed, output: Output, at: int, delivered: Delivered) -> None:
        size = len(output.value or b"") + len(output.key)
        if size > most_bytes():  # it would take the others with it
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        if self._held and time.monotonic() - self._since > LONGEST_S:
            self.commit()
        note = DocumentFollowed(
            tenant=document.tenant,
            doc_id=document.doc_id,
            source=self.source,
            mark=self.marks.pop(document.doc_id),
            fed_at=at,
        )
        event_id = f"{topics.document_key(note)}@{at}"
        beside = edge_output(self.codec, topics.DOCS_SOURCES, note, event_id)
        self._since = self._since if self._held else time.monotonic()
        self._held += [(output, at, delivered), (beside, at, _ignored)]
        self._notes.append(note)
        self._bytes += size
        if len(self._notes) >= MOST_HELD or self._bytes >= MOST_BYTES:
            self.commit()

    def commit(self) -> None:
        """Feed and remember what was put, all or nothing.

        Raises:
            SupersededError: somebody else follows this source now.
            UserError: the broker did not take it.
        """
        if not self._held:
            return
        try:
            self._producer.begin_transaction()
            for output, at, delivered in self._held:
                produce(self._producer, output, at, delivered)
            self._producer.commit_transaction(NETWORK_S * 3)
        except KafkaException as error:
            cause = error.args[0]
            if cause.fatal() or cause.code() in FENCED:
                raise SupersededError(
                    f"somebody else follows {self.source} for {self.tenant} now, and one is "
                    "enough: end one of them"
                ) from None
            with suppress(KafkaException):  # else who reads docs.feed waits for its time to pass
                self._producer.abort_transaction(NETWORK_S)
            raise UserError(
                f"what changed could not be fed ({kafka.reason(error)}): it is fed once the "
                "broker takes it"
            ) from None
        for note in self._notes:
            self.memory.note(note)
        self._held, self._notes, self._bytes = [], [], 0


def most_bytes() -> int:
    """Of a record, so that the broker takes it with its headers."""
    return topics.DOCS_FEED.max_bytes - MIB // 16


def _ignored(_: object, __: object) -> None:
    """What befalls this record befalls its transaction."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one look at the source came to."""

    report: FeedReport
    skipped: list[Skipped]
    told: list[Told]
    removed: list[str]

    @property
    def idle(self) -> bool:
        return not (self.report.fed or self.skipped or self.told)


class Follower:
    """Looks at a source, feeds what changed, and waits until that is searchable."""

    def __init__(
        self, followed: Followed, memory: Memory, outbox: Remembering, feeder: Feeder
    ) -> None:
        self._followed = followed
        self._memory = memory
        self._outbox = outbox
        self._feeder = feeder

    def look(
        self,
        names: Collection[str] | None = None,
        on_progress: Callable[[FeedReport], None] = lambda _: None,
    ) -> Round:
        """Of these names, or of all.

        Raises:
            UserError: the source or the broker does not answer, or nothing moves.
        """
        self._memory.refresh()
        self._feeder.report = FeedReport()
        found = Round(self._feeder.report, [], [], [])
        self._feeder.feed(self._documents(names, found), on_progress=on_progress)
        return found

    def _documents(self, names: Collection[str] | None, found: Round) -> Iterator[DocumentFed]:
        for step in self._followed.changes(self._memory.known, names):
            if isinstance(step, Skipped):
                found.skipped.append(step)
                continue
            if isinstance(step, Told):
                found.told.append(step)
                continue
            if unread := step.document.metadata.get("unread"):
                found.told.append(Told(step.document.doc_id, f"read in part: {unread}"))
            if step.document.op == "delete":
                found.removed.append(step.document.doc_id)
            self._outbox.marks[step.document.doc_id] = step.mark
            yield step.document


@contextmanager
def follower(
    settings: Settings, codec: Codec, followed: Followed, *, bulk: bool = False
) -> Generator[Follower]:
    """What follows this source from now on: whoever did so before is fenced.

    Raises:
        UserError: the broker does not answer, or a topic is missing.
    """
    with reader(settings) as remembered, reader(settings) as acks:
        memory = Memory(codec, remembered, followed.tenant)
        outbox = Remembering(settings, codec, memory, followed.source.name, followed.tenant)
        outbox.open()
        memory.read()  # once nobody else writes it
        feeder = Feeder(settings, codec, acks, bulk=bulk, outbox=outbox)
        yield Follower(followed, memory, outbox, feeder)
