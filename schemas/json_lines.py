"""JSON as a line that any terminal and any reader of lines takes as it is meant."""

from __future__ import annotations

import json
import re

# What moves a terminal's cursor, renames its window or pastes; what turns the direction of what
# follows, so that it reads as something else; and what some readers take for the end of a line.
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_ESCAPED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def as_line(value: object) -> str:
    """JSON on one line; what would steer a terminal is said as an escape, and reads the same."""
    written = json.dumps(value, ensure_ascii=False, default=str)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def visible(text: str) -> str:
    """Text in which what would steer a terminal is its number."""
    return STEERING.sub(_number, text)


def _number(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
