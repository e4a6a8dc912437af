"""`chunk`: a document in pieces that are embedded, found and cited as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from uuid import UUID, uuid5

from processors.documents.chunking import ChunkingConfig, ChunkingPolicy
from processors.documents.packing import Path, Piece, pack
from processors.documents.strategies import blocks_of
from processors.needs import COUNTER
from processors.places import DOCUMENTS
from processors.ports import TokenCounter
from schemas import topics
from schemas.events import Chunk, DocumentChanged, DocumentChunked
from streams.flow.port import Opened
from streams.flow.stage import Stage, record_stage

# Part n of a document has ordinals from n times this; a part of 1 MiB has far fewer chunks.
ORDINALS_PER_PART = 100_000
CHUNKS_PER_RECORD = 48
PAGE_BREAK = "\f"
# Of what `embed` makes of a record too, which must stay under Kafka's 1 MiB: 2-byte vectors of 384
# dimensions, one per chunk and sentence. Leaves room for a model of twice the dimensions.
_BYTES_PER_RECORD = 400_000
_BYTES_PER_VECTOR = 2 * 384 + 16
_CHUNK_IDS = UUID("4c1f6a52-8b0e-5d37-a9d4-2e6f7c90b183")
_TITLE_CHARS = 80
_PATH_CHARS = 120
_SEPARATOR = " > "


def context_of(title: str, heading: str) -> str:
    """What is read in front of a chunk's text by the embedder and by BM25.

    The title, then the heading path where it says more; at most about 200 characters, of a long
    path the end, which is nearest to the text.
    """
    title = " ".join(title.split())[:_TITLE_CHARS].strip()
    names = heading.split(_SEPARATOR) if heading else []
    if names and names[0].casefold() == title.casefold():
        names = names[1:]
    path = _SEPARATOR.join(names)
    if len(path) > _PATH_CHARS:
        path = path[-_PATH_CHARS:].partition(" ")[2] or path[-_PATH_CHARS:]
    return _SEPARATOR.join(part for part in (title, path) if part)


def chunk(
    event: DocumentChanged, *, counter: TokenCounter, policy: ChunkingPolicy
) -> Iterable[DocumentChunked]:
    """The chunks of one part of a document, in as many records as they need.

    The last record of a part, which may have no chunks, says how many the part has; that of the
    last part is `last`. A delete, and a change of access alone, is one record without chunks.
    """
    config = policy.of(event.document.doc_type)
    if event.document.op != "upsert":
        yield _record(event, config, [], of=0)
        return
    batch: list[Chunk] = []
    weight = count = 0
    for found in _chunks(event, counter, config):
        size = len(found.text.encode("utf-8", "replace")) + 4 * len(found.sentences)
        size += _BYTES_PER_VECTOR * (1 + len(found.sentences) // 2)
        if batch and (len(batch) == CHUNKS_PER_RECORD or weight + size > _BYTES_PER_RECORD):
            yield _record(event, config, batch)
            batch, weight = [], 0
        batch.append(found)
        weight += size
        count += 1
    yield _record(event, config, batch, of=count)


def superseded(event: DocumentChanged) -> Iterable[DocumentChunked]:
    """In place of the chunks of a part of a version that a newer one supersedes."""
    yield DocumentChunked(
        document=replace(event.document, superseded=True),
        part=event.part,
        chunking="",
        chunks=[],
        last=event.part == event.document.parts - 1,
        part_chunks=0,
    )


def _record(
    event: DocumentChanged, config: ChunkingConfig, chunks: list[Chunk], *, of: int = -1
) -> DocumentChunked:
    """`of` how many chunks of the part these are the last ones; -1 where others follow."""
    return DocumentChunked(
        document=event.document,
        part=event.part,
        chunking=config.hash,
        chunks=chunks,
        last=of >= 0 and event.part == event.document.parts - 1,
        part_chunks=of,
    )


def _chunks(
    event: DocumentChanged, counter: TokenCounter, config: ChunkingConfig
) -> Iterator[Chunk]:
    document = event.document
    body, pieces = pack(
        event.body,
        blocks_of(event.body, config.strategies),
        counter=counter,
        budgets_of=_budgets(document.title, counter, config),
        min_tokens=config.min_tokens,
    )
    page, counted = event.page, 0
    for i, piece in enumerate(pieces):
        if page:
            page += body.count(PAGE_BREAK, counted, piece.start)
            counted = piece.start
        ordinal = event.part * ORDINALS_PER_PART + i
        heading = _SEPARATOR.join(piece.path)
        text, sentences = _text(body, piece)
        read = f"{context_of(document.title, heading)}\0{text}\0{sentences}"
        yield Chunk(
            chunk_id=str(uuid5(_CHUNK_IDS, f"{document.tenant}\0{document.doc_id}\0{ordinal}")),
            ordinal=ordinal,
            text=text,
            heading=heading,
            sentences=sentences,
            text_hash=blake2b(read.encode("utf-8", "replace"), digest_size=16).hexdigest(),
            tokens=piece.tokens,
            page=page,
        )


def _budgets(
    title: str, counter: TokenCounter, config: ChunkingConfig
) -> Callable[[Sequence[Path]], list[int]]:
    """Tokens of text that fit beside the context of each heading path."""

    def budgets(paths: Sequence[Path]) -> list[int]:
        contexts = [context_of(title, _SEPARATOR.join(path)) for path in paths]
        rooms = (config.window - taken for taken in counter.count(contexts))
        return [max(min(config.max_tokens, room), config.max_tokens // 4, 1) for room in rooms]

    return budgets


def _text(body: str, piece: Piece) -> tuple[str, list[int]]:
    """A piece's text and the flat offsets of its sentences in it."""
    text = body[piece.start : piece.end]
    shift = -piece.start
    flat: list[int] = []
    if piece.header:
        above = body[piece.header.start : piece.header.end]
        text = f"{above}\n{text}"
        shift += len(above) + 1
        flat += [0, len(above)]
    for span in piece.spans:
        flat += [span.start + shift, span.end + shift]
    return text, flat


def stage(policy: ChunkingPolicy) -> Stage:
    """`chunk` in the topology."""

    def make(opened: Opened):
        return partial(chunk, counter=opened[COUNTER], policy=policy)

    return record_stage(
        "chunk",
        reads=[topics.DOCS_CHANGES, topics.DOCS_CHANGES_BULK, topics.DOCS_REINDEX],
        make=make,
        writes=topics.DOCS_CHUNKS,
        dead_letters=topics.DOCS_DLQ,
        place=DOCUMENTS,
        needs=[COUNTER],
        supersede=superseded,
    )
