"""What processors need of the outside world, as protocols.

`connectors/` holds one implementation per outside system; `streams/app/ports.py` lists them.
Every call that can reach a store carries the tenant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from processors.text.lexicon import Lexicon
from schemas.events import DocumentEmbedded

Float32 = NDArray[np.float32]
Float16 = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as the embedder sees it.

    `context` (title and heading path) is read in front of `text` and takes part in the chunk's
    vector. `sentences` are flat character offsets into `text`: start, end, start, end, ...
    """

    context: str
    text: str
    sentences: Sequence[int]


@dataclass(frozen=True, slots=True)
class Embedding:
    """Unit vectors of one passage: `vector` (dimensions,), `sentences` (sentences, dimensions)."""

    vector: Float16
    sentences: Float16


class Embedder(Protocol):
    """Text to unit vectors, in process or by a service."""

    @property
    def model(self) -> str:
        """The name that travels with each vector; another name means another vector space."""
        ...

    @property
    def dimensions(self) -> int: ...

    def embed_passages(self, passages: Sequence[Passage]) -> list[Embedding]:
        """One embedding per passage, in order; any number at once (the embedder batches)."""
        ...

    def embed_queries(self, queries: Sequence[str]) -> Float32:
        """Unit vectors of questions, (queries, dimensions)."""
        ...


class TokenCounter(Protocol):
    """Counts tokens as the embedding model does, so that a chunk's budget is the model's."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without the model's own begin and end marks."""
        ...


@dataclass(frozen=True, slots=True)
class Converted:
    """A document as text: Markdown headings, lists and pipe tables, form feeds between pages.

    `metadata` tells of the conversion: `pages`, a code's `language`, the `encoding` where it was
    not UTF-8, and under `unread` what could not be read.
    """

    doc_type: str
    title: str
    body: str
    metadata: dict[str, str]


class Converter(Protocol):
    """Turns files as people keep them into text."""

    def convert(self, name: str, data: bytes, doc_type: str | None = None) -> Converted:
        """The document in `data`, of the given type or of the one its name says.

        Raises:
            Reject: it cannot be read, and why.
        """
        ...


class VectorCache(Protocol):
    """Remembers vectors by content, so that unchanged chunks cost no model call."""

    def get(self, tenant: str, keys: Sequence[str]) -> list[bytes | None]:
        """The stored value of each key, None where there is none."""
        ...

    def put(self, tenant: str, items: Mapping[str, bytes]) -> None: ...


class RequestLog(Protocol):
    """Remembers which record brought a request id first, so that a duplicate is recognised."""

    def claim(self, tenant: str, request_id: str, position: str) -> str:
        """The position that holds this id: `position` itself unless another came first."""
        ...


@dataclass(frozen=True, slots=True)
class Completion:
    """What a language model wrote, and the tokens it counted (0 where it does not say)."""

    text: str
    input_tokens: int
    output_tokens: int


class Generator(Protocol):
    """A language model: text for text."""

    @property
    def model(self) -> str: ...

    def complete(self, instructions: str, text: str, *, most_tokens: int) -> Completion:
        """The model's answer to `text` under `instructions`.

        Raises:
            Retry: it does not answer in time, refuses, or gives what is no completion.
        """
        ...


class Logged(NamedTuple):
    """A version that stands on docs.changes, and in how many parts."""

    version: int
    sequence: int
    parts: int


@dataclass(frozen=True, slots=True)
class Applied:
    """What one `DocumentEmbedded` did to the index."""

    superseded: bool  # a newer version was there already, so nothing was done
    removed: int  # chunks of older versions that are no longer searchable
    complete: bool = True  # all of the version is searchable
    missing: tuple[int, ...] = ()  # parts that never came, of a version whose last record did
    obsolete: tuple[Logged, ...] = ()  # older versions, which the log need not keep any more


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """One question, all its variants: `vectors` is (variants, dimensions), in `texts`' order."""

    tenant: str
    texts: Sequence[str]
    vectors: Float32
    limit: int  # hits per variant and per index
    filters: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Ranking:
    """Hits of one variant in one index, best first: chunk ids and raw scores (higher is better)."""

    chunk_ids: list[str]
    scores: list[float]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One question's hits: a ranking per variant from each index."""

    dense: list[Ranking]
    lexical: list[Ranking]


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A searchable chunk as the index holds it. `sentence_vectors` is (sentences, dimensions)."""

    tenant: str
    chunk_id: str
    doc_id: str
    doc_version: int
    ordinal: int
    title: str
    heading: str
    uri: str
    text: str
    chunking: str
    changed_at: int  # milliseconds since the epoch
    sentences: list[int]
    vector: Float16
    sentence_vectors: Float16
    page: int = 0  # where it begins, from 1; 0 where the document has no pages


class Index(Protocol):
    """The searchable set: dense vectors and BM25 over one collection, every call with its tenant.

    Safe to call from several threads. Writes are durable when `apply` returns.
    """

    @property
    def version(self) -> str:
        """The index version that answers name."""
        ...

    def apply(self, changes: Sequence[DocumentEmbedded]) -> list[Applied]:
        """Make each change searchable, in order, idempotently.

        A change whose (version, sequence, generation) is lower than what the document already has
        does nothing (`superseded`): so chunks made anew replace those of the same version, and
        never those of a newer one. A version is complete once all chunks of all its parts are
        here: then chunks of older versions go. Where its last record comes and something is
        missing, those stay, and what is missing is named; it completes the version if it comes
        later. A delete removes every chunk of the document and is remembered, so that an older
        upsert that comes again stays out.
        """
        ...

    def search(self, queries: Sequence[SearchQuery]) -> list[SearchResult]:
        """All questions' variants against both indexes, in one batched call."""
        ...

    def fetch(self, tenant: str, chunk_ids: Sequence[str]) -> dict[str, StoredChunk]:
        """The chunks of this tenant by id; an id that is gone (or another tenant's) is left out."""
        ...

    def lexicon(self, tenant: str) -> Lexicon | None:
        """The words and acronyms of this tenant's chunks and of nobody else's; None: not read yet.

        It may be minutes behind the chunks: what a deleted one said is forgotten with the next.
        """
        ...

    def scan(self, tenant: str | None = None) -> Iterator[StoredChunk]:
        """Everything searchable, or one tenant's (for `index dump`)."""
        ...
