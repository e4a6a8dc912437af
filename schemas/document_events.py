"""Typed events of documents.

Generated from schemas/avro by `python -m schemas.codegen`: do not edit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


ChangeOp = Literal["upsert", "delete"]
"""What happened to a document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a document that is retrieved and cited as one."""

    chunk_id: str
    """UUID, derived from tenant, document and ordinal."""
    ordinal: int
    text: str
    heading: str
    """Heading path, joined by ' > '."""
    sentences: list[int]
    """Flat character offsets into text: start, end, start, end, ..."""
    text_hash: str
    """Of what the embedder reads: context, text and sentence offsets."""
    tokens: int
    page: int = 0
    """Where it begins, from 1; 0 where the document has no pages."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "chunk_id": self.chunk_id, "ordinal": self.ordinal, "text": self.text,
            "heading": self.heading, "sentences": self.sentences, "text_hash": self.text_hash,
            "tokens": self.tokens, "page": self.page,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> Chunk:
        return cls(
            chunk_id=datum["chunk_id"], ordinal=datum["ordinal"], text=datum["text"],
            heading=datum["heading"], sentences=datum["sentences"], text_hash=datum["text_hash"],
            tokens=datum["tokens"], page=datum["page"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChanged:
    """A canonical document change, on docs.changes (compacted)."""

    op: ChangeOp
    tenant: str
    doc_id: str
    version: int
    sequence: int
    """Position in the feed: orders changes that carry the same version."""
    doc_type: str
    title: str
    body: str
    uri: str
    metadata: dict[str, str]
    changed_at: int
    fed_at: int
    """When the feed record was written, milliseconds since the epoch."""
    part: int
    parts: int
    page: int = 0
    """On which page the body begins, from 1; 0 where the document has no pages."""
    generation: int = 0
    """0, or when `reindex` asked for this version to be chunked again."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "op": self.op, "tenant": self.tenant, "doc_id": self.doc_id, "version": self.version,
            "sequence": self.sequence, "doc_type": self.doc_type, "title": self.title,
            "body": self.body, "uri": self.uri, "metadata": self.metadata,
            "changed_at": self.changed_at, "fed_at": self.fed_at, "part": self.part,
            "parts": self.parts, "page": self.page, "generation": self.generation,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> DocumentChanged:
        return cls(
            op=datum["op"], tenant=datum["tenant"], doc_id=datum["doc_id"],
            version=datum["version"], sequence=datum["sequence"], doc_type=datum["doc_type"],
            title=datum["title"], body=datum["body"], uri=datum["uri"], metadata=datum["metadata"],
            changed_at=datum["changed_at"], fed_at=datum["fed_at"], part=datum["part"],
            parts=datum["parts"], page=datum["page"], generation=datum["generation"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChunked:
    """Chunks of one document version; several records where they are many."""

    op: ChangeOp
    tenant: str
    doc_id: str
    version: int
    sequence: int
    """Position in the feed: orders changes that carry the same version."""
    title: str
    uri: str
    metadata: dict[str, str]
    chunking: str
    """Hash of the chunking configuration."""
    changed_at: int
    fed_at: int
    chunks: list[Chunk]
    last: bool
    """Completes the version: chunks of older versions go."""
    generation: int = 0
    """0, or when `reindex` asked for this version to be chunked again."""
    part: int = 0
    """Which part of the document these chunks are of."""
    parts: int = 1
    """In how many parts the version stands on docs.changes."""
    part_chunks: int = -1
    """On the last record of a part: how many chunks the part has; else -1."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "op": self.op, "tenant": self.tenant, "doc_id": self.doc_id, "version": self.version,
            "sequence": self.sequence, "title": self.title, "uri": self.uri,
            "metadata": self.metadata, "chunking": self.chunking, "changed_at": self.changed_at,
            "fed_at": self.fed_at, "chunks": [item.to_avro() for item in self.chunks],
            "last": self.last, "generation": self.generation, "part": self.part,
            "parts": self.parts, "part_chunks": self.part_chunks,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> DocumentChunked:
        return cls(
            op=datum["op"], tenant=datum["tenant"], doc_id=datum["doc_id"],
            version=datum["version"], sequence=datum["sequence"], title=datum["title"],
            uri=datum["uri"], metadata=datum["metadata"], chunking=datum["chunking"],
            changed_at=datum["changed_at"], fed_at=datum["fed_at"],
            chunks=[Chunk.from_avro(item) for item in datum["chunks"]], last=datum["last"],
            generation=datum["generation"], part=datum["part"], parts=datum["parts"],
            part_chunks=datum["part_chunks"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedChunk:
    """A chunk with its vectors."""

    chunk: Chunk
    vector: bytes
    """float16, little endian, (dimensions,)."""
    sentence_vectors: bytes
    """float16, little endian, (sentences, dimensions)."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "chunk": self.chunk.to_avro(), "vector": self.vector,
            "sentence_vectors": self.sentence_vectors,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> EmbeddedChunk:
        return cls(
            chunk=Chunk.from_avro(datum["chunk"]), vector=datum["vector"],
            sentence_vectors=datum["sentence_vectors"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentEmbedded:
    """Chunks of one document version with their vectors."""

    op: ChangeOp
    tenant: str
    doc_id: str
    version: int
    sequence: int
    """Position in the feed: orders changes that carry the same version."""
    title: str
    uri: str
    metadata: dict[str, str]
    chunking: str
    """Hash of the chunking configuration."""
    changed_at: int
    fed_at: int
    embedding_model: str
    chunks: list[EmbeddedChunk]
    last: bool
    generation: int = 0
    """0, or when `reindex` asked for this version to be chunked again."""
    part: int = 0
    """Which part of the document these chunks are of."""
    parts: int = 1
    """In how many parts the version stands on docs.changes."""
    part_chunks: int = -1
    """On the last record of a part: how many chunks the part has; else -1."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "op": self.op, "tenant": self.tenant, "doc_id": self.doc_id, "version": self.version,
            "sequence": self.sequence, "title": self.title, "uri": self.uri,
            "metadata": self.metadata, "chunking": self.chunking, "changed_at": self.changed_at,
            "fed_at": self.fed_at, "embedding_model": self.embedding_model,
            "chunks": [item.to_avro() for item in self.chunks], "last": self.last,
            "generation": self.generation, "part": self.part, "parts": self.parts,
            "part_chunks": self.part_chunks,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> DocumentEmbedded:
        return cls(
            op=datum["op"], tenant=datum["tenant"], doc_id=datum["doc_id"],
            version=datum["version"], sequence=datum["sequence"], title=datum["title"],
            uri=datum["uri"], metadata=datum["metadata"], chunking=datum["chunking"],
            changed_at=datum["changed_at"], fed_at=datum["fed_at"],
            embedding_model=datum["embedding_model"],
            chunks=[EmbeddedChunk.from_avro(item) for item in datum["chunks"]], last=datum["last"],
            generation=datum["generation"], part=datum["part"], parts=datum["parts"],
            part_chunks=datum["part_chunks"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFed:
    """A document as a producer gives it, on docs.feed (JSON or Avro)."""

    op: ChangeOp
    tenant: str
    doc_id: str
    version: int | None = None
    """Monotonic per document, 0 or more; else the record's timestamp in milliseconds."""
    doc_type: str | None = None
    """markdown, text, html, pdf, ...; decides how it is read. Else guessed from the name."""
    title: str | None = None
    body: str | None = None
    """The text, or the file's bytes in base64; needed for an upsert."""
    uri: str | None = None
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    changed_at: int | None = None
    """When it changed at the source, milliseconds since the epoch."""
    form: str | None = None
    """What body is: source (the default), base64 of a file, or already converted."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "op": self.op, "tenant": self.tenant, "doc_id": self.doc_id, "version": self.version,
            "doc_type": self.doc_type, "title": self.title, "body": self.body, "uri": self.uri,
            "metadata": self.metadata, "changed_at": self.changed_at, "form": self.form,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> DocumentFed:
        return cls(
            op=datum["op"], tenant=datum["tenant"], doc_id=datum["doc_id"],
            version=datum["version"], doc_type=datum["doc_type"], title=datum["title"],
            body=datum["body"], uri=datum["uri"], metadata=datum["metadata"],
            changed_at=datum["changed_at"], form=datum["form"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentIndexed:
    """Acknowledges what became searchable, and what no longer is, on docs.indexed."""

    op: ChangeOp
    tenant: str
    doc_id: str
    version: int
    sequence: int
    """Position in the feed: orders changes that carry the same version."""
    superseded: bool
    """A newer version was there already: nothing was done."""
    chunk_ids: list[str]
    removed: int
    """Chunks of older versions that went."""
    last: bool
    changed_at: int
    fed_at: int
    indexed_at: int
    generation: int = 0
    """0, or when `reindex` asked for this version to be chunked again."""
    chunking: str = ''
    """Hash of the chunking configuration."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "op": self.op, "tenant": self.tenant, "doc_id": self.doc_id, "version": self.version,
            "sequence": self.sequence, "superseded": self.superseded, "chunk_ids": self.chunk_ids,
            "removed": self.removed, "last": self.last, "changed_at": self.changed_at,
            "fed_at": self.fed_at, "indexed_at": self.indexed_at, "generation": self.generation,
            "chunking": self.chunking,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> DocumentIndexed:
        return cls(
            op=datum["op"], tenant=datum["tenant"], doc_id=datum["doc_id"],
            version=datum["version"], sequence=datum["sequence"], superseded=datum["superseded"],
            chunk_ids=datum["chunk_ids"], removed=datum["removed"], last=datum["last"],
            changed_at=datum["changed_at"], fed_at=datum["fed_at"], indexed_at=datum["indexed_at"],
            generation=datum["generation"], chunking=datum["chunking"],
        )
