"""What a schema cannot say of an event: whether its numbers and vectors can be."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from uuid import UUID

from schemas.events import Candidate, ChunksRetrieved, DocumentEmbedded, GenerationRequested

FLOAT16 = 2  # bytes


def vectors(event: DocumentEmbedded) -> str:
    """Each chunk has a vector, and one of the same length for each of its sentences."""
    for item in event.chunks:
        chunk, size = item.chunk, len(item.vector)
        what = f"chunk {chunk.ordinal}"
        if chunk.ordinal < 0 or not _is_id(chunk.chunk_id):
            return f"{what} has the id {chunk.chunk_id[:60]!r}, which is none"
        if not size or size % FLOAT16:
            return f"{what} has a vector of {size} bytes"
        if not _within(chunk.sentences, len(chunk.text)):
            return f"{what} has sentences beyond its text"
        if len(item.sentence_vectors) != size * (len(chunk.sentences) // 2):
            return f"{what} has not one vector for each sentence"
        if not _finite(item.vector + item.sentence_vectors):
            return f"{what} has a vector with what is no number"
    return ""


def _finite(vectors: bytes) -> bool:
    import numpy as np  # a fifth of a second, which whoever only names a topic does not need

    return bool(np.isfinite(np.frombuffer(vectors, "<f2")).all())


def candidates(event: ChunksRetrieved | GenerationRequested) -> str:
    """What a list is ordered by can be ordered."""
    return next((wrong for each in event.candidates if (wrong := _candidate(each))), "")


def _candidate(each: Candidate) -> str:
    numbers = (each.score, *each.scores.values(), *each.sentence_scores)
    if not all(map(isfinite, numbers)):
        return f"candidate {each.chunk_id[:60]} scores what is no number"
    if not _within(each.sentences, len(each.text)):
        return f"candidate {each.chunk_id[:60]} has sentences beyond its text"
    return ""


def of_dimensions(event: DocumentEmbedded, dimensions: int) -> str:
    """Whether its vectors are of the space that an index is made for."""
    for item in event.chunks:
        if (found := len(item.vector) // FLOAT16) != dimensions:
            return f"chunk {item.chunk.ordinal} has {found} dimensions, and the index {dimensions}"
    return ""


def _within(offsets: Sequence[int], end: int) -> bool:
    """Whether these are starts and ends in ascending order."""
    return len(offsets) % 2 == 0 and all(
        before <= after for before, after in zip((0, *offsets), (*offsets, end), strict=True)
    )


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
