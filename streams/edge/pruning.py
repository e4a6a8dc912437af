"""Documents of a source whose rows are no more: found in the log, and deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from confluent_kafka import Consumer

from schemas import topics
from schemas.events import DocumentFed, DocumentVersion
from streams.app.settings import Settings
from streams.edge import client
from streams.edge.documents import Feeder, FeedReport
from streams.runtime.codec import Codec


def pruned(
    settings: Settings,
    codec: Codec,
    tenant: str | None,
    prefix: str,
    rows: Collection[str],
    at: int,
) -> FeedReport:
    """Delete the documents under this prefix that are none of `rows`, and wait until they are gone.

    `rows` are `TENANT/DOC_ID`; `at` is the version of the deletion: what is newer stays. None for
    `tenant` are all of them.

    Raises:
        UserError: the broker does not answer, or nothing moves.
    """
    with client.reader(settings) as consumer:
        gone = [
            DocumentFed(op="delete", tenant=each.tenant, doc_id=each.doc_id, version=at)
            for key, each in _newest(codec, consumer, prefix).items()
            if each.op == "upsert" and each.version < at and key not in rows
            if tenant is None or each.tenant == tenant
        ]
    with client.reader(settings) as consumer:
        return Feeder(settings, codec, consumer).feed(gone)


def _newest(codec: Codec, consumer: Consumer, prefix: str) -> dict[str, DocumentVersion]:
    """The newest version of each document under a prefix, in either lane."""
    found: dict[str, DocumentVersion] = {}
    for document in _versions(codec, consumer):
        if document.doc_id.startswith(prefix):
            key = f"{document.tenant}/{document.doc_id}"
            known = found.get(key)
            if known is None or _stamp(known) <= _stamp(document):
                found[key] = document
    return found


def _versions(codec: Codec, consumer: Consumer) -> Iterator[DocumentVersion]:
    by_name = {each.name: each for each in (topics.DOCS_CHANGES, topics.DOCS_CHANGES_BULK)}
    for message in client.replay(consumer, [*by_name]):
        value: Any = message.value()
        if value is not None:
            topic = by_name[message.topic() or ""]
            yield codec.decode(topic, value).document


def _stamp(document: DocumentVersion) -> tuple[int, int]:
    return document.version, document.sequence
