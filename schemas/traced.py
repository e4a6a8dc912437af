"""What a span tells of the events of its record: ids, scores and decisions, no document's text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.events import (
    Candidate,
    Carried,
    ChunksRetrieved,
    DocumentChunked,
    DocumentEmbedded,
    DocumentIndexed,
    DocumentVersion,
    GenerationRequested,
    ModelUsage,
    QuestionAnswered,
    QuestionClosed,
)
from schemas.money import NANOS

Told = str | int | float | bool | Sequence[str] | Sequence[float]
MOST = 50  # of a list: a trace is no copy of the log
# What a candidate's scores are called, by the index that gave them.
SIGNALS = {"dense": "dense", "lexical": "bm25"}
# As OpenTelemetry's conventions for generative AI name what a model was called for.
OPERATIONS = {
    "embed": "embeddings",
    "rewrite": "chat",
    "followup": "chat",
    "generate": "chat",
}


def operation_of(used: ModelUsage) -> str:
    """What the conventions call it; what they have no name for keeps its own."""
    return OPERATIONS.get(used.operation, used.operation)


@dataclass(frozen=True, slots=True)
class Traced:
    """Of one record: attributes of its span, what models used, and what each index found."""

    attributes: Mapping[str, Told] = field(default_factory=dict[str, Told])
    usage: Sequence[ModelUsage] = ()
    found: Mapping[str, str] = field(default_factory=dict[str, str])  # JSON, by index


def traced(before: Any, events: Sequence[Any]) -> Traced:
    """What became of the record with the event `before`, by what its stage wrote.

    Of what a question carries, a span tells what its own stage added.
    """
    told: dict[str, Told] = {}
    old, new = _carried(before), None
    for event in events:
        new = _carried(event) or new
        told |= {name: value for name, value in _of_event(event) if value not in ("", [])}
    carried = new or old
    if carried is not None:
        told |= dict(_of_question(old, carried))
    elif not told and isinstance(document := getattr(before, "document", None), DocumentVersion):
        told |= dict(_of_document(document))
    nothing: list[Candidate] = []
    found = next((e.candidates for e in events if isinstance(e, ChunksRetrieved)), nothing)
    usage = carried.usage[len(old.usage) if old else 0 :] if carried is not None else []
    return Traced(told, usage, {index: _documents(found, SIGNALS[index]) for index in SIGNALS})


def _carried(event: Any) -> Carried | None:
    found = getattr(event, "carried", None)
    return found if isinstance(found, Carried) else None


def _of_question(old: Carried | None, new: Carried) -> Iterator[tuple[str, Told]]:
    question = new.question
    yield "millrace.tenant", question.tenant
    yield "millrace.request_id", question.request_id
    if question.session_id:
        yield "gen_ai.conversation.id", question.session_id
    if new.variants and (old is None or new.variants != old.variants):
        yield "millrace.variants", new.variants[:MOST]
    if decided := new.decisions[len(old.decisions) if old else 0 :]:
        yield "millrace.decisions", decided[:MOST]
    if degraded := new.degraded[len(old.degraded) if old else 0 :]:
        yield "millrace.degraded", True
        yield "millrace.fallbacks", degraded[:MOST]


def _of_event(event: Any) -> Iterator[tuple[str, Told]]:
    """Of a question its passages and how it ended, of a document its chunks."""
    if isinstance(event, QuestionClosed):
        yield from _of_answer(event.answer)
        yield from _of_candidates(event.passages)
        yield "millrace.answer_ms", max(0, event.closed_at - event.carried.question.asked_at)
    elif isinstance(event, ChunksRetrieved):
        yield from _of_candidates(event.candidates)
    elif isinstance(event, GenerationRequested):
        yield from _of_candidates(event.candidates)
        yield "millrace.tier", event.tier
    elif isinstance(document := getattr(event, "document", None), DocumentVersion):
        yield from _of_document(document)
        yield "millrace.chunk.ids", _chunk_ids(event)
        if isinstance(event, DocumentIndexed) and event.last and not document.bulk:
            yield "millrace.searchable_ms", max(0, event.indexed_at - document.fed_at)


def _of_answer(answer: QuestionAnswered) -> Iterator[tuple[str, Told]]:
    yield "millrace.status", answer.status
    yield "millrace.tier", answer.tier
    yield "millrace.cached", answer.cached
    yield "millrace.citations", [each.chunk_id for each in answer.citations][:MOST]
    yield "gen_ai.usage.input_tokens", answer.usage.input_tokens
    yield "gen_ai.usage.output_tokens", answer.usage.output_tokens
    if answer.usage.cost is not None:
        yield "millrace.cost", answer.usage.cost


def _of_candidates(candidates: Sequence[Candidate]) -> Iterator[tuple[str, Told]]:
    yield "millrace.chunk.ids", [each.chunk_id for each in candidates][:MOST]
    yield "millrace.chunk.scores", [each.score for each in candidates][:MOST]


def _of_document(document: DocumentVersion) -> Iterator[tuple[str, Told]]:
    yield "millrace.tenant", document.tenant
    yield "millrace.document.id", document.doc_id
    yield "millrace.document.version", document.version
    yield "millrace.document.op", document.op


def _chunk_ids(event: Any) -> list[str]:
    if isinstance(event, DocumentIndexed):
        return event.chunk_ids[:MOST]
    if isinstance(event, DocumentChunked):
        return [each.chunk_id for each in event.chunks[:MOST]]
    if isinstance(event, DocumentEmbedded):
        return [each.chunk.chunk_id for each in event.chunks[:MOST]]
    return []


def _documents(candidates: Sequence[Candidate], signal: str) -> str:
    """As `gen_ai.retrieval.documents` has them; empty where this index gave none."""
    found = [
        {"id": each.chunk_id, "score": each.scores[signal]}
        for each in candidates
        if each.scores.get(signal, 0) > 0
    ]
    return json.dumps(found[:MOST]) if found else ""


def cost_of(used: ModelUsage) -> float | None:
    """In the price list's currency; None: nobody knows."""
    return None if used.cost_nanos is None else used.cost_nanos / NANOS
