"""What the drill does to a running stack: feeds it a history, asks it questions, and kills it."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from processors.documents.chunk import chunk
from processors.documents.ingest import IngestConfig, Place, ingest
from processors.needs import CONVERTER, COUNTER
from schemas.events import DocumentFed
from streams.app import config as app_config
from streams.app import opening
from streams.app.ports import open_these
from streams.app.settings import Settings
from streams.edge import client
from streams.runtime import kafka
from streams.runtime.record import Record

TENANT = "rustsec"
READY_S = 120.0  # a worker's start on a loaded machine, and the supervisor's longest back-off


def fed(event: dict[str, Any]) -> dict[str, Any]:
    """A change of the history as a record of docs.feed: its place in it is the version."""
    place = {"tenant": TENANT, "doc_id": event["path"], "version": event["seq"]}
    if event["op"] == "d":
        return {"op": "delete", **place}
    return {"op": "upsert", **place, "body": event["content"], "form": event.get("form", "source")}


Searchable = dict[str, tuple[int, list[tuple[int, str, str]]]]
"""Document to its version and its chunks: ordinal, id, text."""


def expected(events: Sequence[dict[str, Any]], settings: Settings) -> Searchable:
    """What must be searchable after this history, computed in this process alone."""
    final = {event["path"]: event for event in events}
    state: Searchable = {}
    with ExitStack() as stack:
        ports = open_these(settings, stack, CONVERTER, COUNTER)
        policy = app_config.chunking_policy(settings)
        for path, event in final.items():
            if event["op"] == "d":
                continue
            record = DocumentFed(**fed(event))
            place = Place(0, 0, keyed=True)
            changes = ingest(record, place, config=IngestConfig(), converter=ports[CONVERTER])
            chunks = [
                (each.ordinal, each.chunk_id, each.text)
                for change in changes
                for made in chunk(change, counter=ports[COUNTER], policy=policy)
                for each in made.chunks
            ]
            if chunks:
                state[path] = (event["seq"], sorted(chunks))
    return state


def searchable(settings: Settings) -> Searchable:
    """What `millrace index dump` says."""
    versions: dict[str, set[int]] = {}
    chunks: dict[str, list[tuple[int, str, str]]] = {}
    for line in opening.dump_index(settings, TENANT):
        each = json.loads(line)
        versions.setdefault(each["doc_id"], set()).add(each["doc_version"])
        chunks.setdefault(each["doc_id"], []).append(
            (each["ordinal"], each["chunk_id"], each["text"])
        )
    assert all(len(found) == 1 for found in versions.values()), "chunks of several versions"
    return {doc: (versions[doc].pop(), sorted(found)) for doc, found in chunks.items()}


class Edge:
    """A program that knows Kafka and JSON and nothing else of Millrace."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer = kafka.new_producer(kafka.producer_options(settings))

    def put(
        self,
        topic: str,
        key: str | bytes | None,
        value: dict[str, Any] | bytes,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self._producer.produce(topic, body, key, headers=[*headers])
        self._producer.poll(0)

    def flush(self) -> None:
        assert self._producer.flush(60) == 0

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is put meanwhile can be read from one moment on: a transaction."""
        one_by_one = self._producer
        self._producer = kafka.new_producer(kafka.producer_options(self._settings, "drill-at-once"))
        self._producer.init_transactions(60)
        self._producer.begin_transaction()
        yield
        self._producer.commit_transaction(60)
        self._producer = one_by_one

    def records(self, topic: str) -> Iterator[Record]:
        """Everything in a topic now."""
        with client.reader(self._settings) as consumer:
            for message in client.replay(consumer, [topic]):
                yield kafka.received(message)


def pause(rng: random.Random, most: float) -> None:
    """Let some of the work happen, to strike at any moment of it."""
    time.sleep(rng.uniform(0, most))
