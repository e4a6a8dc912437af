"""`remember`: what a session asked and was answered, so that its next question may refer to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Never

from processors.needs import SESSIONS
from processors.places import QUESTIONS
from processors.ports import Sessions, Turn
from processors.questions.session import LONGEST
from schemas import topics
from schemas.events import QuestionClosed
from streams.flow.errors import Retry
from streams.flow.port import Opened
from streams.flow.stage import Stage, record_stage
from streams.flow.topic import nothing

LONGEST_ANSWER = 2_000  # characters
MOST_ITEMS, LONGEST_ITEM = 20, 200
MOST_TITLES, LONGEST_TITLE = 3, 200
MOST_RESTS = 200  # chunks, those of this turn first
# An outage holds turns up, not for ever: who asks on after that has told it anew.
PATIENCE_MS = 10 * 60 * 1000
_MARK = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,2}[.)]|[a-z][.)])\s+")  # noqa: RUF001


def remember(
    event: QuestionClosed, *, sessions: Sessions, now: Callable[[], int]
) -> Iterator[Never]:
    """Keep the turn, where it is one of a session. Writes no event.

    What was refused is no turn: nothing is to be taken up of what may not be asked.
    """
    question = event.carried.question
    if question.session_id is not None and event.answer.status != "refused":
        try:
            sessions.note(question.tenant, question.session_id, turn_of(event))
        except Retry:
            if now() - event.closed_at < PATIENCE_MS:
                raise
    return iter(())


def turn_of(event: QuestionClosed) -> Turn:
    """As much of a closed question as the next one may refer to."""
    question, answer = event.carried.question, event.answer
    chunks = {passage.chunk_id: passage.title for passage in event.passages}
    cited = [each.chunk_id for each in answer.citations]
    titles = dict.fromkeys(chunks.get(each, "") for each in cited)
    return Turn(
        request_id=question.request_id,
        user=question.user or "",
        asked_at=question.asked_at,
        asked_offset=question.asked_offset,
        at=event.closed_at,
        query=question.query[:LONGEST],
        status=answer.status,
        said=answer.answer[:LONGEST_ANSWER],
        items=tuple(item[:LONGEST_ITEM] for item in items_of(answer.answer)[:MOST_ITEMS]),
        titles=tuple(title[:LONGEST_TITLE] for title in titles if title)[:MOST_TITLES],
        rests=tuple(dict.fromkeys((*cited, *event.carried.rests)))[:MOST_RESTS],
    )


def items_of(answer: str) -> list[str]:
    """What an answer lists, in its order: its marked lines, or else the lines of a block."""
    lines = [line for line in answer.splitlines() if line.strip()]
    marked = [line for line in lines if _MARK.match(line)]
    found = marked if len(marked) > 1 else lines[1:] if len(lines) > 2 else []
    return [_MARK.sub("", line, count=1).strip() for line in found]


def stage(now: Callable[[], int]) -> Stage:
    """`remember` in the topology; beside the questions, whose next one waits for it."""

    def make(opened: Opened):
        return partial(remember, sessions=opened[SESSIONS], now=now)

    return record_stage(
        "remember",
        reads=topics.RAG_CLOSED,
        writes=nothing(),
        make=make,
        dead_letters=topics.RAG_DLQ,
        place=QUESTIONS,
        needs=[SESSIONS],
    )
