"""Hosts of one index, each with a folder of its own: the production parts, in this process."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import TopicPartition

from connectors.qdrant_edge.index import EdgeIndex
from processors import needs
from processors.documents import index
from processors.questions.answers import now_ms
from schemas import topics
from schemas.events import DocumentEmbedded, DocumentIndexed
from streams.app.owning import Owning, owning
from streams.app.settings import Settings
from streams.edge import admin, client
from streams.flow.mirror import Place
from streams.flow.port import Opened
from streams.flow.topic import Topic
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.spans import DerivedSpans
from streams.runtime.worker import StageWorker, Worker
from tests.support.index_events import change
from tests.system.harness import TIMEOUT_S, until

SIZE = 384
STAGE = index.stage(now_ms)
VECTORS = topics.DOCS_VECTORS


def made(tenant: str, doc_id: str, version: int, text: str) -> DocumentEmbedded:
    """A version of a document with one chunk, as `embed` writes it; without text, a delete."""
    op = "upsert" if text else "delete"
    event = change(doc_id, version, (text,) * bool(text), tenant=tenant, op=op, of=bool(text))
    chunks = [
        replace(each, vector=_vectors(1, text), sentence_vectors=_vectors(2, text))
        for each in event.chunks
    ]
    return replace(event, chunks=chunks)


def _vectors(count: int, text: str) -> bytes:
    seed = np.random.default_rng([*text.encode()])
    return seed.normal(size=count * SIZE).astype("<f2").tobytes()


@dataclass
class Hosts:
    """What is fed to all of them, and what they acknowledged."""

    settings: Settings

    def __post_init__(self) -> None:
        self.codec = Codec()
        admin.apply_topics(self.settings, [STAGE])
        self._producer = kafka.new_producer(kafka.producer_options(self.settings))

    def feed(self, events: Iterable[DocumentEmbedded]) -> None:
        for event in events:
            self.put(VECTORS, event)
        assert self._producer.flush(TIMEOUT_S) == 0

    def put(self, topic: Topic[Any], event: Any) -> None:
        value = self.codec.encode(topic.name, event)
        self._producer.produce(topic.name, value, topic.key(event).encode())

    def at(self, tenant: str, doc_id: str) -> tuple[Place, int]:
        """Where the document's record stands in the log."""
        with client.reader(self.settings) as consumer:
            for each in map(kafka.received, client.replay(consumer, [VECTORS.name])):
                document = self.codec.decode(VECTORS, each.value).document
                if (document.tenant, document.doc_id) == (tenant, doc_id):
                    return (each.topic, each.partition), each.offset
        raise AssertionError(f"{doc_id} is not in the log")

    def acknowledged(self, tenant: str) -> list[DocumentIndexed]:
        with client.reader(self.settings) as consumer:
            values = [each.value() for each in client.replay(consumer, [topics.DOCS_INDEXED.name])]
        acks = [self.codec.decode(topics.DOCS_INDEXED, value) for value in values if value]
        return [each for each in acks if each.document.tenant == tenant]

    def await_acknowledged(self, tenant: str, count: int) -> None:
        until(lambda: len(self.acknowledged(tenant)) >= count, f"{count} of {tenant}")

    def forget_the_log(self) -> None:
        """What retention does in a day: the log begins where it ends."""
        ends = admin.ends(self.settings, [VECTORS.name])
        wanted = [TopicPartition(*place, end) for place, end in ends.items()]
        client_of = kafka.admin(self.settings)
        deleted = client_of.delete_records(wanted)
        for future in deleted.values():
            future.result(TIMEOUT_S)

    def owning(self, folder: Path, name: str) -> tuple[Owning, EdgeIndex]:
        settings = self.settings.model_copy(update={"data": folder, "worker": name})
        found = owning(settings, [STAGE], [STAGE], name)
        assert found is not None
        return found, EdgeIndex(folder / "index", "main", SIZE)

    @contextmanager
    def begun(self, folder: Path, name: str = "a") -> Generator[tuple[Owning, EdgeIndex]]:
        """One that has the index and may answer from it."""
        own, store = self.owning(folder, name)
        with ExitStack() as stack:
            own.stand_by(stack, lambda: None)
            stack.enter_context(store)
            own.begin(Opened({needs.CHUNKS.name: store}), self.codec)
            yield own, store

    @contextmanager
    def host(self, folder: Path, name: str = "a") -> Generator[EdgeIndex]:
        """One that works, too."""
        settings = self.settings.model_copy(update={"data": folder, "worker": name})
        with self.begun(folder, name) as (own, store):
            ports = Opened({needs.CHUNKS.name: store})
            worker = Worker(
                [
                    StageWorker(
                        STAGE,
                        ports,
                        settings,
                        self.codec,
                        DerivedSpans(),
                        name=name,
                        static=True,
                        of=each,
                        mirrored=own.mirrored,
                        held=own.held,
                    )
                    for each in STAGE.subscriptions
                ]
            )
            worker.start()
            try:
                assert worker.wait_ready(TIMEOUT_S)
                yield store
            finally:
                worker.stop()
                assert not worker.join()


def texts(store: EdgeIndex, tenant: str) -> dict[str, str]:
    return {chunk.doc_id: chunk.text for chunk in store.scan(tenant)}
