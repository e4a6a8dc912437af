"""A question in its session: what it leaves out comes from the turns before."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from processors.money.paying import Paying
from processors.ports import Sessions, Turn
from processors.questions.carried import decided, degraded
from processors.questions.followups.spelling import depends, needs_answer, spelled_out
from processors.questions.session import LONGEST, Session, session_of
from schemas.events import Carried
from streams.flow.errors import Retry

AWAY = "rewrite: the session is not known, the question is taken as it stands"
UNNOTED = "rewrite: the session does not keep this question"
LATE = "rewrite: the answer before is not known yet, the question is taken as it stands"
BY_RULES = "rewrite: the model did not spell the question out, rules did"
UNDERSTOOD = "rewrite: understood as: "
SHOWN = 4  # turns that a model sees
_LONGEST = 600  # characters of what a model makes of a question, and of each answer it sees
_TOKENS = 120
_FIGURE = re.compile(r"\d[\d.,:/-]*\d|\d")

Filled = Callable[[str, str], tuple[str, str]]
"""A prompt's two messages, of the turns before and the question."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """A model that may spell follow-ups out; without a prompt it is not asked."""

    paying: Paying
    filled: Filled | None


def in_session(
    carried: Carried, sessions: Sessions, asking: Spelling | None, now: Callable[[], int]
) -> Carried:
    """The question as its session spells it out, kept there for the next.

    One of no session stays as it is. Where the session cannot be told, so does this, and
    `degraded` says so.
    """
    question = carried.question
    if question.session_id is None:
        return carried
    try:
        session = session_of(sessions, question, now)
        carried = _spelled(carried, session, asking)
    except Retry:
        return degraded(carried, AWAY)
    try:
        session.note(carried.question.query, carried.rests)
    except Retry:
        return degraded(carried, UNNOTED)
    return carried


def _spelled(carried: Carried, session: Session, asking: Spelling | None) -> Carried:
    query = carried.question.query
    if session.understood:  # it comes again
        return _as(carried, session.understood if len(query) <= LONGEST else query, session)
    if session.last is None:
        return carried
    if needs_answer(query):
        last = session.answered()
        if last is not None and not last.status:
            carried = degraded(carried, LATE)
    by_rules = spelled_out(query, session.turns)
    if not by_rules and not depends(query):
        return carried
    said = ""
    if asking is not None and asking.filled is not None:
        carried, said = _by_model(carried, session.turns, asking, asking.filled)
        carried = carried if said else degraded(carried, BY_RULES)
    said = said or by_rules
    if not said or said.casefold() == query.casefold():
        return decided(carried, "rewrite: nothing before it tells what is left out")
    return _as(carried, said, session)


def _as(carried: Carried, said: str, session: Session) -> Carried:
    """The question, understood so; what was answered before it may be a part of that."""
    query = carried.question.query
    if said == query:
        return carried
    carried = decided(carried, f"{UNDERSTOOD}{said}")
    question = replace(carried.question, query=said)
    return replace(carried, asked=query, question=question, rests=session.rests)


def _by_model(
    carried: Carried, turns: Sequence[Turn], asking: Spelling, filled: Filled
) -> tuple[Carried, str]:
    """What a model makes of it; empty where that is nothing, or has figures of its own."""
    query = carried.question.query
    shown = "\n".join(
        f"Question: {t.query}\nAnswer: {t.said[:_LONGEST] or '(none)'}" for t in turns[-SHOWN:]
    )
    system, user = filled(shown, query)
    try:
        carried, made = asking.paying.complete(
            carried, "followup", system, user, most_tokens=_TOKENS
        )
    except Retry:
        return carried, ""
    said = " ".join(made.text.split()).strip("\"'` ")
    known = {*_FIGURE.findall(f"{shown} {query}")}
    if not 0 < len(said) <= _LONGEST or not {*_FIGURE.findall(said)} <= known:
        return carried, ""
    return carried, said
