"""Formats of text: JSON, Markdown's title."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from connectors.converters.errors import Unreadable

MOST_PATHS = 64 << 20
_TITLES = ("title", "name", "id")


def title_of(body: str, fallback: str) -> str:
    """The first top heading, which the chunker then sees as the document's name."""
    for line in body.splitlines()[:50]:
        if line.startswith("# "):
            return line[2:].strip()
    return fallback


def json_lines(text: str) -> tuple[str, str]:
    """`path: value` lines of a JSON text, a blank line between its top entries; and its title.

    Numbers stay as they are written.

    Raises:
        ValueError, RecursionError: it is no JSON.
        Unreadable: its paths are too long to be said with each value.
    """
    datum: Any = json.loads(text, parse_int=str, parse_float=str)
    title = ""
    if isinstance(datum, dict):
        fields = cast("dict[str, Any]", datum)
        title = next((v for k in _TITLES if isinstance(v := fields.get(k), str)), "")
    lines: list[str] = []
    last = ""
    for path, value in _leaves(datum):
        record = _record_of(path)
        if lines and record != last and (record or last):
            lines.append("")
        last = record
        lines.append(f"{path or 'value'}: {value}")
    return "\n".join(lines), title


def _record_of(path: str) -> str:
    """What a path's value belongs with: `items[3]` of `items[3].name`; nothing for a bare name."""
    if "[" in path:
        return path[: path.index("]") + 1] if "]" in path else path
    return path.partition(".")[0] if "." in path else ""


def _leaves(datum: Any) -> Iterator[tuple[str, str]]:
    """Paths and values in order; iterative, so that depth costs no stack."""
    todo: list[tuple[str, Any]] = [("", datum)]
    written = 0  # characters of all paths
    while todo:
        path, value = todo.pop()
        written += len(path) * len(value) if isinstance(value, dict | list) else 0  # pyright: ignore
        if written > MOST_PATHS:
            raise Unreadable(
                "too_large",
                f"has paths of more than {MOST_PATHS:,} characters: a long name above many values",
            )
        if isinstance(value, dict) and value:
            items = cast("dict[str, Any]", value).items()
            dot = "." if path else ""
            todo.extend((f"{path}{dot}{key}", each) for key, each in reversed(items))
        elif isinstance(value, list) and value:
            entries = cast("list[Any]", value)
            numbered = list(enumerate(entries))
            todo.extend((f"{path}[{i}]", each) for i, each in reversed(numbered))
        elif isinstance(value, str):
            if value.strip():
                yield path, " ".join(value.split()) if "\n" not in value.strip() else value.strip()
        else:
            yield path, json.dumps(value)
