"""One chunking on one set, in process: chunk, embed, index, ask, and count what was found."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import log2
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from connectors.qdrant_edge.index import EdgeIndex
from connectors.redis.store import MemoryVectorCache
from evaluation.research.chunking.sets import TENANT, Ask, DataSet, Evidence
from evaluation.stages import to_search
from evaluation.statistics import bootstrap
from processors.documents.applying import apply
from processors.documents.chunk import chunk, context_of
from processors.documents.chunking import ChunkingPolicy
from processors.documents.embed import embed
from processors.documents.ingest import IngestConfig, Place, ingest
from processors.guard.sight import UNLABELLED
from processors.money.prices import PriceTable
from processors.needs import CONVERTER, COUNTER, EMBEDDER
from processors.ports import Converter, Embedder, TokenCounter, VectorCache
from processors.questions.rerank import ranked
from processors.questions.retrieve import RetrievalConfig, Searched, retrieve
from processors.text.sentences import split_sentences
from schemas.events import Candidate, ChunksRetrieved, DocumentEmbedded
from streams.app.ports import open_these
from streams.app.settings import Settings
from streams.flow.errors import Reject, Retry

DEPTH = 10
READ_TOKENS = 500  # what a reader or a model may read of the results, in chunks and their context
FOUND_SHARE = 0.5  # of a passage's characters, in one or more chunks
CANDIDATES = 100
BATCH = 64


@dataclass(frozen=True, slots=True)
class Measured:
    """Of each question nDCG at 10 results, and the share of its evidence in READ_TOKENS tokens.

    `chunks` and `tokens` are per document, and `embedded` is the tokens the model reads per
    document, contexts included: what embedding costs.
    """

    ndcgs: Sequence[float]
    withins: Sequence[float]
    chunks: float
    tokens: float
    embedded: float

    @property
    def questions(self) -> int:
        return len(self.ndcgs)

    @property
    def ndcg(self) -> float:
        return fmean(self.ndcgs)

    @property
    def within(self) -> float:
        return fmean(self.withins)

    def as_json(self, shipped: Measured) -> dict[str, Any]:
        """The figures, and by how much they differ from the shipped chunking's (value, 95 %)."""
        found: dict[str, Any] = {
            "ndcg": self.ndcg,
            "within": self.within,
            "chunks": self.chunks,
            "tokens": self.tokens,
            "embedded": self.embedded,
        }
        found = {name: round(value, 4) for name, value in found.items()}
        found["ndcg_difference"] = _difference(self.ndcgs, shipped.ndcgs)
        found["within_difference"] = _difference(self.withins, shipped.withins)
        return found | {"questions": self.questions}


def _difference(these: Sequence[float], those: Sequence[float]) -> list[float]:
    """The mean difference of the same questions and its interval over them."""
    pairs = np.array(these) - np.array(those)
    found = bootstrap(len(pairs), lambda rows: float(pairs[rows].mean()))
    return [round(each, 4) for each in found]


@dataclass(frozen=True, slots=True)
class Ports:
    """The model, and what it remembers from one chunking to the next."""

    embedder: Embedder
    counter: TokenCounter
    converter: Converter
    cache: VectorCache


def open_model(settings: Settings, stack: ExitStack) -> Ports:
    """The model of these settings; it remembers vectors for as long as it is open."""
    opened = open_these(settings, stack, EMBEDDER, COUNTER, CONVERTER)
    return Ports(opened[EMBEDDER], opened[COUNTER], opened[CONVERTER], MemoryVectorCache())


def measure(
    data: DataSet, policy: ChunkingPolicy, ports: Ports, retrieval: RetrievalConfig
) -> Measured:
    """Chunk, index and ask everything of `data`."""
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="millrace-chunking-"))
        path = Path(name) / "index"
        index = stack.enter_context(EdgeIndex(path, "chunking", ports.embedder.dimensions))
        chunks, tokens, contexts = _fill(index, data, policy, ports)
        gains = [
            _scored(ask, found, ports.counter)
            for ask, found in _answers(index, data.asks, ports, retrieval)
        ]
    documents = len(data.documents)
    return Measured(
        ndcgs=[ndcg for ndcg, _ in gains],
        withins=[within for _, within in gains],
        chunks=chunks / documents,
        tokens=tokens / documents,
        embedded=(tokens + contexts) / documents,
    )


def _fill(
    index: EdgeIndex, data: DataSet, policy: ChunkingPolicy, ports: Ports
) -> tuple[int, int, int]:
    """Make all documents searchable; returns chunks, tokens of text, tokens of contexts."""
    made = [
        record
        for number, document in enumerate(data.documents)
        for change in ingest(
            document, Place(number, 1, keyed=True), config=IngestConfig(), converter=ports.converter
        )
        for record in chunk(change, counter=ports.counter, policy=policy)
    ]
    tokens = sum(each.tokens for record in made for each in record.chunks)
    contexts = [context_of(r.document.title, each.heading) for r in made for each in r.chunks]
    for at in range(0, len(made), BATCH):
        for outcome in embed(
            made[at : at + BATCH],
            embedder=ports.embedder,
            cache=ports.cache,
            prices=PriceTable(),
            now=int,
        ):
            apply(index, [e for e in _good(outcome) if isinstance(e, DocumentEmbedded)])
    return len(contexts), tokens, sum(ports.counter.count(contexts))


def _answers(
    index: EdgeIndex, asks: Sequence[Ask], ports: Ports, retrieval: RetrievalConfig
) -> Iterator[tuple[Ask, Sequence[Candidate]]]:
    for at in range(0, len(asks), BATCH):
        some = asks[at : at + BATCH]
        questions = [
            to_search(str(number), TENANT, ask.text, CANDIDATES)
            for number, ask in enumerate(some, at)
        ]
        everything = Searched(index, index, index)
        found = retrieve(
            questions,
            embedder=ports.embedder,
            index=everything,
            config=retrieval,
            sights=[UNLABELLED] * len(questions),
        )
        for ask, outcome in zip(some, found, strict=True):
            (event,) = _good(outcome)
            assert isinstance(event, ChunksRetrieved)
            yield ask, ranked(event, retrieval)


def _good(outcome: Sequence[Any] | Reject | Retry) -> Sequence[Any]:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _scored(ask: Ask, ranked: Sequence[Candidate], counter: TokenCounter) -> tuple[float, float]:
    """nDCG@10 and the share found within READ_TOKENS.

    A result counts for the evidence that nothing before it held. Where whole documents are wanted,
    a document's further chunks are passed over, as BEIR counts documents.
    """
    wanted = 1 if ask.any_of else len(ask.evidence)
    documents = not any(each.words or each.passage for each in ask.evidence)
    left = [_Search(each) for each in ask.evidence]
    seen: set[str] = set()
    place, read, found, within, gain = 0, 0, 0, 0, 0.0
    for candidate in ranked:
        if documents and candidate.doc_id in seen:
            continue
        seen.add(candidate.doc_id)
        fresh = [search for search in left if search.completed_by(candidate)]
        left = [search for search in left if search not in fresh]
        new = min(len(fresh), wanted - found)
        found += new
        gain += new / log2(place + 2) if place < DEPTH else 0.0
        place += 1
        read += counter.count([f"{candidate.title} {candidate.heading} {candidate.text}"])[0]
        within += new if read <= READ_TOKENS or place == 1 else 0
        if found == wanted or (place >= DEPTH and read > READ_TOKENS):
            break
    ideal = sum(1 / log2(each + 2) for each in range(min(wanted, DEPTH)))
    return min(1.0, gain / ideal), within / wanted


class _Search:
    """Whether the chunks seen so far hold one piece of evidence."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        passage = evidence.passage
        # By its own sentences, so that it does not matter how a chunk was cut.
        self._missing = [passage[start:end] for start, end in split_sentences(passage)]
        self._enough = (1 - FOUND_SHARE) * sum(map(len, self._missing))

    def completed_by(self, candidate: Candidate) -> bool:
        evidence = self._evidence
        if candidate.doc_id != evidence.doc_id:
            return False
        if evidence.words:
            return all(word.casefold() in candidate.text.casefold() for word in evidence.words)
        if not evidence.passage:
            return True
        self._missing = [each for each in self._missing if each not in candidate.text]
        return sum(map(len, self._missing)) <= self._enough
