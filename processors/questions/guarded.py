"""A question's search, as far as the policy in force lets it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from processors.guard.personal import masked
from processors.guard.ports import Policy
from processors.guard.sight import Permit, permit
from processors.ports import ChunkStore
from processors.questions.answers import Ended, close, now_ms
from processors.questions.carried import degraded
from processors.questions.followups.understanding import UNDERSTOOD
from schemas.events import Carried, ChunksRetrieved, QuestionRewritten
from streams.flow.errors import Reject, Retry

CLOSED = "retrieve: its session knows what may not be seen now, the question is taken as it stands"


def _nothing(permits: Sequence[Permit]) -> list[None]:
    return [None] * len(permits)


def guarded(
    questions: Sequence[QuestionRewritten],
    *,
    policy: Policy,
    searching: Callable[..., list[Sequence[ChunksRetrieved] | Reject | Retry]],
    served: Callable[[Sequence[Permit]], Sequence[Sequence[Ended] | None]] = _nothing,
    store: ChunkStore | None = None,
) -> list[Sequence[ChunksRetrieved | Ended] | Reject | Retry]:
    """`retrieve` as far as the policy lets each question; one that it refuses is answered so.

    `served` are those whose answer is known already. One that the answers of its session spelled
    out is taken as it stands, unless the `store` has all that those rest on and the policy shows it
    to who asks now."""
    permits = [permit(policy, question.carried) for question in questions]
    if store is not None:
        permits = [
            each if _stands(each, store) else permit(policy, _as_asked(each.carried))
            for each in permits
        ]
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


def _stands(permit: Permit, store: ChunkStore) -> bool:
    """Whether who asks may still see what the question was spelled out by."""
    rests = permit.carried.rests
    if not rests:
        return True
    try:
        there = store.fetch(permit.carried.question.tenant, rests)
    except Retry:
        return False
    return len(there) == len(rests) and all(permit.sight.shows([*there.values()]))


def _as_asked(carried: Carried) -> Carried:
    """The question without anything that its session made of it."""
    question = replace(carried.question, query=carried.asked)
    decisions = [each for each in carried.decisions if not each.startswith(UNDERSTOOD)]
    carried = replace(
        carried,
        question=question,
        asked="",
        variants=[carried.asked],
        rests=[],
        decisions=decisions,
    )
    return degraded(carried, CLOSED)


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
