"""A question's search, as far as the policy in force lets it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from processors.guard.personal import masked
from processors.guard.ports import Policy
from processors.guard.sight import Permit, permit
from processors.questions.answers import Ended, close, now_ms
from schemas.events import ChunksRetrieved, QuestionRewritten
from streams.flow.errors import Reject, Retry


def _nothing(permits: Sequence[Permit]) -> list[None]:
    return [None] * len(permits)


def guarded(
    questions: Sequence[QuestionRewritten],
    *,
    policy: Policy,
    searching: Callable[..., list[Sequence[ChunksRetrieved] | Reject | Retry]],
    served: Callable[[Sequence[Permit]], Sequence[Sequence[Ended] | None]] = _nothing,
) -> list[Sequence[ChunksRetrieved | Ended] | Reject | Retry]:
    """`retrieve` as far as the policy lets each question; one that it refuses is answered so.

    `served` are those whose answer is known already."""
    permits = [permit(policy, question.carried) for question in questions]
    asked = [each for each in permits if each.decision.allowed]
    answers = served(asked)
    allowed = [each for each, answer in zip(asked, answers, strict=True) if answer is None]
    found = iter(
        searching(
            [QuestionRewritten(carried=each.carried) for each in allowed],
            sights=[each.sight for each in allowed],
        )
        if allowed
        else ()
    )
    known = iter(answers)
    return [
        (next(known) or next(found)) if each.decision.allowed else [*_refused(each)]
        for each in permits
    ]


def _refused(permit: Permit) -> Iterator[Ended]:
    """The answer, without what is not to lie about in topics."""
    carried = permit.carried
    question = replace(carried.question, query=masked(carried.question.query))
    carried = replace(
        carried,
        question=question,
        variants=[],
        asked=masked(carried.asked),
        decisions=[masked(each) for each in carried.decisions],  # how it was understood is there
    )
    return close(carried, "refused", now_ms(), reasons=permit.decision.reasons)
