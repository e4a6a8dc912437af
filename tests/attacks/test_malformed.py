"""Internal records that a schema allows and no stage writes: dead letters, never stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from connectors.memory.index import MemoryIndex
from processors.documents import index
from processors.needs import CHUNKS
from schemas.events import Candidate, ChunksRetrieved, DocumentEmbedded, EmbeddedChunk
from schemas.topics import DOCS_DLQ, DOCS_INDEXED, DOCS_VECTORS, RAG_RETRIEVED
from streams.flow.errors import Reject
from streams.flow.port import Opened
from streams.runtime.codec import Codec
from streams.runtime.testing import Driver
from tests.support.index_events import SIZE, change
from tests.support.question_events import carried

Spoil = Callable[[EmbeddedChunk], EmbeddedChunk]


def numbers(*values: float) -> bytes:
    return np.array(values, "<f2").tobytes()


def candidate(score: float) -> Candidate:
    return Candidate(
        chunk_id="c",
        doc_id="d",
        doc_version=1,
        ordinal=0,
        title="",
        heading="",
        uri="",
        text="text",
        chunking="",
        changed_at=0,
        score=score,
        scores={},
        sentences=[],
        sentence_scores=[],
    )


def of_chunk(**fields: object) -> Spoil:
    return lambda item: replace(item, chunk=replace(item.chunk, **fields))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda item: replace(item, vector=item.vector[:-2]), "not one vector for each sentence"),
        (
            lambda item: replace(
                item,
                chunk=replace(item.chunk, sentences=[]),
                vector=numbers(*[0.5] * (SIZE + 1)),
                sentence_vectors=b"",
            ),
            f"{SIZE + 1} dimensions, and the index {SIZE}",
        ),
        (lambda item: replace(item, vector=b"\0" * 7), "a vector of 7 bytes"),
        (lambda item: replace(item, vector=b""), "a vector of 0 bytes"),
        (
            lambda item: replace(item, vector=numbers(float("nan"), *[0.0] * (SIZE - 1))),
            "what is no number",
        ),
        (
            lambda item: replace(item, vector=numbers(float("inf"), *[0.0] * (SIZE - 1))),
            "what is no number",
        ),
        (of_chunk(chunk_id="../../etc"), "which is none"),
        (of_chunk(chunk_id=""), "which is none"),
        (of_chunk(ordinal=-1), "which is none"),
        (of_chunk(sentences=[0, 10**9]), "sentences beyond its text"),
        (of_chunk(sentences=[5, 0]), "sentences beyond its text"),
    ],
)
def test_a_chunk_that_cannot_be_is_never_stored(spoil: Spoil, said: str) -> None:
    store = MemoryIndex("test", SIZE)
    driver = Driver([index.stage(lambda: 0)], Opened({CHUNKS.name: store}))
    good, bad = change("good", 1, ("one",)), change("bad", 1, ("two",))
    driver.send(DOCS_VECTORS, good)
    driver.send(DOCS_VECTORS, replace(bad, chunks=[spoil(each) for each in bad.chunks]))
    driver.send(DOCS_VECTORS, change("also", 1, ("three",)))
    driver.run()

    (letter,) = driver.dead_letters(DOCS_DLQ)
    assert said in letter.reason and letter.stage == "index"
    assert {each.doc_id for each in store.scan()} == {"good", "also"}
    indexed = {each.document.doc_id for each in driver.events(DOCS_INDEXED)}
    assert indexed == {"good", "also"}


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_orders_no_list(score: float) -> None:
    spoiled = ChunksRetrieved(carried=carried("what?"), candidates=[candidate(score)])
    codec = Codec()
    with pytest.raises(Reject, match="scores what is no number"):
        codec.decode(RAG_RETRIEVED, codec.encode(RAG_RETRIEVED.name, spoiled))


def test_what_stages_write_is_sound() -> None:
    codec = Codec()
    event: DocumentEmbedded = change("d", 1, ("one", "two"))
    assert codec.decode(DOCS_VECTORS, codec.encode(DOCS_VECTORS.name, event)) == event
