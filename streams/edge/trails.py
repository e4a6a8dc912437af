"""The trail of a question: every event about it, from the topics alone."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Consumer

from schemas import topics
from schemas.events import DeadLettered
from streams.edge.client import replay
from streams.flow.errors import Reject
from streams.flow.topic import Topic
from streams.runtime.codec import Codec
from streams.runtime.kafka import received
from streams.runtime.record import Record

# What `rekey` writes of these is left out: it says nothing new.
QUESTION_TOPICS: tuple[Topic[Any], ...] = (
    topics.RAG_REQUESTS,
    topics.RAG_ADMITTED,
    topics.RAG_REWRITTEN,
    topics.RAG_RETRIEVED,
    topics.RAG_GENERATE,
    topics.RAG_ANSWERS,
    topics.RAG_CLOSED,
    topics.RAG_FEEDBACK,
    topics.RAG_FEEDBACK_JOINED,
    topics.RAG_DLQ,
)


def trail_of(
    request_id: str, consumer: Consumer, codec: Codec, tenant: str | None = None
) -> list[dict[str, Any]]:
    """The events of a request in the order they were written, as JSON-ready maps.

    Reads the topics from their beginning: the log is the only source. A request without an id in
    its record is found by what its first event was caused by.
    """
    there = set(consumer.list_topics(timeout=10).topics)
    names: dict[str, Topic[Any]] = {}
    for topic in QUESTION_TOPICS:
        if topic.suffix is not None:
            family = [name for name in there if name.startswith(topic.name + ".")]
            names |= dict.fromkeys(family, topic)
        elif topic.name in there:
            names[topic.name] = topic
    wanted = request_id.encode()
    found: list[tuple[Record, Any]] = []
    requests: dict[bytes, tuple[Record, Any]] = {}
    causes: set[bytes] = set()
    for message in replay(consumer, list(names)):
        record = received(message)
        topic = names[record.topic]
        # The id stands in the bytes of each of its events: most records need no decoding.
        if topic is not topics.RAG_REQUESTS and wanted not in (record.value or b""):
            continue
        try:
            event = codec.decode(topic, record.value)
        except Reject:
            continue
        if topic is topics.RAG_REQUESTS and event.request_id != request_id:
            place = f"{record.topic}/{record.partition}/{record.offset}".encode()
            requests[dict(record.headers).get("ce_id") or place] = (record, event)
        elif _is_about(_subject(event, names, codec), request_id, tenant):
            found.append((record, event))
            causes.add(dict(record.headers).get("causationid") or b"")
    found += [
        requests[cause]
        for cause in causes
        if cause in requests and tenant in (None, requests[cause][1].tenant)
    ]
    flow = {topic.name: place for place, topic in enumerate(QUESTION_TOPICS)}
    found.sort(key=lambda pair: (pair[0].timestamp, flow[names[pair[0].topic].name]))
    return [_step(record, event) for record, event in found]


def _subject(event: Any, names: dict[str, Topic[Any]], codec: Codec) -> Any:
    """What says whose question an event is about; of a dead letter, what its original says."""
    if isinstance(event, DeadLettered):
        topic = names.get(event.topic)
        try:
            return (
                None if topic is None else _subject(codec.decode(topic, event.value), names, codec)
            )
        except Reject:  # unreadable, so nobody's in particular
            return None
    if hasattr(event, "carried"):
        return event.carried.question
    return getattr(event, "feedback", event)


def _is_about(subject: Any, request_id: str, tenant: str | None) -> bool:
    if subject is None:  # its bytes hold the id; whose it is cannot be told
        return tenant is None
    return subject.request_id == request_id and tenant in (None, subject.tenant)


def _step(record: Record, event: Any) -> dict[str, Any]:
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
        return f"{len(variants)} variant(s): {' | '.join(variants)[:80]}"
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
