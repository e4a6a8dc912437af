"""Changes and questions for the tests of an `Index`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from connectors.memory.index import MemoryIndex
from connectors.qdrant.index import QdrantIndex
from connectors.qdrant_edge.index import EdgeIndex
from connectors.together import Together
from processors.documents import applying
from processors.documents.applying import Applied
from processors.documents.chunk import ORDINALS_PER_PART
from processors.guard.sight import UNLABELLED
from processors.ports import SearchQuery
from processors.questions.retrieve import (
    RetrievalConfig,
    Searched,
    SearchResult,
    retrieve,
    search,
)
from schemas.events import (
    Chunk,
    DocumentEmbedded,
    DocumentVersion,
    EmbeddedChunk,
    QuestionRewritten,
)

SIZE = 8
Index = EdgeIndex | MemoryIndex | QdrantIndex | Together
DONE = Applied(superseded=False, removed=0)
SUPERSEDED = Applied(superseded=True, removed=0)


def apply(index: Index, changes: Sequence[DocumentEmbedded]) -> list[Applied]:
    """What each change did, but for what the log need not keep any more."""
    return [replace(applied, obsolete=()) for applied in applying.apply(index, changes)]


def vector(text: str) -> np.ndarray:
    values = np.random.default_rng(list(text.encode())).normal(size=SIZE)
    return (values / np.linalg.norm(values)).astype(np.float16)


def chunk_id(doc_id: str, ordinal: int, tenant: str = "acme") -> str:
    return str(uuid5(NAMESPACE_URL, repr((tenant, doc_id, ordinal))))


def document(doc_id: str, **fields: object) -> DocumentVersion:
    """A version of a document; what `fields` do not say is of no matter."""
    given: dict[str, object] = {
        "op": "upsert",
        "tenant": "acme",
        "version": 3,
        "sequence": 7,
        "doc_type": "text",
        "title": "",
        "uri": f"file:{doc_id}",
        "metadata": {},
        "changed_at": 1,
        "fed_at": 2,
    }
    return DocumentVersion(doc_id=doc_id, **given | fields)  # type: ignore[arg-type]


def change(
    doc_id: str,
    version: int,
    texts: tuple[str, ...] = (),
    *,
    sequence: int = 0,
    op: str = "upsert",
    tenant: str = "acme",
    first: int = 0,
    last: bool = True,
    title: str = "",
    heading: str = "",
    metadata: dict[str, str] | None = None,
    chunking: str = "c1",
    part: int = 0,
    parts: int = 1,
    of: int = -1,
    generation: int = 0,
) -> DocumentEmbedded:
    """`texts` become the chunks from ordinal `first` on, each with two sentence vectors.

    `of` how many chunks of its part these are the last.
    """
    first += part * ORDINALS_PER_PART
    chunks = [
        EmbeddedChunk(
            chunk=Chunk(
                chunk_id=chunk_id(doc_id, ordinal, tenant),
                ordinal=ordinal,
                text=text,
                heading=heading,
                sentences=[0, 1, 1, len(text)],
                text_hash="",
                tokens=len(text),
            ),
            vector=vector(text).tobytes(),
            sentence_vectors=np.stack([vector(text + "/1"), vector(text + "/2")]).tobytes(),
        )
        for ordinal, text in enumerate(texts, first)
    ]
    of_document = document(
        doc_id,
        op=op,
        tenant=tenant,
        version=version,
        sequence=sequence,
        generation=generation,
        title=title,
        metadata=metadata or {},
        changed_at=1_700_000_000_000 + version,
        parts=parts,
    )
    return DocumentEmbedded(
        document=of_document,
        part=part,
        chunking=chunking,
        embedding_model="m",
        chunks=chunks,
        last=last,
        part_chunks=of,
    )


def part(doc_id: str, version: int, number: int, parts: int, *texts: str) -> DocumentEmbedded:
    """One part of a document that came in several, whole in one record."""
    last = number == parts - 1
    return change(doc_id, version, texts, part=number, parts=parts, of=len(texts), last=last)


def delete(
    doc_id: str, version: int, *, sequence: int = 0, tenant: str = "acme"
) -> DocumentEmbedded:
    return change(doc_id, version, sequence=sequence, op="delete", tenant=tenant)


def searched(index: Index) -> Searched:
    """All three ports of one index."""
    return Searched(index, index, index)


def texts(index: Index, tenant: str | None = "acme") -> list[str]:
    return sorted(chunk.text for chunk in index.scan(tenant))


def ask(
    index: Index,
    *asked: str,
    tenant: str = "acme",
    limit: Any = 10,  # a number; but a mapping that is unpacked here has texts
    **filters: str,
) -> SearchResult:
    vectors = np.stack([vector(text) for text in asked]).astype(np.float32)
    asking = [SearchQuery(tenant, asked, vectors, limit, UNLABELLED.access, filters)]
    return search(asking, searched(index))[0]


def lexical(index: Index, asked: str, **options: Any) -> list[str]:
    """The texts BM25 finds, best first."""
    ids = ask(index, asked, **options).lexical[0].chunk_ids
    found = index.fetch(options.get("tenant", "acme"), ids)
    return [found[i].text for i in ids]


def searching(
    questions: Sequence[QuestionRewritten], embedder: Any, index: Index, config: RetrievalConfig
) -> list[Any]:
    """What `retrieve` makes of questions whose documents have no labels."""
    using: Any = {"embedder": embedder, "index": searched(index), "config": config}
    return retrieve(questions, sights=[UNLABELLED] * len(questions), **using)
