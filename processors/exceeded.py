"""What an event has too much of, by `limits`, in words for the one who sent it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, cast

from processors.limits import LIMITS, Limit

SHOWN = 40  # characters of what was found that are shown
# They separate what keys are made of, and tell a terminal what to do.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


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
