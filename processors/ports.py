"""What processors need of the outside world, as protocols.

`connectors/` holds one implementation per outside system; `streams/app/ports.py` lists them.
Every call that can reach a store carries the tenant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from processors.documents.labels import Labels
from processors.documents.lacking import Document, Lacking, Stamp
from processors.guard.access import Access
from processors.text.lexicon import Lexicon
from schemas.events import DocumentEmbedded, EmbeddedChunk
from streams.flow.mirror import Reflecting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# As text: who only names a port pays for no numpy.
Float32: TypeAlias = "NDArray[np.float32]"
Float16: TypeAlias = "NDArray[np.float16]"


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
    """Unit vectors of one passage: `vector` (dimensions,), `sentences` (sentences, dimensions).

    `tokens` are those that the model read for it; 0 where it does not say.
    """

    vector: Float16
    sentences: Float16
    tokens: int = 0


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


class Pressure(Protocol):
    """How much there is to do."""

    def wait_s(self) -> float:
        """How long a question that is admitted now waits for those before it; 0: nobody knows."""
        ...


@dataclass(frozen=True, slots=True)
class Turn:
    """A question of a session, and what was answered.

    `said` and `items` (what the answer lists) are there once it is closed; `titles` are those of
    the documents that are cited. `rests` are the chunks whose text may stand in any of it.
    """

    request_id: str
    user: str
    asked_at: int  # milliseconds since the epoch
    asked_offset: int  # in the log: of one millisecond, this tells the order
    at: int  # of the last that is known of it, likewise
    query: str  # spelled out, where the turns before did so
    status: str = ""  # empty: it is under way
    said: str = ""
    items: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    rests: tuple[str, ...] = ()


class Sessions(Protocol):
    """What was asked and answered in each session lately.

    A session is forgotten a while after the last that was noted of it, however late that is
    written; and of a long one the first turns are.
    """

    def turns(self, tenant: str, session: str) -> list[Turn]:
        """Those that are known, in the order they were asked.

        Raises:
            Retry: it cannot be told now.
        """
        ...

    def note(self, tenant: str, session: str, turn: Turn) -> None:
        """Keep it. One that is under way takes the place of none; noted twice, it is one.

        Raises:
            Retry: it cannot be kept now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Asking:
    """A question with a passage that may answer it; `context` is its title and headings."""

    question: str
    context: str
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader makes of a passage for one question.

    `answers` is the logit of it answering. `tokens` are character offsets into its text, and
    `starts` and `ends` (tokens,) the logits of the answer's beginning and ending there. All of
    them compare the passages of one question with each other. `input_tokens` is what was read.
    """

    answers: float
    tokens: Sequence[tuple[int, int]]
    starts: Float32
    ends: Float32
    input_tokens: int = 0


class Reader(Protocol):
    """Reads passages for a question: which answers it, and where."""

    @property
    def model(self) -> str:
        """The SHA-256 of its weights, in hexadecimal; empty where they cannot be used."""
        ...

    def read(self, askings: Sequence[Asking]) -> list[Reading]:
        """One reading each, in order; any number at once.

        Raises:
            Retry: it cannot read now.
        """
        ...


class Made(NamedTuple):
    """What made a stored chunk."""

    stamp: Stamp
    chunking: str
    part: int


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What becomes of one document in a store.

    `before` is its fence as it was read, None where there was none: a store in which it is another
    by now takes nothing.
    """

    before: Mapping[str, Any] | None
    fence: Mapping[str, Any]
    put: Sequence[tuple[DocumentEmbedded, EmbeddedChunk]]
    gone: Sequence[str]  # chunk ids
    labels: Labels | None = None  # what all chunks get that are there before `put`


class Refused(Exception):  # noqa: N818
    """A store cannot keep some documents as they are, and says of each why; the others it can."""

    def __init__(self, documents: Mapping[Document, str]) -> None:
        super().__init__("; ".join(f"{'/'.join(each)}: {why}" for each, why in documents.items()))
        self.documents = documents


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """One question, all its variants: `vectors` is (variants, dimensions), in `texts`' order."""

    tenant: str
    texts: Sequence[str]
    vectors: Float32
    limit: int  # hits per variant and per index
    access: Access  # what may be found
    filters: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Ranking:
    """Hits of one variant in one index, best first: chunk ids and raw scores (higher is better)."""

    chunk_ids: list[str]
    scores: list[float]


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
    doc_sequence: int = 0
    classes: Sequence[str] = ()
    acl: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class IndexVersion:
    """What an index is made for: its name, and vectors of this size and of this model."""

    name: str
    dimensions: int
    model: str


class ChunkStore(Reflecting, Protocol):
    """What is searchable, by document and by id; every call of a question has its tenant.

    Safe to call from several threads. What the fence of a document means is for
    `processors.documents.applying` alone: a store keeps it, and compares it.
    """

    @property
    def version(self) -> str:
        """The index version that answers name."""
        ...

    @property
    def dimensions(self) -> int:
        """Of the vectors that it takes."""
        ...

    @property
    def lacking(self) -> Lacking:
        """Documents it should have and does not; `write` says which of them it has met."""
        ...

    def fences(self, documents: Collection[Document]) -> dict[Document, dict[str, Any]]:
        """What was kept of these documents beside their chunks; unknown ones are left out."""
        ...

    def made(self, documents: Collection[Document]) -> dict[Document, dict[str, Made]]:
        """What made each stored chunk of these documents, by chunk id."""
        ...

    def write(self, changes: Mapping[Document, Rewritten]) -> None:
        """Write fences, labels, chunks, then remove what is gone; durable on return, idempotent.

        Raises:
            Retry: a fence is not what it was when it was read, or the store is away; what is
                written by then is written again when the changes come again.
            Refused: some of these documents cannot be kept as they are.
        """
        ...

    def fetch(self, tenant: str, chunk_ids: Sequence[str]) -> dict[str, StoredChunk]:
        """The chunks of this tenant by id; an id that is gone (or another tenant's) is left out."""
        ...

    def scan(self, tenant: str | None = None) -> Iterator[StoredChunk]:
        """Everything searchable, or one tenant's (for `index dump`)."""
        ...


@runtime_checkable
class Apart(Protocol):
    """A `ChunkStore` that is two: what it has of words and of vectors can be asked for at once."""

    @property
    def stores(self) -> tuple[ChunkStore, ...]: ...


class DenseSearch(Protocol):
    """Nearest vectors."""

    def nearest(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        """Of each question a ranking for each of its variants, in one batched call.

        Raises:
            Retry: the index does not answer.
        """
        ...


class LexicalSearch(Protocol):
    """BM25, and what a tenant's chunks say at all."""

    def matching(self, queries: Sequence[SearchQuery]) -> list[list[Ranking]]:
        """Of each question a ranking for each of its variants, in one batched call.

        Raises:
            Retry: the index does not answer.
        """
        ...

    def lexicon(self, tenant: str, access: Access) -> Lexicon:
        """The words and acronyms of this tenant's chunks that may be seen, and of no others."""
        ...


class Searchable(ChunkStore, DenseSearch, LexicalSearch, Protocol):
    """All three, of one index."""
