"""Typed events that events of questions hold.

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
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with all that was left out filled in."""

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
    asked_offset: int = 0
    """Of its record in rag.requests: tells what came in one millisecond apart."""
    roles: list[str] = field(default_factory=list[str])
    """Of who asks, as they were proven; never as the request says."""
    classes: list[str] = field(default_factory=list[str])
    """Document classes that were proven beside the roles."""
    proof: str = 'trust'
    """How it is known who asks: trust, topic or token."""
    partials: bool = False
    """Whether rag.partials gets what its answer says, as it is written."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "request_id": self.request_id, "tenant": self.tenant, "query": self.query,
            "session_id": self.session_id, "user": self.user, "filters": self.filters,
            "top_k": self.top_k, "deadline_at": self.deadline_at, "reply_to": self.reply_to,
            "asked_at": self.asked_at, "asked_offset": self.asked_offset, "roles": self.roles,
            "classes": self.classes, "proof": self.proof, "partials": self.partials,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> Question:
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """What an answer was made with."""

    prompt: str
    pipeline: str
    embedding_model: str
    index: str
    chunking: str
    policy: str
    weights: str = ''
    """SHA-256 of weights.json, which has the digest of each model's weights."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "prompt": self.prompt, "pipeline": self.pipeline,
            "embedding_model": self.embedding_model, "index": self.index, "chunking": self.chunking,
            "policy": self.policy, "weights": self.weights,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> Versions:
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsage:
    """One call of a model, and what it cost."""

    operation: str
    """embed, rewrite, followup, read, generate, ..."""
    model: str
    input_tokens: int
    output_tokens: int
    cost_nanos: int | None
    """Billionths of the price list's currency; null: it has no price of this model."""
    cached_tokens: int = 0
    """Of the input tokens those that the model had from before."""
    tier: str = ''
    """Whose model it is; empty: of none."""
    prices: str = ''
    """The price list's version and day."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "operation": self.operation, "model": self.model, "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens, "cost_nanos": self.cost_nanos,
            "cached_tokens": self.cached_tokens, "tier": self.tier, "prices": self.prices,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> ModelUsage:
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a question carries from stage to stage: passed on whole."""

    question: Question
    versions: Versions
    """What it is answered with: as configured at first, then as it was."""
    asked: str = ''
    """The question as it was asked, where its session's turns spelled it out; else empty."""
    variants: list[str] = field(default_factory=list[str])
    """What is searched for, the question as it was asked first."""
    rests: list[str] = field(default_factory=list[str])
    """Ids of the chunks that the answers of its session cite, where those spelled it out."""
    degraded: list[str] = field(default_factory=list[str])
    """Fallbacks taken, as 'stage: what'."""
    decisions: list[str] = field(default_factory=list[str])
    """What was decided on the way, as 'stage: what'."""
    usage: list[ModelUsage] = field(default_factory=list[ModelUsage])
    """What models have used so far."""
    timings_ms: dict[str, float] = field(default_factory=dict[str, float])
    """Milliseconds per stage, from the record before it to its own."""
    masked: list[str] = field(default_factory=list[str])
    """Kinds of personal data that the answer may not show."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "question": self.question.to_avro(), "versions": self.versions.to_avro(),
            "asked": self.asked, "variants": self.variants, "rests": self.rests,
            "degraded": self.degraded, "decisions": self.decisions,
            "usage": [item.to_avro() for item in self.usage], "timings_ms": self.timings_ms,
            "masked": self.masked,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> Carried:
        datum["question"] = Question.from_avro(datum["question"])
        datum["versions"] = Versions.from_avro(datum["versions"])
        datum["usage"] = [ModelUsage.from_avro(item) for item in datum["usage"]]
        return cls(**datum)


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
        return cls(**datum)


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
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an answer cost: all operations and models together."""

    input_tokens: int
    output_tokens: int
    cost: float | None
    """In the currency of the price list; null: it has no price of a model that was called."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "input_tokens": self.input_tokens, "output_tokens": self.output_tokens,
            "cost": self.cost,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> Usage:
        return cls(**datum)


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
    understood: str = ''
    """What was answered, where a session's turns spelled the question out; else empty."""
    cached: str = ''
    """exact or similar, where it is the answer to another question, of this wording or of one that asks the same; else empty."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "request_id": self.request_id, "tenant": self.tenant, "status": self.status,
            "answer": self.answer, "citations": [item.to_avro() for item in self.citations],
            "reasons": self.reasons, "degraded": self.degraded, "tier": self.tier,
            "model": self.model, "versions": self.versions.to_avro(), "usage": self.usage.to_avro(),
            "timings_ms": self.timings_ms, "answered_at": self.answered_at,
            "understood": self.understood, "cached": self.cached,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> QuestionAnswered:
        datum["citations"] = [Citation.from_avro(item) for item in datum["citations"]]
        datum["versions"] = Versions.from_avro(datum["versions"])
        datum["usage"] = Usage.from_avro(datum["usage"])
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionClosed:
    """How a question ended, and from what, on rag.closed: once for each question."""

    carried: Carried
    passages: list[Candidate]
    """What the answer was made from, best first."""
    answer: QuestionAnswered
    closed_at: int
    """Milliseconds since the epoch."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "carried": self.carried.to_avro(),
            "passages": [item.to_avro() for item in self.passages], "answer": self.answer.to_avro(),
            "closed_at": self.closed_at,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> QuestionClosed:
        datum["carried"] = Carried.from_avro(datum["carried"])
        datum["passages"] = [Candidate.from_avro(item) for item in datum["passages"]]
        datum["answer"] = QuestionAnswered.from_avro(datum["answer"])
        return cls(**datum)
