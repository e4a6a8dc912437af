"""Documents that were acknowledged and that the index does not have, as docs.indexed tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from processors.documents.applying import apply
from processors.documents.lacking import Document, Stamp, stamp_in
from processors.ports import ChunkStore
from schemas import topics
from schemas.access import said_again
from schemas.events import DocumentEmbedded, DocumentIndexed, DocumentVersion
from streams.flow.mirror import Place
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.settings import RuntimeSettings
from streams.runtime.stretches import Extent, Going, stretches

AT_ONCE = 500


def find(
    store: ChunkStore,
    settings: RuntimeSettings,
    codec: Codec,
    ends: dict[Place, Extent],
    going: Going,
) -> dict[Document, Stamp]:
    """Which they are; what has no text any more is mended here: nothing else would do it."""
    lacking: dict[Document, Stamp] = {}
    found, labelled = _newest(settings, codec, ends, going)
    newest = [*found.items()]
    # Before any text comes, and of those that are there already: the log may not say it again.
    for start in range(0, len(labelled), AT_ONCE):
        going()
        some = labelled[start : start + AT_ONCE]
        apply(store, [_without_text(done, each) for done in some for each in said_again(done)])
    for start in range(0, len(newest), AT_ONCE):
        going()
        acks = newest[start : start + AT_ONCE]
        has = store.fences([document for document, _ in acks])
        older = [
            (document, stamp, done)
            for document, (stamp, done) in acks
            if document not in has or stamp_in(has[document]) < stamp
        ]
        lacking |= {document: stamp for document, stamp, done in older if done.chunks}
        gone = [done for _, _, done in older if not done.chunks]
        apply(store, [_without_text(done, done.document) for done in gone])
    return lacking


def _newest(
    settings: RuntimeSettings, codec: Codec, ends: dict[Place, Extent], going: Going
) -> tuple[dict[Document, tuple[Stamp, DocumentIndexed]], list[DocumentIndexed]]:
    """How each document became searchable last, and what was said of who may see one."""
    newest: dict[Document, tuple[Stamp, DocumentIndexed]] = {}
    labelled: list[DocumentIndexed] = []
    for done in _acknowledged(settings, codec, ends, going):
        document = done.document
        if document.op == "access":
            labelled.append(done)
            continue
        key = document.tenant, document.doc_id
        stamp = document.version, document.sequence, document.generation
        if not done.superseded and done.last and (key not in newest or stamp >= newest[key][0]):
            newest[key] = stamp, done
    return newest, labelled


def _acknowledged(
    settings: RuntimeSettings, codec: Codec, ends: dict[Place, Extent], going: Going
) -> Iterator[DocumentIndexed]:
    options: Any = kafka.plain_consumer_options(settings, f"{settings.group_prefix}.lacking")
    for place, extent in ends.items():
        for records, _ in stretches(options, place, extent.first, extent.end, going):
            for record in records:
                if record.value is not None and _tells(record.key or b""):
                    yield codec.decode(topics.DOCS_INDEXED, record.value)


def _tells(key: bytes) -> bool:
    """Whether it is how a document became searchable last, or who may see it."""
    part = key.partition(b"\0")[2].decode()
    return part in ("", topics.ACCESS)


def _without_text(done: DocumentIndexed, document: DocumentVersion) -> DocumentEmbedded:
    return DocumentEmbedded(
        document=document,
        chunking=done.chunking,
        embedding_model="",
        chunks=[],
        last=True,
    )


def told(lacking: Sequence[Document]) -> str:
    """Some of them, for a message."""
    names = [f"{tenant}/{doc_id}" for tenant, doc_id in lacking[:3]]
    return ", ".join(names) + (" and others" if len(lacking) > len(names) else "")
