"""A stage's processor in this process, without Kafka: events in, events out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas.events import Question, QuestionRewritten
from streams.flow.outcome import Received
from streams.flow.stage import Stage
from streams.runtime.processing import now_ms


def through(stage: Stage, events: Sequence[Any], offset: int = 0) -> list[Any]:
    """What the stage makes of these events, which stand in one partition from `offset` on.

    Raises:
        Reject, Retry: what the processor says of one of them.
    """
    now = now_ms()
    received = [
        Received(each, stage.reads.name, 0, at, now, b"key")
        for at, each in enumerate(events, offset)
    ]
    made: list[Any] = []
    for outcome in stage.run(received):
        if isinstance(outcome, Exception):
            raise outcome
        made += outcome
    return made


def to_search(request_id: str, tenant: str, query: str, top_k: int = 1) -> QuestionRewritten:
    """A question as `retrieve` takes it, of no deadline."""
    question = Question(
        request_id=request_id,
        tenant=tenant,
        query=query,
        session_id=None,
        user=None,
        filters={},
        top_k=top_k,
        deadline_at=2**62,
        reply_to=None,
        asked_at=0,
    )
    return QuestionRewritten(question=question, variants=[query], degraded=[], timings_ms={})
