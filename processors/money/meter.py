"""`meter`: each model call on a question's way, an event of its own, once it closed."""

from __future__ import annotations

from collections.abc import Iterator

from processors.places import LEARNING
from schemas import topics
from schemas.events import QuestionClosed, UsageRecorded
from streams.flow.outcome import Received
from streams.flow.stage import Stage, edge_stage


def meter(record: Received[QuestionClosed]) -> Iterator[UsageRecorded]:
    """One event a call. Its id follows from the closing event's own, which a replay has too.

    A question that was asked twice under one id closes twice and was paid for twice.
    """
    closed = record.event
    question = closed.carried.question
    cause = _id_of(record)
    for number, used in enumerate(closed.carried.usage):
        yield UsageRecorded(
            usage_id=f"{cause}/{number}",
            tenant=question.tenant,
            user=question.user,
            subject=question.request_id,
            used=used,
            at=closed.closed_at,
        )


def _id_of(record: Received[QuestionClosed]) -> str:
    for name, value in record.headers:
        if name == "ce_id" and value:
            return value.decode("ascii", "replace")
    return record.position


def stage() -> Stage:
    """`meter` in the topology."""
    return edge_stage(
        "meter",
        reads=topics.RAG_CLOSED,
        writes=topics.RAG_USAGE,
        make=lambda _: meter,
        dead_letters=topics.RAG_DLQ,
        place=LEARNING,
    )
