"""How much the fields of what people send may hold; `docs/limits.md` is this table.

What a field holds travels with every event that follows from it, so that one request or document
with too much of it would cost everybody. It is refused at the edge, by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


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
        Limit("acl", 256, plain=True, value=200),
        Limit("classes", 16, plain=True, value=64),
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
