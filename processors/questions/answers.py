"""How a question ends: the one shape of it that answers, refusals, expiries and failures share."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

from processors.guard.personal import hidden
from processors.money.total import total
from processors.questions.carried import Carrying, degraded
from schemas.events import (
    AnswerStatus,
    Candidate,
    Carried,
    Citation,
    QuestionAnswered,
    QuestionAsked,
    QuestionClosed,
    Versions,
)
from streams.flow.outcome import Promise
from streams.flow.topic import To

Ended = QuestionAnswered | To | QuestionClosed
"""What a stage writes that ends a question."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def deadline(event: Carrying) -> int:
    """When this question's answer is of no more use, milliseconds since the epoch."""
    return event.carried.question.deadline_at


def close(
    carried: Carried,
    status: AnswerStatus,
    now: int,
    *,
    answer: str = "",
    passages: Sequence[Candidate] = (),
    citations: Sequence[Citation] = (),
    reasons: Sequence[str] = (),
    tier: str = "",
    model: str = "",
    cached: str = "",
) -> Iterator[Ended]:
    """The answer for who asked, a copy for the question's `reply_to`, and what closes it.

    `passages` are those that the answerer read. What the policy masks is masked here, whoever
    answers.
    """
    question = carried.question
    if kinds := carried.masked:
        answer = hidden(answer, kinds)
        citations = [replace(each, quote=hidden(each.quote, kinds)) for each in citations]
        reasons = [hidden(each, kinds) for each in reasons]
    answered = QuestionAnswered(
        request_id=question.request_id,
        tenant=question.tenant,
        status=status,
        answer=answer,
        citations=[*citations],
        reasons=[*reasons],
        degraded=carried.degraded,
        tier=tier,
        model=model,
        versions=carried.versions,
        usage=total(carried.usage),
        timings_ms=carried.timings_ms,
        answered_at=now,
        understood=question.query if carried.asked else "",
        cached=cached,
    )
    yield answered
    if question.reply_to:

        def without(reason: str) -> Iterator[Ended]:
            alone = replace(
                degraded(carried, f"reply_to: {reason}"), question=replace(question, reply_to=None)
            )
            return close(
                alone,
                status,
                now,
                answer=answer,
                passages=passages,
                citations=citations,
                reasons=reasons,
                tier=tier,
                model=model,
                cached=cached,
            )

        yield To(question.reply_to, answered, without)
    yield QuestionClosed(
        carried=carried, passages=[*passages], answer=answered, closed_at=answered.answered_at
    )


def settle(event: Carrying, status: str, reason: str) -> Iterator[Ended]:
    """What is owed to a question which is late or was dead-lettered."""
    return close(event.carried, cast("AnswerStatus", status), now_ms(), reasons=[reason])


def unproven(
    request_id: str, tenant: str, reason: str, versions: Versions
) -> Iterator[QuestionAnswered]:
    """The refusal of a request of which nobody knows whose it is: it is nobody's question."""
    yield _failed(request_id, tenant, "refused", reason, versions)


def settle_asked(
    event: QuestionAsked, status: str, reason: str, *, versions: Versions
) -> Iterable[QuestionAnswered]:
    """The answer to a request that never became a question, so that nothing is there to close."""
    if event.request_id:
        yield _failed(event.request_id, event.tenant, status, reason, versions)


def salvage(value: bytes, reason: str, *, versions: Versions) -> Iterable[QuestionAnswered]:
    """As `settle_asked`, for a request that cannot be read, where its `request_id` can."""
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
        yield _failed(request_id, name, "failed", reason, versions)


def _failed(
    request_id: str, tenant: str, status: str, reason: str, versions: Versions
) -> QuestionAnswered:
    return QuestionAnswered(
        request_id=request_id,
        tenant=tenant,
        status=cast("AnswerStatus", status),
        answer="",
        citations=[],
        reasons=[reason],
        degraded=[],
        tier="",
        model="",
        versions=versions,
        usage=total([]),
        timings_ms={},
        answered_at=now_ms(),
    )


def _is_text(value: str) -> bool:
    """Whether UTF-8 can say it: JSON may escape half of a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


PROMISE: Promise[Any, Any] = Promise(deadline, settle)
"""What each stage after `admit` owes to the one who asked."""
