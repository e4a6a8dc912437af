"""The flow: every stage in one line, as a function with no I/O.

Production, tests and what is rendered from it (topics, the README's picture) build this same object.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from processors.documents.chunk import chunk
from processors.documents.chunking import ChunkingPolicy
from processors.documents.debezium import DebeziumSource, RowChange, ingest_row, row_change
from processors.documents.embed import embed
from processors.documents.index import index
from processors.documents.ingest import IngestConfig, Place, ingest
from processors.ports import (
    Converter,
    Embedder,
    Generator,
    Index,
    RequestLog,
    TokenCounter,
    VectorCache,
)
from processors.questions import answers
from processors.questions.admit import AdmitConfig, Arrival, admit
from processors.questions.generate import AnswerConfig, generate
from processors.questions.grounded import GroundedConfig, grounded
from processors.questions.rerank import rerank
from processors.questions.retrieve import RetrievalConfig, retrieve
from processors.questions.rewrite import VariantsConfig, rewrite
from processors.questions.route import RouteConfig, route
from schemas import topics
from schemas.events import (
    DocumentFed,
    GenerationRequested,
    QuestionAdmitted,
    QuestionAnswered,
    QuestionAsked,
    Versions,
)
from streams.flow.outcome import Promise, Received
from streams.flow.stage import Stage, batch_stage, edge_stage, stage
from streams.flow.topic import MIB, Topic

# Records a stage with a model takes at once: enough to fill the model, few enough that a change
# fed during bulk loading does not wait long behind others.
MODEL_BATCH = 64
REWRITING = 8  # questions a model is asked to rewrite at once
NEVER = 2**63 - 1


class Ports(Protocol):
    """The outside world as the processors see it; a port may be opened when first asked for."""

    @property
    def converter(self) -> Converter: ...
    @property
    def counter(self) -> TokenCounter: ...
    @property
    def embedder(self) -> Embedder: ...
    @property
    def cache(self) -> VectorCache: ...
    @property
    def index(self) -> Index: ...
    @property
    def requests(self) -> RequestLog: ...
    @property
    def generator(self) -> Generator | None: ...


@dataclass(frozen=True, slots=True)
class Config:
    """What decides how the processors behave."""

    versions: Versions
    ingest: IngestConfig
    chunking: ChunkingPolicy
    admit: AdmitConfig
    retrieval: RetrievalConfig
    variants: VariantsConfig | None  # None: a question is searched for as it was asked
    route: RouteConfig
    answer: AnswerConfig
    grounded: GroundedConfig | None = None  # None: answers are quotes
    debezium: Sequence[DebeziumSource] = ()
    tiers: Sequence[str] = ("local",)
    generation_concurrency: int = 1


def topology(ports: Ports, config: Config, now: Callable[[], int] = answers.now_ms) -> list[Stage]:
    """The stages in flow order."""
    versions = config.versions
    promise: Promise[Any, Any] = Promise(
        answers.deadline, partial(answers.settle, versions=versions)
    )
    asked: Promise[QuestionAsked, Any] = Promise(
        lambda _: NEVER,  # `admit` itself knows when a question is late
        partial(answers.settle_asked, versions=versions),
        partial(answers.salvage, versions=versions),
    )
    docs, rag = topics.DOCS_DLQ, topics.RAG_DLQ

    def take_in(record: Received[DocumentFed]):
        place = Place(record.offset, record.timestamp, record.key is not None)
        return ingest(record.event, place, config=config.ingest, converter=ports.converter)

    def rows_in(source: DebeziumSource, record: Received[RowChange]):
        place = Place(record.offset, record.timestamp, record.key is not None)
        return ingest_row(
            record.event,
            record.key,
            place,
            source=source,
            config=config.ingest,
            converter=ports.converter,
        )

    def let_in(record: Received[QuestionAsked]):
        arrival = Arrival(record.position, record.timestamp, now())
        return admit(
            record.event, arrival, config=config.admit, log=ports.requests, versions=versions
        )

    def rewritten(event: QuestionAdmitted):
        generator = ports.generator if config.variants else None
        return rewrite(event, generator=generator, config=config.variants)

    def answer(event: GenerationRequested) -> answers.Answers:
        model = ports.generator
        if model is None or config.grounded is None:
            made = generate(event, config=config.answer, versions=versions, now=now)
        else:
            made = grounded(
                event,
                generator=model,
                config=config.grounded,
                quoting=config.answer,
                versions=versions,
                now=now,
            )
        for each in made:
            yield from answers.with_reply(event.question, each)

    chunked = partial(chunk, counter=ports.counter, policy=config.chunking)

    def embedded(events: Sequence[Any]):
        return embed(events, embedder=ports.embedder, cache=ports.cache)

    def indexed(events: Sequence[Any]):
        return index(events, store=ports.index, now=now)

    def retrieved(events: Sequence[Any]):
        return retrieve(events, embedder=ports.embedder, index=ports.index, config=config.retrieval)

    t = topics
    return [
        edge_stage("ingest", reads=t.DOCS_FEED, run=take_in, writes=t.DOCS_CHANGES, dead_letters=docs),
        *(
            edge_stage(f"ingest.{source.name}", reads=_rows(source.topic), run=partial(rows_in, source), writes=t.DOCS_CHANGES, dead_letters=docs)
            for source in config.debezium
        ),
        stage("chunk", reads=t.DOCS_CHANGES, run=chunked, writes=t.DOCS_CHUNKS, dead_letters=docs),
        batch_stage("embed", reads=t.DOCS_CHUNKS, run=embedded, writes=t.DOCS_VECTORS, dead_letters=docs, max_batch=MODEL_BATCH),
        batch_stage("index", reads=t.DOCS_VECTORS, run=indexed, writes=t.DOCS_INDEXED, also=t.DOCS_CHANGES, dead_letters=docs),
        stage("rechunk", reads=t.DOCS_REINDEX, run=chunked, writes=t.DOCS_CHUNKS, dead_letters=docs),
        edge_stage("admit", reads=t.RAG_REQUESTS, run=let_in, writes=t.RAG_ADMITTED, also=t.RAG_ANSWERS, dead_letters=rag, promise=asked),
        stage("rewrite", reads=t.RAG_ADMITTED, run=rewritten, writes=t.RAG_REWRITTEN, also=t.RAG_ANSWERS, dead_letters=rag, promise=promise, concurrency=REWRITING if config.variants else 1),
        batch_stage("retrieve", reads=t.RAG_REWRITTEN, run=retrieved, writes=t.RAG_RETRIEVED, also=t.RAG_ANSWERS, dead_letters=rag, promise=promise, max_batch=MODEL_BATCH),
        stage("rerank", reads=t.RAG_RETRIEVED, run=partial(rerank, config=config.retrieval), writes=t.RAG_RERANKED, also=t.RAG_ANSWERS, dead_letters=rag, promise=promise),
        stage("route", reads=t.RAG_RERANKED, run=partial(route, config=config.route), writes=t.RAG_GENERATE, also=t.RAG_ANSWERS, dead_letters=rag, promise=promise),
        *(
            stage(f"generate.{tier}", reads=t.RAG_GENERATE.named(tier), run=answer, writes=t.RAG_ANSWERS, dead_letters=rag, promise=promise, concurrency=config.generation_concurrency)
            for tier in config.tiers
        ),
    ]  # fmt: skip


def _rows(name: str) -> Topic[RowChange]:
    """A topic of Debezium's, which has the form that Debezium gives it."""
    return Topic(name, RowChange, lambda _: "", edge=True, max_bytes=32 * MIB, read=row_change)


def topics_of(stages: Sequence[Stage]) -> list[Topic[Any]]:
    """Every topic the stages touch, in flow order, and those that only people touch."""
    found: dict[str, Topic[Any]] = {}
    for each in stages:
        for topic in (each.reads, *each.writes, each.dead_letters):
            if topic.suffix is None:
                found.setdefault(topic.name, topic)
    found.setdefault(topics.RAG_FEEDBACK.name, topics.RAG_FEEDBACK)
    return list(found.values())


__all__ = ["Config", "Ports", "QuestionAnswered", "topics_of", "topology"]
