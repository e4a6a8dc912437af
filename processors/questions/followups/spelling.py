"""A question of a session, spelled out by the turns before it: rules alone, no model.

Careful: a question of its own is left alone, and so is what cannot be told.
"""

from __future__ import annotations

from collections.abc import Sequence

from processors.ports import Turn
from processors.questions.followups import fragments, pointing
from processors.questions.followups.phrases import (
    PREPOSITIONS,
    phrases,
    tokens,
)
from processors.questions.followups.thin import completed, is_thin
from processors.questions.followups.topic import Topic, topic_of

LOOK_BACK = 3  # turns that are looked at for a list to count in
LONGEST = 400  # characters of a follow-up: longer ones say what they mean


def needs_answer(query: str) -> bool:
    """Whether it speaks of something in the former answer, not in the question."""
    if len(query) > LONGEST:
        return False
    return pointing.points_at_item(query) or pointing.shows(query)


def depends(query: str) -> bool:
    """Whether it leaves something out that only a turn before can tell."""
    if len(query) > LONGEST:
        return False
    text, led = fragments.bare(query)
    return (
        pointing.points_at_item(query)
        or pointing.points_back(text)
        or (fragments.is_fragment(text) and (led or _begins_within(text)))
        or is_thin(text, led=led)
    )


def spelled_out(query: str, turns: Sequence[Turn]) -> str:
    """The question in full; empty where it is one of its own, or cannot be told.

    `turns` are those before it, oldest first.
    """
    if not turns or len(query) > LONGEST:
        return ""
    if pointing.points_at_item(query):
        listed = next((t for t in reversed(turns[-LOOK_BACK:]) if len(t.items) > 1), None)
        return "" if listed is None else _tidy(pointing.with_item(query, listed.items), query)
    text, led = fragments.bare(query)
    asked = [turn for turn in turns[-LOOK_BACK:] if not _was_fragment(turn.query)]
    if not asked:
        return ""
    last = asked[-1]
    topic = _topic(text, asked)
    said = (
        fragments.conditional(text, topic)
        or fragments.asked_alone(text, topic)
        or _of_fragment(text, topic, led=led)
    )
    if not said and pointing.points_back(text):
        said = pointing.resolved(text, topic, last.said, last.titles)
    if not said and is_thin(text, led=led):
        said = completed(text, topic)
    return _tidy(said, query)


def _was_fragment(query: str) -> bool:
    """Whether a turn is a follow-up that could not be told: nothing can be taken from it."""
    text, led = fragments.bare(query)
    return led and fragments.is_fragment(text)


def _topic(text: str, turns: Sequence[Turn]) -> Topic:
    """What it is about: the turn before, or the last that had an identifier of its kind."""
    last = topic_of(turns[-1].query)
    kinds = {p.identifier for p in phrases(text)} - {""}
    if not kinds or not fragments.is_fragment(text):
        return last
    topics = [last, *(topic_of(turn.query) for turn in reversed(turns[-LOOK_BACK:-1]))]
    return next((t for t in topics if kinds & {p.identifier for p in t.phrases}), last)


def _of_fragment(text: str, topic: Topic, *, led: bool) -> str:
    if not fragments.is_fragment(text) or pointing.points_away(text):
        return ""
    return fragments.put(text, topic, led=led)


def _begins_within(text: str) -> bool:
    first = tokens(text)[0].key
    return first in PREPOSITIONS


def _tidy(said: str, query: str) -> str:
    """As a sentence; empty where it says no more than was asked."""
    said = " ".join(said.split())
    if not said or said.rstrip("?").casefold() == query.strip().rstrip("?").casefold():
        return ""
    return said[0].upper() + said[1:]
