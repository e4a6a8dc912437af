"""`bench size`: the embedded index at a million chunks, against itself at fifty thousand.

Vectors and words are made, not of a model: no figure here depends on what they mean. Vectors lie
around centres, as those of texts about the same do; words are as frequent as words are (Zipf).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psutil
from qdrant_edge import Query, QueryBatchRequest, QueryRequest, SearchParams

from connectors.qdrant_edge.index import EdgeIndex
from connectors.qdrant_edge.points import DENSE
from connectors.qdrant_edge.rewriting import Pace
from evaluation.bench.measures import Latency
from evaluation.bench.report import Figure, Findings, Say, Target
from evaluation.bench.running import data_folder
from processors.documents.applying import apply
from processors.guard.access import EVERYONE, UNCLASSIFIED
from processors.guard.sight import UNLABELLED
from processors.ports import SearchQuery
from processors.questions.fusion import fuse
from processors.questions.retrieve import Searched, search
from schemas.events import Chunk, DocumentEmbedded, DocumentVersion, EmbeddedChunk

TENANT = "measured"
DIMENSIONS = 384
PER_DOCUMENT = 10  # chunks
WORDS = 20  # of a chunk
CENTRES = 5_000
SPREAD = 0.7  # of a vector around its centre, as long as that is 1
VOCABULARY = 200_000
BATCH = 64  # documents of a write
FETCHED = 30  # chunks of a question
NEAREST = 10
MB = 1024 * 1024
THREE_TIMES = Target("ratio", "at most", 3.0)
FOUND = Target("value", "at least", 0.95)


@dataclass(frozen=True, slots=True)
class Options:
    """`share` of the time that copying takes, as the product's, or 1: at once."""

    chunks: int = 1_000_000
    small: int = 50_000
    questions: int = 200
    share: float = 0.25


QUICK = Options(chunks=6_000, small=2_000, questions=20)


class Made:
    """Documents and questions, the same each time."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(7)
        self._centres = _unit(self._random.standard_normal((CENTRES, DIMENSIONS), np.float32))
        frequency = 1 / np.arange(2, VOCABULARY + 2)
        self._cumulated = np.cumsum(frequency / frequency.sum())
        self._documents = 0

    def documents(self, chunks: int) -> Iterator[list[DocumentEmbedded]]:
        """So many chunks more, a batch of documents at a time."""
        left = chunks // PER_DOCUMENT
        while left > 0:
            count = min(BATCH, left)
            left -= count
            vectors = self._vectors(count * PER_DOCUMENT).astype("<f2")
            texts = self._texts(count * PER_DOCUMENT, WORDS)
            yield [
                self._document(vectors[at : at + PER_DOCUMENT], texts[at : at + PER_DOCUMENT])
                for at in range(0, count * PER_DOCUMENT, PER_DOCUMENT)
            ]

    def questions(self, count: int) -> list[SearchQuery]:
        """Of five words that few have, near to some centre."""
        vectors = self._vectors(count)
        ranks = self._random.integers(200, 20_000, (count, 5))
        return [
            SearchQuery(
                TENANT, [" ".join(f"w{n}" for n in each)], vector[None], 100, UNLABELLED.access
            )
            for each, vector in zip(ranks, vectors, strict=True)
        ]

    def _vectors(self, count: int) -> Any:
        around = self._random.standard_normal((count, DIMENSIONS), np.float32)
        around *= SPREAD / DIMENSIONS**0.5
        return _unit(self._centres[self._random.integers(0, CENTRES, count)] + around)

    def _texts(self, count: int, words: int) -> list[str]:
        ranks = np.searchsorted(self._cumulated, self._random.random((count, words)))
        return [" ".join(f"w{n}" for n in each) for each in ranks]

    def _document(self, vectors: Any, texts: Sequence[str]) -> DocumentEmbedded:
        self._documents += 1
        name = f"d{self._documents}"
        chunks = [
            EmbeddedChunk(
                chunk=Chunk(
                    chunk_id=str(UUID(int=self._documents * PER_DOCUMENT + ordinal)),
                    ordinal=ordinal,
                    text=text,
                    heading="",
                    sentences=[0, len(text)],
                    text_hash="",
                    tokens=WORDS,
                ),
                vector=vector.tobytes(),
                sentence_vectors=b"",
            )
            for ordinal, (text, vector) in enumerate(zip(texts, vectors, strict=True))
        ]
        version = DocumentVersion(
            op="upsert",
            tenant=TENANT,
            doc_id=name,
            version=1,
            sequence=self._documents,
            doc_type="text",
            title=name,
            uri=name,
            metadata={},
            changed_at=1,
            fed_at=1,
            acl=[EVERYONE],
            classes=[UNCLASSIFIED],
        )
        return DocumentEmbedded(
            document=version,
            part=0,
            chunking="made",
            embedding_model="made",
            chunks=chunks,
            last=True,
            part_chunks=len(chunks),
        )


def run(options: Options, say: Say) -> Findings:
    """Fill, search, fill on, build the graph while questions are asked, search again."""
    made = Made()
    asked = made.questions(options.questions)
    with data_folder() as folder:
        with EdgeIndex(folder / "index", "size", DIMENSIONS) as index:
            filled = _fill(index, made, options.small, say)
            _searched(index, asked)  # warm
            small = _searched(index, asked)
            say(f"{options.small:,} chunks: {small['both'].p50:.1f} ms")
            filled += _fill(index, made, options.chunks - options.small, say)
            plain = _searched(index, asked[:20])
            say(f"{options.chunks:,} chunks, looked through: {plain['both'].p50:.1f} ms")
            during, took = _linked(index, asked, options.share, say)
        with EdgeIndex(folder / "index", "size", DIMENSIONS) as index:
            _searched(index, asked)
            large = _searched(index, asked)
            found = recall(index, asked)
            held = psutil.Process().memory_info().rss / MB
        disk = _size(folder) / MB
    of_small = f"{options.small:,} chunks, looked through"
    at = f"at {options.chunks:,} chunks"
    now, then = large["both"], small["both"]
    figures = [
        Figure(f"search {at}, p50", now.p50, "ms", then.p50, of_small, THREE_TIMES),
        Figure(f"search {at}, p99", now.p99, "ms", then.p99, of_small),
        *(
            Figure(f"by {what} {at}, p50", large[what].p50, "ms", small[what].p50, of_small)
            for what in ("vectors", "words")
        ),
        Figure(f"recall@{NEAREST} {at}, of the exact nearest", found, "", target=FOUND),
        Figure(
            "search while it is copied and linked, p50", during.p50, "ms", plain["both"].p50,
            "looked through, nothing else going on",
        ),
        Figure("the same, p99", during.p99, "ms", plain["both"].p99, "likewise"),
        Figure("memory of the process, the disk's pages that it has mapped among it", held, "MB"),
        Figure("disk", disk, "MB"),
    ]  # fmt: skip
    return Findings(
        figures,
        {"small": small, "looked_through": plain, "large": large, "during": during}
        | {"filled_s": filled, "rewritten_s": took, "options": options},
    )


def _fill(index: EdgeIndex, made: Made, chunks: int, say: Say) -> float:
    begin = told = time.monotonic()
    done = 0
    for some in made.documents(chunks):
        apply(index, some)
        done += sum(len(each.chunks) for each in some)
        if time.monotonic() - told > 20:
            told = time.monotonic()
            say(f"written: {done:,} of {chunks:,}")
    return time.monotonic() - begin


def _searched(index: EdgeIndex, asked: Sequence[SearchQuery]) -> dict[str, Latency]:
    """One question at a time: by vectors, by words, and both with the chunks fetched."""
    took: dict[str, list[float]] = {"vectors": [], "words": [], "both": []}
    calls: dict[str, Callable[[SearchQuery], object]] = {
        "vectors": lambda one: index.nearest([one]),
        "words": lambda one: index.matching([one]),
        "both": lambda one: _answered(index, one),
    }
    for one in asked:
        for what, call in calls.items():
            begin = time.perf_counter()
            call(one)
            took[what].append((time.perf_counter() - begin) * 1000)
    return {what: Latency.of(each) for what, each in took.items()}


def _answered(index: EdgeIndex, one: SearchQuery) -> None:
    """What `retrieve` asks of the index."""
    (result,) = search([one], Searched(index, index, index))
    fused = fuse(result.dense, result.lexical, method="max", bm25_weight=0.45, most=FETCHED)
    assert index.fetch(TENANT, [each.chunk_id for each in fused])


def _linked(
    index: EdgeIndex, asked: Sequence[SearchQuery], share: float, say: Say
) -> tuple[Latency, dict[str, float]]:
    """Latency while the graph is built, and the seconds until each step."""
    took, ended = list[float](), threading.Event()
    steps, begun = dict[str, float](), time.monotonic()

    def ask() -> None:
        at = 0
        while not ended.is_set():
            begin = time.perf_counter()
            _answered(index, asked[at % len(asked)])
            took.append((time.perf_counter() - begin) * 1000)
            at += 1
            ended.wait(0.1)

    def reach(step: str) -> None:
        steps[step] = round(time.monotonic() - begun, 1)
        say(f"{step} after {steps[step]:,.0f} s")

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        index.rewrite(Pace(share, threading.Event()), reach, linked=True)
    finally:
        ended.set()
        asking.join()
    return Latency.of(took), steps


def recall(index: EdgeIndex, asked: Sequence[SearchQuery]) -> float:
    """The mean share of the exact nearest that a search finds."""
    shard = index._shard  # pyright: ignore[reportPrivateUsage]
    shares: list[float] = []
    for one, ((ranking,),) in zip(
        asked, ((index.nearest([one])[0],) for one in asked), strict=True
    ):
        exact = QueryRequest(
            NEAREST,
            query=Query.Nearest(one.vectors[0].data, using=DENSE),
            params=SearchParams(exact=True),
        )
        (hits,) = shard.query_batch(QueryBatchRequest([exact]))
        wanted = {str(hit.id) for hit in hits}
        shares.append(len(wanted & {*ranking.chunk_ids[:NEAREST]}) / NEAREST)
    return sum(shares) / len(shares)


def _unit(vectors: Any) -> Any:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _size(folder: Path) -> int:
    """Bytes of the disk that it takes: the engine's files are mostly holes."""
    return sum(each.stat().st_blocks * 512 for each in folder.rglob("*"))
