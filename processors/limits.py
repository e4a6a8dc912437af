"""How much the fields of what people send may hold; `docs/limits.md` is this table.

What a field holds travels with every event that follows from it, so that one request or document
with too much of it would cost everybody. It is refused at the edge, by name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

SHOWN = 40  # characters of what was found that are shown
# They separate what keys are made of, and tell a terminal what to do.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Limit:
    """Of one field: `most` characters of a text, or entries of a map or list of such texts.

    A `plain` text, and each `key` of a map, has no control characters.
    """

    field: str
    most: int
    plain: bool = False
    key: int = 0  # characters of a map's key
    value: int = 0  # characters of an entry


LONGEST_TITLE = 1_000

LIMITS: Mapping[str, tuple[Limit, ...]] = {
    "DocumentFed": (
        Limit("doc_id", 512, plain=True),
        Limit("doc_type", 64, plain=True),
        Limit("title", LONGEST_TITLE),
        Limit("uri", 2_000, plain=True),
        Limit("metadata", 128, key=100, value=4_000),
    ),
    "QuestionAsked": (
        Limit("request_id", 200, plain=True),
        Limit("session_id", 200, plain=True),
        Limit("user", 200, plain=True),
        Limit("filters", 16, key=100, value=1_000),
    ),
    "FeedbackGiven": (
        Limit("request_id", 200, plain=True),
        Limit("comment", 8_000),
        Limit("correct_answer", 16_000),
        Limit("labels", 32, plain=True, value=100),
    ),
}


def exceeded(event: Any) -> list[str]:
    """What an event has too much of, or may not have, a sentence each."""
    found: list[str] = []
    for limit in LIMITS[type(event).__name__]:
        value: str | Collection[str] | None = getattr(event, limit.field)
        if isinstance(value, str):
            found += _of_text(value, limit)
        elif value:
            found += _of_many(value, limit)
    return found


def rows() -> Iterator[tuple[str, str, str]]:
    """The table: event, field, and what it may hold in words."""
    for event, limits in LIMITS.items():
        for limit in limits:
            plain = ", no control characters"
            if not limit.value:
                said = f"{limit.most:,} characters" + plain * limit.plain
            elif limit.key:
                said = f"{limit.most:,} keys of {limit.key:,} characters{plain}; "
                said += f"values of {limit.value:,}"
            else:
                said = f"{limit.most:,} of {limit.value:,} characters" + plain * limit.plain
            yield event, limit.field, said


def _of_text(text: str, limit: Limit) -> Iterator[str]:
    if len(text) > limit.most:
        yield _too_long(limit.field, len(text), limit.most)
    elif limit.plain and CONTROL.search(text):
        yield f"{limit.field} holds a control character: {_shown(text)}"


def _of_many(value: Collection[str], limit: Limit) -> Iterator[str]:
    """The first thing that is wrong: to name thousands would be a burden of its own."""
    field, each = limit.field, "key" if limit.key else "entry"
    if len(value) > limit.most:
        many = "keys" if limit.key else "entries"
        yield f"{field} has {len(value):,} {many}; at most {limit.most:,}"
        return
    longest = limit.key or limit.value
    for text in value:
        name = f"{field}: the {each} {_shown(text)}"
        if len(text) > longest:
            yield _too_long(name, len(text), longest)
            return
        if (limit.plain or limit.key) and CONTROL.search(text):
            yield f"{name} holds a control character"
            return
    if isinstance(value, dict):
        values = cast("dict[str, str]", value)
        for key, text in values.items():
            if len(text) > limit.value:
                yield _too_long(f"{field}: the value of {_shown(key)}", len(text), limit.value)
                return


def _too_long(name: str, length: int, most: int) -> str:
    return f"{name} has {length:,} characters; at most {most:,}"


def _shown(text: str) -> str:
    return repr(text[:SHOWN]) + "..." * (len(text) > SHOWN)
