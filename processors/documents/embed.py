"""`embed`: a vector per chunk and per sentence; what was embedded before costs no model call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from processors.documents.chunk import context_of
from processors.money.prices import PriceTable
from processors.needs import CACHE, EMBEDDER
from processors.places import DOCUMENTS
from processors.ports import Embedder, Passage, VectorCache
from schemas import topics
from schemas.events import Chunk, DocumentChunked, DocumentEmbedded, EmbeddedChunk, UsageRecorded
from streams.flow.errors import Reject, Retry
from streams.flow.port import Opened
from streams.flow.stage import Stage, batch_stage
from streams.flow.topic import outputs

# Vectors make a record grow; this many chunks of 256 tokens stay well under the record limit.
CHUNKS_PER_RECORD = 48


def _pack(vector: bytes, sentences: bytes) -> bytes:
    return len(vector).to_bytes(4, "little") + vector + sentences


def _unpack(value: bytes) -> tuple[bytes, bytes]:
    size = int.from_bytes(value[:4], "little")
    return value[4 : 4 + size], value[4 + size :]


def embed(
    events: Sequence[DocumentChunked],
    *,
    embedder: Embedder,
    cache: VectorCache,
    prices: PriceTable,
    now: Callable[[], int],
) -> list[Sequence[DocumentEmbedded | UsageRecorded] | Reject | Retry]:
    """Embed all waiting documents' chunks in as few model calls as the embedder needs.

    Chunks are known by their `text_hash`, per tenant and model. A cache that is out of reach costs
    model calls and nothing else. Beside the vectors stands what the model read for them, if it did.
    """
    found = _remembered(events, embedder.model, cache)
    missing: dict[tuple[str, str], Passage] = {}
    first: dict[
        tuple[str, str], tuple[int, int]
    ] = {}  # of several with one text: which, its tokens
    for number, event in enumerate(events):
        for chunk in event.chunks:
            place = (event.document.tenant, chunk.text_hash)
            if place not in found and place not in missing:
                context = context_of(event.document.title, chunk.heading)
                missing[place] = Passage(context, chunk.text, chunk.sentences)
                first[place] = number, chunk.tokens
    read = [0] * len(events)
    if missing:
        embeddings = embedder.embed_passages(list(missing.values()))
        fresh = {
            place: _pack(_bytes(embedding.vector), _bytes(embedding.sentences))
            for place, embedding in zip(missing, embeddings, strict=True)
        }
        found |= fresh
        _remember(fresh, embedder.model, cache)
        for place, embedding in zip(missing, embeddings, strict=True):
            number, tokens = first[place]
            read[number] += embedding.tokens or tokens
    return [
        [
            *_embedded(event, embedder.model, found),
            *_used(event, embedder.model, tokens, prices, now),
        ]
        for event, tokens in zip(events, read, strict=True)
    ]


def _used(
    event: DocumentChunked, model: str, tokens: int, prices: PriceTable, now: Callable[[], int]
) -> Iterable[UsageRecorded]:
    """What the model read of this part of a version; nothing where it knew all of it."""
    if not tokens:
        return
    document = event.document
    stamp = f"{document.version}.{document.sequence}.{document.generation}"
    first = event.chunks[0].ordinal if event.chunks else 0
    yield UsageRecorded(
        usage_id=f"{document.tenant}/{document.doc_id}/{stamp}.{event.part}.{first}",
        tenant=document.tenant,
        user=None,
        subject=document.doc_id,
        used=prices.used("embed", model, tokens),
        at=now(),
    )


def _bytes(vectors: np.ndarray[tuple[int, ...], np.dtype[np.float16]]) -> bytes:
    return np.ascontiguousarray(vectors, dtype="<f2").tobytes()


def _remembered(
    events: Sequence[DocumentChunked], model: str, cache: VectorCache
) -> dict[tuple[str, str], bytes]:
    wanted: dict[str, dict[str, None]] = {}
    for event in events:
        hashes = wanted.setdefault(event.document.tenant, {})
        hashes.update(dict.fromkeys(chunk.text_hash for chunk in event.chunks))
    found: dict[tuple[str, str], bytes] = {}
    try:
        for tenant, hashes in wanted.items():
            if hashes:
                values = cache.get(tenant, [f"{model}:{key}" for key in hashes])
                found |= {
                    (tenant, key): value
                    for key, value in zip(hashes, values, strict=True)
                    if value is not None
                }
    except Retry:
        return {}
    return found


def _remember(fresh: dict[tuple[str, str], bytes], model: str, cache: VectorCache) -> None:
    by_tenant: dict[str, dict[str, bytes]] = {}
    for (tenant, key), value in fresh.items():
        by_tenant.setdefault(tenant, {})[f"{model}:{key}"] = value
    try:
        for tenant, items in by_tenant.items():
            cache.put(tenant, items)
    except Retry:
        return


def _embedded(
    event: DocumentChunked, model: str, vectors: Mapping[tuple[str, str], bytes]
) -> Sequence[DocumentEmbedded]:
    def record(chunks: Sequence[Chunk], final: bool) -> DocumentEmbedded:
        embedded: list[EmbeddedChunk] = []
        for chunk in chunks:
            vector, sentences = _unpack(vectors[event.document.tenant, chunk.text_hash])
            embedded.append(EmbeddedChunk(chunk=chunk, vector=vector, sentence_vectors=sentences))
        return DocumentEmbedded(
            document=event.document,
            part=event.part,
            chunking=event.chunking,
            embedding_model=model,
            chunks=embedded,
            last=event.last and final,
            part_chunks=event.part_chunks if final else -1,
        )

    starts = range(0, max(1, len(event.chunks)), CHUNKS_PER_RECORD)
    return [record(event.chunks[at : at + CHUNKS_PER_RECORD], at == starts[-1]) for at in starts]


def superseded(event: DocumentChunked) -> Iterable[DocumentEmbedded]:
    """In place of the vectors of a version that a newer one supersedes."""
    yield DocumentEmbedded(
        document=replace(event.document, superseded=True),
        part=event.part,
        chunking=event.chunking,
        embedding_model="",
        chunks=[],
        last=event.last,
        part_chunks=event.part_chunks,
    )


# Records at once: enough to fill the model, few enough that a change fed during bulk loading does
# not wait long behind others.
MODEL_BATCH = 64
MODEL_S = 0.5


def stage(prices: PriceTable, now: Callable[[], int]) -> Stage:
    """`embed` in the topology."""

    def make(opened: Opened):
        return partial(
            embed, embedder=opened[EMBEDDER], cache=opened[CACHE], prices=prices, now=now
        )

    return batch_stage(
        "embed",
        reads=[topics.DOCS_CHUNKS, topics.DOCS_CHUNKS_BULK],
        make=make,
        writes=outputs(topics.DOCS_VECTORS, topics.RAG_USAGE),
        dead_letters=topics.DOCS_DLQ,
        place=DOCUMENTS,
        needs=[EMBEDDER, CACHE],
        max_batch=MODEL_BATCH,
        batch_seconds=MODEL_S,
        supersede=superseded,
    )
