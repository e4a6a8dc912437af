"""How a question ends: the one shape of answer that refusals, expiries and failures share."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from functools import partial
from typing import Any, cast

from processors.questions.usage import NOTHING
from schemas.events import (
    AnswerStatus,
    ChunksReranked,
    ChunksRetrieved,
    GenerationRequested,
    Question,
    QuestionAdmitted,
    QuestionAnswered,
    QuestionAsked,
    QuestionRewritten,
    Usage,
    Versions,
)
from streams.flow.outcome import Promise
from streams.flow.topic import To

Asked = (
    QuestionAdmitted | QuestionRewritten | ChunksRetrieved | ChunksReranked | GenerationRequested
)
Answers = Iterable[QuestionAnswered | To]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def deadline(event: Asked) -> int:
    """When this question's answer is of no more use, milliseconds since the epoch."""
    return event.question.deadline_at


def ended(
    request_id: str,
    tenant: str,
    status: AnswerStatus,
    reason: str,
    versions: Versions,
    *,
    degraded: list[str] | None = None,
    timings_ms: dict[str, float] | None = None,
    usage: Usage | None = None,
) -> QuestionAnswered:
    """An answer without an answer: why this question has none."""
    return QuestionAnswered(
        request_id=request_id,
        tenant=tenant,
        status=status,
        answer="",
        citations=[],
        reasons=[reason],
        degraded=degraded or [],
        tier="",
        model="",
        versions=versions,
        usage=usage or NOTHING,
        timings_ms=timings_ms or {},
        answered_at=now_ms(),
    )


def with_reply(question: Question, answer: QuestionAnswered) -> Answers:
    """The answer, and a copy to the question's `reply_to` where it names one."""
    yield answer
    if question.reply_to:
        yield To(question.reply_to, answer)


def settle(event: Asked, status: str, reason: str, *, versions: Versions) -> Answers:
    """The answer that is owed to a question which is late or was dead-lettered."""
    answer = ended(
        event.question.request_id,
        event.question.tenant,
        cast("AnswerStatus", status),
        reason,
        versions,
        degraded=event.degraded,
        timings_ms=dict(event.timings_ms),
        usage=None if isinstance(event, QuestionAdmitted) else event.usage,
    )
    return with_reply(event.question, answer)


def settle_asked(event: QuestionAsked, status: str, reason: str, *, versions: Versions) -> Answers:
    """As `settle`, for a question that was refused a place in the pipeline."""
    if event.request_id:
        yield ended(event.request_id, event.tenant, cast("AnswerStatus", status), reason, versions)


def salvage(value: bytes, reason: str, *, versions: Versions) -> Answers:
    """A `failed` answer for a request that cannot be read, where its `request_id` can."""
    try:
        datum: object = json.loads(value)
    except (ValueError, RecursionError):
        return
    if not isinstance(datum, dict):
        return
    fields = cast("dict[str, object]", datum)
    request_id, tenant = fields.get("request_id"), fields.get("tenant")
    if isinstance(request_id, str) and 0 < len(request_id) <= 200 and _is_text(request_id):
        name = tenant if isinstance(tenant, str) and len(tenant) <= 100 else ""
        name = name if _is_text(name) else ""
        yield ended(request_id, name, "failed", reason, versions)


def _is_text(value: str) -> bool:
    """Whether UTF-8 can say it: JSON may escape half of a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def promise(versions: Versions) -> Promise[Any, Any]:
    """What each stage after `admit` owes to the one who asked."""
    return Promise(deadline, partial(settle, versions=versions))
