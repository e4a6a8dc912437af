"""Typed events of questions.

Generated from schemas/avro by `python -m schemas.codegen`: do not edit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from schemas.question_records import (
    Candidate,
    Carried,
    FeedbackGiven,
    ModelUsage,
    QuestionClosed,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStood:
    """How a tenant stands with its budget, on rag.budgets."""

    tenant: str
    period: str
    """hour, day or month, in UTC."""
    begins: int
    """Milliseconds since the epoch."""
    ends: int
    """When the budget begins anew, milliseconds since the epoch."""
    spent_nanos: int
    """Billionths of the price list's currency, in this period."""
    soft_nanos: int | None
    """Above it the cheaper tier answers; null: there is no such limit."""
    hard_nanos: int | None
    """Above it nothing is asked of a model that costs; null: likewise."""
    state: str
    """open, soft or hard: which limit is reached."""
    near: list[str]
    """Limits of which four fifths are spent."""
    partition: int
    """Of rag.usage, whence the last record in it is."""
    offset: int
    at: int
    """Milliseconds since the epoch."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "tenant": self.tenant, "period": self.period, "begins": self.begins, "ends": self.ends,
            "spent_nanos": self.spent_nanos, "soft_nanos": self.soft_nanos,
            "hard_nanos": self.hard_nanos, "state": self.state, "near": self.near,
            "partition": self.partition, "offset": self.offset, "at": self.at,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> BudgetStood:
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksRetrieved:
    """Candidates in fused order, on rag.retrieved."""

    carried: Carried
    candidates: list[Candidate]

    def to_avro(self) -> dict[str, Any]:
        return {
            "carried": self.carried.to_avro(),
            "candidates": [item.to_avro() for item in self.candidates],
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> ChunksRetrieved:
        datum["carried"] = Carried.from_avro(datum["carried"])
        datum["candidates"] = [Candidate.from_avro(item) for item in datum["candidates"]]
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackJoined:
    """Feedback with the closed question that it is about, on rag.feedback.joined: each exactly once."""

    feedback: FeedbackGiven
    closed: QuestionClosed
    joined_at: int
    """Milliseconds since the epoch."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "feedback": self.feedback.to_avro(), "closed": self.closed.to_avro(),
            "joined_at": self.joined_at,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> FeedbackJoined:
        datum["feedback"] = FeedbackGiven.from_avro(datum["feedback"])
        datum["closed"] = QuestionClosed.from_avro(datum["closed"])
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackState:
    """What came first of a question, on rag.feedback.state: how it closed, or feedback that waits for that."""

    tenant: str
    request_id: str
    closed: QuestionClosed | None = None
    waiting: list[FeedbackGiven] = field(default_factory=list[FeedbackGiven])

    def to_avro(self) -> dict[str, Any]:
        return {
            "tenant": self.tenant, "request_id": self.request_id,
            "closed": self.closed and self.closed.to_avro(),
            "waiting": [item.to_avro() for item in self.waiting],
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> FeedbackState:
        datum["closed"] = datum["closed"] and QuestionClosed.from_avro(datum["closed"])
        datum["waiting"] = [FeedbackGiven.from_avro(item) for item in datum["waiting"]]
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequested:
    """A question, its top_k candidates and the model tier that answers, on rag.generate.<tier>."""

    carried: Carried
    candidates: list[Candidate]
    """After reranking, best first."""
    tier: str
    model: str
    tried: list[str] = field(default_factory=list[str])
    """Tiers that could not answer it, in order."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "carried": self.carried.to_avro(),
            "candidates": [item.to_avro() for item in self.candidates], "tier": self.tier,
            "model": self.model, "tried": self.tried,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> GenerationRequested:
        datum["carried"] = Carried.from_avro(datum["carried"])
        datum["candidates"] = [Candidate.from_avro(item) for item in datum["candidates"]]
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOwned:
    """A worker has the index from now on: it alone writes it and answers from it."""

    index: str
    """The index version."""
    worker: str
    host: str
    owned_at: int
    """Milliseconds since the epoch."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "index": self.index, "worker": self.worker, "host": self.host,
            "owned_at": self.owned_at,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> IndexOwned:
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialAnswer:
    """What an answer says so far, on rag.partials: nobody's record of it, which is rag.answers."""

    request_id: str
    tenant: str
    tier: str
    """Who writes it: another one begins anew."""
    ordinal: int
    """From 0, which begins anew."""
    text: str
    """What comes after the one before."""
    checked: bool
    """Whether it was held against the passages; else the answer may leave it out."""
    told_at: int
    """Milliseconds since the epoch."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "request_id": self.request_id, "tenant": self.tenant, "tier": self.tier,
            "ordinal": self.ordinal, "text": self.text, "checked": self.checked,
            "told_at": self.told_at,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> PartialAnswer:
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAdmitted:
    """A question that may be answered, on rag.admitted."""

    carried: Carried

    def to_avro(self) -> dict[str, Any]:
        return {
            "carried": self.carried.to_avro(),
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> QuestionAdmitted:
        datum["carried"] = Carried.from_avro(datum["carried"])
        return cls(**datum)


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
    partials: bool = False
    """Whether rag.partials gets what the answer says, as it is written."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "request_id": self.request_id, "tenant": self.tenant, "query": self.query,
            "session_id": self.session_id, "user": self.user, "filters": self.filters,
            "top_k": self.top_k, "deadline_ms": self.deadline_ms, "reply_to": self.reply_to,
            "partials": self.partials,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> QuestionAsked:
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRewritten:
    """A question with its variants, on rag.rewritten."""

    carried: Carried

    def to_avro(self) -> dict[str, Any]:
        return {
            "carried": self.carried.to_avro(),
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> QuestionRewritten:
        datum["carried"] = Carried.from_avro(datum["carried"])
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantControlled:
    """A tenant is suspended, or may ask and feed again, on control.tenants."""

    tenant: str
    suspended: bool
    reason: str
    """For who asks."""
    by: str
    """Who said so."""
    at: int
    """Milliseconds since the epoch."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "tenant": self.tenant, "suspended": self.suspended, "reason": self.reason,
            "by": self.by, "at": self.at,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> TenantControlled:
        return cls(**datum)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecorded:
    """One model call and who it was for, on rag.usage."""

    usage_id: str
    """Follows from what the call was for: the same in a replay."""
    tenant: str
    user: str | None
    subject: str
    """The question's request id, or the document's id."""
    used: ModelUsage
    at: int
    """When its question closed, or its document was embedded, milliseconds since the epoch."""

    def to_avro(self) -> dict[str, Any]:
        return {
            "usage_id": self.usage_id, "tenant": self.tenant, "user": self.user,
            "subject": self.subject, "used": self.used.to_avro(), "at": self.at,
        }

    @classmethod
    def from_avro(cls, datum: dict[str, Any]) -> UsageRecorded:
        datum["used"] = ModelUsage.from_avro(datum["used"])
        return cls(**datum)
