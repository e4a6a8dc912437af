"""Typed events of documents.

Generated from schemas/avro by `python -m schemas.codegen`: do not edit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSaid:
    """What was said last of who may see a document, and when."""

    about: str
    """acl or classes."""
    names: list[str]
    fed_at: int
    sequence: int
    version: int | None = None
    """Of the version that said it; null: it was said alone."""
    coming: bool = False
    """The version that says it is not there yet: it closes, and opens nothing."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "about": self.about, "names": self.names, "fed_at": self.fed_at,
            "sequence": self.sequence, "version": self.version, "coming": self.coming,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> AccessSaid:
        return cls(**datum)


ChangeOp = Literal["upsert", "delete", "access"]
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
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentVersion:
    """One version of a document: what every event about it holds, whole."""

    op: ChangeOp
    tenant: str
    doc_id: str
    version: int
    sequence: int
    """Position in the feed: orders changes that carry the same version."""
    doc_type: str
    title: str
    uri: str
    metadata: dict[str, str]
    changed_at: int
    """When it changed at the source, milliseconds since the epoch."""
    fed_at: int
    """When the feed record was written, milliseconds since the epoch."""
    parts: int = 1
    """In how many parts it stands on docs.changes."""
    generation: int = 0
    """0, or when `reindex` asked for this version to be chunked again."""
    bulk: bool = False
    """Nobody waits for it."""
    superseded: bool = False
    """A stage on its way knew of a newer version, and did not work on this one."""
    acl: list[str] | None = None
    """Groups that may see it; '*': all of the tenant. Null: as before, at first all."""
    classes: list[str] | None = None
    """All of them must be allowed to who sees it. Null: as before, at first none."""
    access_of: str = ''
    """Of a change of access: 'version' where its version says so, 'coming' where a version in the bulk lane will: that closes and opens nothing."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "op": self.op, "tenant": self.tenant, "doc_id": self.doc_id, "version": self.version,
            "sequence": self.sequence, "doc_type": self.doc_type, "title": self.title,
            "uri": self.uri, "metadata": self.metadata, "changed_at": self.changed_at,
            "fed_at": self.fed_at, "parts": self.parts, "generation": self.generation,
            "bulk": self.bulk, "superseded": self.superseded, "acl": self.acl,
            "classes": self.classes, "access_of": self.access_of,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> DocumentVersion:
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChanged:
    """A canonical document change, on docs.changes (compacted)."""

    document: DocumentVersion
    body: str
    """Of this part."""
    part: int = 0
    """From 0."""
    page: int = 0
    """On which page the body begins, from 1; 0 where the document has no pages."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "document": self.document.to_avro(), "body": self.body, "part": self.part,
            "page": self.page,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> DocumentChanged:
        datum["document"] = DocumentVersion.from_avro(datum["document"])
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChunked:
    """Chunks of one document version; several records where they are many."""

    document: DocumentVersion
    part: int = 0
    """Which part of the document this is of."""
    chunking: str
    """Hash of the chunking configuration."""
    chunks: list[Chunk]
    last: bool
    """Completes the version: chunks of older versions go."""
    part_chunks: int = -1
    """On the last record of a part: how many chunks the part has; else -1."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "document": self.document.to_avro(), "part": self.part, "chunking": self.chunking,
            "chunks": [item.to_avro() for item in self.chunks], "last": self.last,
            "part_chunks": self.part_chunks,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> DocumentChunked:
        datum["document"] = DocumentVersion.from_avro(datum["document"])
        datum["chunks"] = [Chunk.from_avro(item) for item in datum["chunks"]]
        return cls(**datum)


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
        datum["chunk"] = Chunk.from_avro(datum["chunk"])
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentEmbedded:
    """Chunks of one document version with their vectors."""

    document: DocumentVersion
    part: int = 0
    """Which part of the document this is of."""
    chunking: str
    """Hash of the chunking configuration."""
    embedding_model: str
    chunks: list[EmbeddedChunk]
    last: bool
    """Completes the version: chunks of older versions go."""
    part_chunks: int = -1
    """On the last record of a part: how many chunks the part has; else -1."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "document": self.document.to_avro(), "part": self.part, "chunking": self.chunking,
            "embedding_model": self.embedding_model,
            "chunks": [item.to_avro() for item in self.chunks], "last": self.last,
            "part_chunks": self.part_chunks,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> DocumentEmbedded:
        datum["document"] = DocumentVersion.from_avro(datum["document"])
        datum["chunks"] = [EmbeddedChunk.from_avro(item) for item in datum["chunks"]]
        return cls(**datum)


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
    acl: list[str] | None = None
    """Groups that may see it; '*': all of the tenant. Null: as before, at first all."""
    classes: list[str] | None = None
    """All of them must be allowed to who sees it. Null: as before, at first none."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "op": self.op, "tenant": self.tenant, "doc_id": self.doc_id, "version": self.version,
            "doc_type": self.doc_type, "title": self.title, "body": self.body, "uri": self.uri,
            "metadata": self.metadata, "changed_at": self.changed_at, "form": self.form,
            "acl": self.acl, "classes": self.classes,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> DocumentFed:
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFollowed:
    """What was fed of a document last, by the source that is followed."""

    tenant: str
    doc_id: str
    source: str
    """The folder, repository or bucket that holds it."""
    mark: str
    """Another one means another content; empty: the source holds it no more."""
    fed_at: int
    """When its record on docs.feed was written, milliseconds since the epoch."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "tenant": self.tenant, "doc_id": self.doc_id, "source": self.source, "mark": self.mark,
            "fed_at": self.fed_at,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> DocumentFollowed:
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentIndexed:
    """Acknowledges what became searchable, and what no longer is, on docs.indexed."""

    document: DocumentVersion
    chunking: str
    """Hash of the chunking configuration; empty where parts of the version were cut by several."""
    superseded: bool
    """A newer version was there already: nothing was done."""
    chunk_ids: list[str]
    removed: int
    """Chunks of older versions that went."""
    last: bool
    """All of the version is searchable, or a newer one is."""
    chunks: int
    """That are searchable of the version, once it is whole."""
    indexed_at: int
    access: list[AccessSaid] = field(default_factory=list[AccessSaid])
    """Of a change of access: all that is known of who may see the document."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "document": self.document.to_avro(), "chunking": self.chunking,
            "superseded": self.superseded, "chunk_ids": self.chunk_ids, "removed": self.removed,
            "last": self.last, "chunks": self.chunks, "indexed_at": self.indexed_at,
            "access": [item.to_avro() for item in self.access],
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> DocumentIndexed:
        datum["document"] = DocumentVersion.from_avro(datum["document"])
        datum["access"] = [AccessSaid.from_avro(item) for item in datum["access"]]
        return cls(**datum)
