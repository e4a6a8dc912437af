"""Typed events of questions and dead letters.

Generated from schemas/avro by `python -m schemas.codegen`: do not edit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


AnswerStatus = Literal["answered", "abstained", "refused", "expired", "failed"]
"""How a question ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A retrieved chunk with what it scored."""

    chunk_id: str
    doc_id: str
    doc_version: int
    ordinal: int
    title: str
    heading: str
    uri: str
    text: str
    chunking: str
    changed_at: int
    score: float
    """What the list is ordered by, higher is better."""
    scores: dict[str, float]
    """By signal: dense, bm25, sentence, fused, ..."""
    sentences: list[int]
    sentence_scores: list[float]
    """Cosine of each sentence to the question."""
    page: int = 0
    """Where it begins, from 1; 0 where the document has no pages."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "chunk_id": self.chunk_id, "doc_id": self.doc_id, "doc_version": self.doc_version,
            "ordinal": self.ordinal, "title": self.title, "heading": self.heading, "uri": self.uri,
            "text": self.text, "chunking": self.chunking, "changed_at": self.changed_at,
            "score": self.score, "scores": self.scores, "sentences": self.sentences,
            "sentence_scores": self.sentence_scores, "page": self.page,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> Candidate:
        return cls(
            chunk_id=datum["chunk_id"], doc_id=datum["doc_id"], doc_version=datum["doc_version"],
            ordinal=datum["ordinal"], title=datum["title"], heading=datum["heading"],
            uri=datum["uri"], text=datum["text"], chunking=datum["chunking"],
            changed_at=datum["changed_at"], score=datum["score"], scores=datum["scores"],
            sentences=datum["sentences"], sentence_scores=datum["sentence_scores"],
            page=datum["page"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An admitted question, carried by every event that follows."""

    request_id: str
    tenant: str
    query: str
    session_id: str | None
    user: str | None
    filters: dict[str, str]
    top_k: int
    deadline_at: int
    reply_to: str | None
    asked_at: int

    def to_avro(self) -> dict[str, Any]:
        return {
            "request_id": self.request_id, "tenant": self.tenant, "query": self.query,
            "session_id": self.session_id, "user": self.user, "filters": self.filters,
            "top_k": self.top_k, "deadline_at": self.deadline_at, "reply_to": self.reply_to,
            "asked_at": self.asked_at,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> Question:
        return cls(
            request_id=datum["request_id"], tenant=datum["tenant"], query=datum["query"],
            session_id=datum["session_id"], user=datum["user"], filters=datum["filters"],
            top_k=datum["top_k"], deadline_at=datum["deadline_at"], reply_to=datum["reply_to"],
            asked_at=datum["asked_at"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an answer cost."""

    input_tokens: int
    output_tokens: int
    cost: float
    """In the currency of the price list."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "input_tokens": self.input_tokens, "output_tokens": self.output_tokens,
            "cost": self.cost,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> Usage:
        return cls(
            input_tokens=datum["input_tokens"], output_tokens=datum["output_tokens"],
            cost=datum["cost"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksReranked:
    """The top_k candidates after reranking, on rag.reranked."""

    question: Question
    variants: list[str]
    candidates: list[Candidate]
    embedding_model: str
    index: str
    reranker: str
    degraded: list[str]
    """Fallbacks taken, as 'stage: what'."""
    timings_ms: dict[str, float]
    """Milliseconds per stage, from the record before it to its own."""
    usage: Usage | None = None
    """What models have cost so far; null: none was asked."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "question": self.question.to_avro(), "variants": self.variants,
            "candidates": [item.to_avro() for item in self.candidates],
            "embedding_model": self.embedding_model, "index": self.index, "reranker": self.reranker,
            "degraded": self.degraded, "timings_ms": self.timings_ms,
            "usage": self.usage and self.usage.to_avro(),
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> ChunksReranked:
        return cls(
            question=Question.from_avro(datum["question"]), variants=datum["variants"],
            candidates=[Candidate.from_avro(item) for item in datum["candidates"]],
            embedding_model=datum["embedding_model"], index=datum["index"],
            reranker=datum["reranker"], degraded=datum["degraded"], timings_ms=datum["timings_ms"],
            usage=datum["usage"] and Usage.from_avro(datum["usage"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksRetrieved:
    """Candidates in fused order, on rag.retrieved."""

    question: Question
    variants: list[str]
    candidates: list[Candidate]
    embedding_model: str
    index: str
    degraded: list[str]
    """Fallbacks taken, as 'stage: what'."""
    timings_ms: dict[str, float]
    """Milliseconds per stage, from the record before it to its own."""
    usage: Usage | None = None
    """What models have cost so far; null: none was asked."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "question": self.question.to_avro(), "variants": self.variants,
            "candidates": [item.to_avro() for item in self.candidates],
            "embedding_model": self.embedding_model, "index": self.index, "degraded": self.degraded,
            "timings_ms": self.timings_ms, "usage": self.usage and self.usage.to_avro(),
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> ChunksRetrieved:
        return cls(
            question=Question.from_avro(datum["question"]), variants=datum["variants"],
            candidates=[Candidate.from_avro(item) for item in datum["candidates"]],
            embedding_model=datum["embedding_model"], index=datum["index"],
            degraded=datum["degraded"], timings_ms=datum["timings_ms"],
            usage=datum["usage"] and Usage.from_avro(datum["usage"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """Where a quoted sentence stands."""

    chunk_id: str
    doc_id: str
    doc_version: int
    start: int
    """Character offset in the chunk's text."""
    end: int
    quote: str
    score: float

    def to_avro(self) -> dict[str, Any]:
        return {
            "chunk_id": self.chunk_id, "doc_id": self.doc_id, "doc_version": self.doc_version,
            "start": self.start, "end": self.end, "quote": self.quote, "score": self.score,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> Citation:
        return cls(
            chunk_id=datum["chunk_id"], doc_id=datum["doc_id"], doc_version=datum["doc_version"],
            start=datum["start"], end=datum["end"], quote=datum["quote"], score=datum["score"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordHeader:
    """One header of a Kafka record."""

    key: str
    value: bytes | None

    def to_avro(self) -> dict[str, Any]:
        return {
            "key": self.key, "value": self.value,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> RecordHeader:
        return cls(
            key=datum["key"], value=datum["value"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettered:
    """A record that cannot be processed, with its original bytes, on docs.dlq and rag.dlq."""

    stage: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[RecordHeader]
    reason: str
    """One sentence a person can act on."""
    detail: str
    """Exception and traceback, where there was one."""
    attempts: int
    failed_at: int

    def to_avro(self) -> dict[str, Any]:
        return {
            "stage": self.stage, "topic": self.topic, "partition": self.partition,
            "offset": self.offset, "timestamp": self.timestamp, "key": self.key,
            "value": self.value, "headers": [item.to_avro() for item in self.headers],
            "reason": self.reason, "detail": self.detail, "attempts": self.attempts,
            "failed_at": self.failed_at,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> DeadLettered:
        return cls(
            stage=datum["stage"], topic=datum["topic"], partition=datum["partition"],
            offset=datum["offset"], timestamp=datum["timestamp"], key=datum["key"],
            value=datum["value"],
            headers=[RecordHeader.from_avro(item) for item in datum["headers"]],
            reason=datum["reason"], detail=datum["detail"], attempts=datum["attempts"],
            failed_at=datum["failed_at"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackGiven:
    """What a person thought of an answer, on rag.feedback (JSON or Avro)."""

    request_id: str
    tenant: str
    rating: int
    """-1, 0 or 1."""
    comment: str | None = None
    correct_answer: str | None = None
    labels: list[str] = field(default_factory=list[str])

    def to_avro(self) -> dict[str, Any]:
        return {
            "request_id": self.request_id, "tenant": self.tenant, "rating": self.rating,
            "comment": self.comment, "correct_answer": self.correct_answer, "labels": self.labels,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> FeedbackGiven:
        return cls(
            request_id=datum["request_id"], tenant=datum["tenant"], rating=datum["rating"],
            comment=datum["comment"], correct_answer=datum["correct_answer"],
            labels=datum["labels"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequested:
    """A question routed to a model tier, on rag.generate.<tier>."""

    question: Question
    variants: list[str]
    candidates: list[Candidate]
    embedding_model: str
    index: str
    tier: str
    model: str
    degraded: list[str]
    """Fallbacks taken, as 'stage: what'."""
    timings_ms: dict[str, float]
    """Milliseconds per stage, from the record before it to its own."""
    usage: Usage | None = None
    """What models have cost so far; null: none was asked."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "question": self.question.to_avro(), "variants": self.variants,
            "candidates": [item.to_avro() for item in self.candidates],
            "embedding_model": self.embedding_model, "index": self.index, "tier": self.tier,
            "model": self.model, "degraded": self.degraded, "timings_ms": self.timings_ms,
            "usage": self.usage and self.usage.to_avro(),
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> GenerationRequested:
        return cls(
            question=Question.from_avro(datum["question"]), variants=datum["variants"],
            candidates=[Candidate.from_avro(item) for item in datum["candidates"]],
            embedding_model=datum["embedding_model"], index=datum["index"], tier=datum["tier"],
            model=datum["model"], degraded=datum["degraded"], timings_ms=datum["timings_ms"],
            usage=datum["usage"] and Usage.from_avro(datum["usage"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAdmitted:
    """A question that may be answered, on rag.admitted."""

    question: Question
    degraded: list[str]
    """Fallbacks taken, as 'stage: what'."""
    timings_ms: dict[str, float]
    """Milliseconds per stage, from the record before it to its own."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "question": self.question.to_avro(), "degraded": self.degraded,
            "timings_ms": self.timings_ms,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> QuestionAdmitted:
        return cls(
            question=Question.from_avro(datum["question"]), degraded=datum["degraded"],
            timings_ms=datum["timings_ms"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """What an answer was made with."""

    prompt: str
    pipeline: str
    embedding_model: str
    index: str
    chunking: str
    policy: str

    def to_avro(self) -> dict[str, Any]:
        return {
            "prompt": self.prompt, "pipeline": self.pipeline,
            "embedding_model": self.embedding_model, "index": self.index, "chunking": self.chunking,
            "policy": self.policy,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> Versions:
        return cls(
            prompt=datum["prompt"], pipeline=datum["pipeline"],
            embedding_model=datum["embedding_model"], index=datum["index"],
            chunking=datum["chunking"], policy=datum["policy"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnswered:
    """The answer, on rag.answers."""

    request_id: str
    tenant: str
    status: AnswerStatus
    answer: str
    citations: list[Citation]
    reasons: list[str]
    """Of a refusal, failure or abstention."""
    degraded: list[str]
    tier: str
    model: str
    versions: Versions
    usage: Usage
    timings_ms: dict[str, float]
    answered_at: int

    def to_avro(self) -> dict[str, Any]:
        return {
            "request_id": self.request_id, "tenant": self.tenant, "status": self.status,
            "answer": self.answer, "citations": [item.to_avro() for item in self.citations],
            "reasons": self.reasons, "degraded": self.degraded, "tier": self.tier,
            "model": self.model, "versions": self.versions.to_avro(), "usage": self.usage.to_avro(),
            "timings_ms": self.timings_ms, "answered_at": self.answered_at,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> QuestionAnswered:
        return cls(
            request_id=datum["request_id"], tenant=datum["tenant"], status=datum["status"],
            answer=datum["answer"],
            citations=[Citation.from_avro(item) for item in datum["citations"]],
            reasons=datum["reasons"], degraded=datum["degraded"], tier=datum["tier"],
            model=datum["model"], versions=Versions.from_avro(datum["versions"]),
            usage=Usage.from_avro(datum["usage"]), timings_ms=datum["timings_ms"],
            answered_at=datum["answered_at"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAsked:
    """A question as a producer asks it, on rag.requests (JSON or Avro)."""

    request_id: str | None = None
    """A UUIDv7 is assigned where it is missing."""
    tenant: str
    query: str
    session_id: str | None = None
    user: str | None = None
    filters: dict[str, str] = field(default_factory=dict[str, str])
    """Document metadata that must match."""
    top_k: int | None = None
    """Chunks given to the answerer, 1 to 50."""
    deadline_ms: int | None = None
    """Milliseconds from the record's timestamp; above 10^11, milliseconds since the epoch."""
    reply_to: str | None = None
    """A further topic for the answer, among those the settings allow."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "request_id": self.request_id, "tenant": self.tenant, "query": self.query,
            "session_id": self.session_id, "user": self.user, "filters": self.filters,
            "top_k": self.top_k, "deadline_ms": self.deadline_ms, "reply_to": self.reply_to,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> QuestionAsked:
        return cls(
            request_id=datum["request_id"], tenant=datum["tenant"], query=datum["query"],
            session_id=datum["session_id"], user=datum["user"], filters=datum["filters"],
            top_k=datum["top_k"], deadline_ms=datum["deadline_ms"], reply_to=datum["reply_to"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRewritten:
    """A question with its variants (the original first), on rag.rewritten."""

    question: Question
    variants: list[str]
    degraded: list[str]
    """Fallbacks taken, as 'stage: what'."""
    timings_ms: dict[str, float]
    """Milliseconds per stage, from the record before it to its own."""
    usage: Usage | None = None
    """What models have cost so far; null: none was asked."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "question": self.question.to_avro(), "variants": self.variants,
            "degraded": self.degraded, "timings_ms": self.timings_ms,
            "usage": self.usage and self.usage.to_avro(),
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> QuestionRewritten:
        return cls(
            question=Question.from_avro(datum["question"]), variants=datum["variants"],
            degraded=datum["degraded"], timings_ms=datum["timings_ms"],
            usage=datum["usage"] and Usage.from_avro(datum["usage"]),
        )
