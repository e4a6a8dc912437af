"""`millrace reindex`: documents whose chunking changed are chunked again, through the pipeline.

docs.indexed says of every document how it was chunked when it became searchable. The texts of those
that would be chunked in another way now are read from docs.changes and docs.changes.bulk, and
written to docs.reindex, which `chunk` reads beside them. Each such record carries a generation, the
time of this run, and the index takes the higher (version, sequence, generation): chunks made anew
replace those of the same version, and never those of a newer one that came meanwhile. Nothing is
written to docs.changes, where compaction would keep the last record of a document, which need not
be the newest version.

An interrupted run is continued by running it again: what is done has the new chunking.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from schemas import topics
from schemas.events import DocumentChanged, DocumentIndexed
from streams.app.settings import Settings
from streams.edge.client import NETWORK_S, POLL_S, edge_output, from_the_end, reader, replay
from streams.edge.concerned import (
    Chunked,
    HashOf,
    Key,
    Plan,
    access_again,
    asked_again,
    compared,
    plan,
)
from streams.flow.errors import MillraceError, Reject, UserError
from streams.flow.topic import Topic
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.record import now_ms

PATIENCE_S = 120.0
# As many as the embedder works on in a few seconds: a change fed meanwhile waits behind these only.
UNDER_WAY = 128
_MADE_OF_THEM = cast(
    "tuple[Topic[Any], ...]",
    (topics.DOCS_REINDEX, topics.DOCS_CHUNKS_BULK, topics.DOCS_VECTORS_BULK),
)


@dataclass(slots=True)
class Report:
    """What became of the documents that a run was about."""

    documents: int = 0
    concerned: int = 0
    rechunked: int = 0
    superseded: int = 0  # a newer version came meanwhile, and is chunked in the new way
    chunks: int = 0
    rejected: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @property
    def settled(self) -> int:
        return self.rechunked + self.superseded + len(self.rejected)


class Reindexer:
    """Asks for documents to be chunked again and waits until that is searchable."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._settings = settings
        self._codec = codec

    def plan(self, hash_of: HashOf, **only: str) -> Plan:
        """See `plan`, of what docs.indexed holds now; no text is read."""
        with reader(self._settings) as consumer:
            return plan(self._acknowledged(consumer), hash_of, **only)

    def compare(self, chunked: Mapping[Key, set[Chunked]], hash_of: HashOf, **only: str) -> Plan:
        """See `compared`, of all texts."""
        with reader(self._settings) as consumer:
            return compared(self._changes(consumer), chunked, hash_of, **only)

    def run(
        self,
        found: Plan,
        hash_of: HashOf,
        *,
        gone: Container[Key] = (),
        beside: Sequence[DocumentChanged] = (),
        access: bool = False,
        patience_s: float = PATIENCE_S,
        on_progress: Callable[[Report], None] = lambda _: None,
    ) -> Report:
        """Chunk again what `found` is about; of documents `gone`, say so again.

        `beside` are changes that are not in the log, such as a delete of what it does not know;
        with `access`, what was said of who may see them is said again before.

        Raises:
            UserError: nothing moved for `patience_s` seconds, or the workers chunk in another way
                than the policy file that this process reads.
        """
        report = Report(found.documents, len(found.concerned) + len(beside))
        if not report.concerned:
            return report
        generation = now_ms()
        with reader(self._settings) as source, reader(self._settings) as acks:
            waiting = Waiting(self._codec, acks, generation, report)
            producer = kafka.new_producer(kafka.producer_options(self._settings) | {"linger.ms": 5})
            known = found.concerned
            if access:
                told = self._acknowledged(source, topics.ACCESS)
                for change in access_again(told, known, generation):
                    self._send(producer, change, topics.ACCESS, waiting)
            again = asked_again(self._changes(source, known), known, generation, gone)
            new = (replace(c, document=replace(c.document, generation=generation)) for c in beside)
            for change in chain(again, new):
                document = change.document
                key = topics.document_key(document)
                waiting.expect(key, hash_of(document.doc_type))
                self._send(producer, change, f"{change.part}", waiting)
                while len(waiting.expected) >= UNDER_WAY and change.part == document.parts - 1:
                    producer.poll(0)
                    waiting.settle(patience_s)
                    on_progress(report)
            producer.flush(NETWORK_S)
            while waiting.expected:
                waiting.settle(patience_s)
                on_progress(report)
        return report

    def _send(self, producer: Any, change: DocumentChanged, part: str, waiting: Waiting) -> None:
        document = change.document
        key = topics.document_key(document)
        stamp = f"{document.version}.{document.sequence}.{document.generation}.{part}"
        output = edge_output(self._codec, topics.DOCS_REINDEX, change, f"{key}@{stamp}")
        self._produce(producer, output.key, output.value, output.headers, waiting)

    def _produce(
        self,
        producer: Any,
        key: bytes,
        value: bytes | None,
        headers: list[tuple[str, bytes]],
        waiting: Waiting,
    ) -> None:
        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                waiting.reject(key.decode(), error.str())

        while True:
            try:
                producer.produce(
                    topics.DOCS_REINDEX.name, value, key, headers=headers, on_delivery=delivered
                )
                producer.poll(0)
                return
            except BufferError:
                producer.poll(0.05)
            except KafkaException as error:
                waiting.reject(key.decode(), kafka.reason(error))
                return

    def changes(self, wanted: Container[Key] | None = None) -> Iterator[DocumentChanged]:
        """All changes that the log has now, or those of some documents."""
        with reader(self._settings) as consumer:
            yield from self._changes(consumer, wanted)

    def acknowledged(self) -> Iterator[DocumentIndexed]:
        """What became searchable of each document last."""
        with reader(self._settings) as consumer:
            yield from self._acknowledged(consumer)

    def _acknowledged(self, consumer: Consumer, part: str = "") -> Iterator[DocumentIndexed]:
        """What stands under the documents' own keys, or in a part beside them."""
        for message in replay(consumer, [topics.DOCS_INDEXED.name]):
            value: Any = message.value()
            if _key(message).partition(b"\0")[2] == part.encode():
                yield self._codec.decode(topics.DOCS_INDEXED, value)

    def _changes(
        self, consumer: Consumer, wanted: Container[Key] | None = None
    ) -> Iterator[DocumentChanged]:
        """All, or those of some documents: others are not even decoded."""
        for message in replay(consumer, [topics.DOCS_CHANGES.name, topics.DOCS_CHANGES_BULK.name]):
            document = _key(message).partition(b"\0")[0].decode("utf-8", "replace")
            if wanted is not None and document not in wanted:
                continue
            value: Any = message.value()
            try:
                yield self._codec.decode(topics.DOCS_CHANGES, value)
            except Reject:  # `chunk` has written a dead letter about it
                continue


def _key(message: Message) -> bytes:
    key: Any = message.key()
    return key or b""


class Waiting:
    """Documents that were asked for and are not acknowledged yet, with the hash they must get."""

    def __init__(self, codec: Codec, acks: Consumer, generation: int, report: Report) -> None:
        self.expected: dict[Key, str] = {}
        self._codec = codec
        self._acks = acks
        self._generation = generation
        self._report = report
        from_the_end(acks, [topics.DOCS_INDEXED.name, topics.DOCS_DLQ.name])

    def expect(self, key: Key, wanted: str) -> None:
        self.expected[key] = wanted

    def reject(self, key: Key, reason: str) -> bool:
        if self.expected.pop(key, None) is None:
            return False
        self._report.rejected.append((key, reason))
        return True

    def settle(self, patience_s: float) -> None:
        """Read acknowledgements until one of ours was among them."""
        until = time.monotonic() + patience_s
        while not self._read():
            if time.monotonic() > until:
                raise UserError(
                    f"{len(self.expected):,} documents are not chunked again and nothing moved for "
                    f"{patience_s:.0f} s: `millrace status` shows whether all stages run; run "
                    "`millrace reindex` again to go on"
                )

    def _read(self) -> bool:
        first = self._acks.poll(POLL_S)
        if first is None:
            return False
        settled = False
        for message in (first, *self._acks.consume(500, 0)):
            if message.error() is None:
                value: Any = message.value()
                indexed = message.topic() == topics.DOCS_INDEXED.name
                settled |= self._indexed(value) if indexed else self._dead(value)
        return settled

    def _indexed(self, value: bytes) -> bool:
        done = self._codec.decode(topics.DOCS_INDEXED, value)
        key = topics.document_key(done.document)
        if done.document.generation != self._generation or key not in self.expected:
            return False
        if done.document.op == "access":
            return False  # its text is still to come
        if not done.superseded and done.chunking != self.expected[key]:
            raise UserError(
                f"the workers chunk {key} by {done.chunking or 'an older release'}, not by "
                f"{self.expected[key]} as policies/chunking.yaml says here: restart them with it, "
                "and run `millrace reindex` again"
            )
        self._report.chunks += len(done.chunk_ids)
        if not done.last:
            return True
        del self.expected[key]
        if done.superseded:
            self._report.superseded += 1
        else:
            self._report.rechunked += 1
        return True

    def _dead(self, value: bytes) -> bool:
        letter = self._codec.decode(topics.DOCS_DLQ, value)
        for topic in _MADE_OF_THEM:
            if letter.topic == topic.name:
                try:
                    event = self._codec.decode(topic, letter.value)
                except MillraceError:
                    return False
                ours = event.document.generation == self._generation
                return ours and self.reject(topics.document_key(event.document), letter.reason)
        return False
