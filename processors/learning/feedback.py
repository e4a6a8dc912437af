"""`feedback`: joins feedback with the closed question it is about, whichever comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from processors.places import LEARNING
from schemas import topics
from schemas.events import FeedbackGiven, FeedbackJoined, FeedbackState, QuestionClosed
from streams.flow.errors import Reject
from streams.flow.stage import Stage, state_stage
from streams.flow.state import State, Store
from streams.flow.topic import inputs

MOST_WAITING = 50  # each is written with the whole closed question once that comes

QUESTIONS = Store("questions", topics.RAG_FEEDBACK_STATE, unmet=lambda entry: len(entry.waiting))


def join(
    event: QuestionClosed | FeedbackGiven,
    state: State[FeedbackState],
    now: Callable[[], int],
) -> Iterator[FeedbackJoined]:
    """Every feedback once, with the first that closed its question.

    What comes first is kept: feedback until its question closes, a closed question for as long as
    feedback may come. Feedback on a question that never closes goes with its entry.

    Raises:
        Reject: more feedback waits for this question already than anybody can mean.
    """
    held = state.get()
    closed, waiting = (None, []) if held is None else (held.closed, held.waiting)
    if isinstance(event, QuestionClosed):
        if closed is not None:  # asked twice under one id, while nobody could tell
            return
        question = event.carried.question
        state.put(
            FeedbackState(tenant=question.tenant, request_id=question.request_id, closed=event)
        )
        for each in waiting:
            yield FeedbackJoined(feedback=each, closed=event, joined_at=now())
    elif closed is not None:
        yield FeedbackJoined(feedback=event, closed=closed, joined_at=now())
    elif len(waiting) >= MOST_WAITING:
        raise Reject(
            f"{MOST_WAITING} feedbacks wait for question '{event.request_id}', which is not known"
        )
    else:
        first = FeedbackState(tenant=event.tenant, request_id=event.request_id)
        state.put(replace(held or first, waiting=[*waiting, event]))


def stage(now: Callable[[], int]) -> Stage:
    """`feedback` in the topology."""
    return state_stage(
        "feedback",
        reads=inputs(topics.RAG_CLOSED_REQUESTS, topics.RAG_FEEDBACK_REQUESTS),
        store=QUESTIONS,
        writes=topics.RAG_FEEDBACK_JOINED,
        make=lambda _: lambda record, state: join(record.event, state, now),
        dead_letters=topics.RAG_DLQ,
        place=LEARNING,
    )
