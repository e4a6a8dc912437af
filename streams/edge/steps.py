"""What a trail tells of one event."""

from __future__ import annotations

from typing import Any

from streams.runtime.record import Record


def step_of(record: Record, event: Any) -> dict[str, Any]:
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    source = headers.get("ce_source", "")
    step: dict[str, Any] = {
        "timestamp": record.timestamp,
        "stage": source.removeprefix("/millrace/") or "(producer)",
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "event": type(event).__name__,
        "id": headers.get("ce_id", ""),
        "caused_by": headers.get("causationid", ""),
        "traceparent": headers.get("traceparent", ""),
        "summary": _summary(event),
        "decisions": _decisions(event),
    }
    if hasattr(event, "candidates"):
        step["candidates"] = [
            {
                "chunk_id": c.chunk_id,
                "doc_id": c.doc_id,
                "doc_version": c.doc_version,
                "score": c.score,
                "scores": c.scores,
            }
            for c in event.candidates
        ]
    timed = getattr(event, "carried", event)
    if hasattr(timed, "timings_ms"):
        step["timings_ms"] = timed.timings_ms
    return step


def _decisions(event: Any) -> dict[str, Any]:
    """What an event says, and what it carries, without what stands elsewhere in the trail."""
    datum: dict[str, Any] = event.to_avro()
    said = {**datum.pop("carried", {}), **datum}
    elsewhere = {"question", "candidates", "timings_ms", "value", "headers", "feedback", "closed"}
    if "passages" in said:
        said["passages"] = [each["chunk_id"] for each in said["passages"]]
        elsewhere.add("answer")  # the step before
    return {
        name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for name, value in said.items()
        if name not in elsewhere
    }


def _summary(event: Any) -> str:
    kind = type(event).__name__
    if kind == "QuestionAsked":
        return f"{event.tenant} asks: {event.query[:80]}"
    if kind == "QuestionAdmitted":
        return f"admitted, top_k {event.carried.question.top_k}"
    if kind == "QuestionRewritten":
        variants = event.carried.variants
        said = f"{len(variants)} variant(s): {' | '.join(variants)[:80]}"
        return f"understood as: {variants[0]}" if event.carried.asked and variants else said
    if kind == "ChunksRetrieved":
        return f"{len(event.candidates)} candidates from index {event.carried.versions.index}"
    if kind == "GenerationRequested":
        kept = f"{len(event.candidates)} candidates kept"
        return f"{kept}, tier {event.tier}, model {event.model}"
    if kind == "QuestionAnswered":
        said = event.answer[:80] if event.status == "answered" else "; ".join(event.reasons)
        return f"{event.status}: {said}"
    if kind == "QuestionClosed":
        return f"{event.answer.status} from {len(event.passages)} passage(s)"
    if kind == "FeedbackGiven":
        return f"rating {event.rating:+d} {event.comment or ''}".rstrip()
    if kind == "FeedbackJoined":
        return f"rating {event.feedback.rating:+d} on what was {event.closed.answer.status}"
    return f"dead letter of {event.stage}: {event.reason}"
