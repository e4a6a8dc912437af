"""Enough of JSON Schema for the schemas that are rendered here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
}


def problems(schema: dict[str, Any], value: Any) -> list[str]:
    """Paths of what the schema does not allow, or misses."""
    return [*_problems(schema, value, "")]


def _problems(schema: dict[str, Any], value: Any, at: str) -> Iterator[str]:
    kind = TYPES[schema["type"]] if "type" in schema else object
    if not isinstance(value, kind):
        yield at
        return
    if "enum" in schema and value not in schema["enum"]:
        yield at
    if "not" in schema and value in schema["not"]["enum"]:
        yield at
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield at
    if value_below(schema, value):
        yield at
    if isinstance(value, dict):
        known = schema.get("properties", {})
        more = schema.get("additionalProperties", True)
        yield from (_join(at, name) for name in schema.get("required", ()) if name not in value)
        for name, inner in value.items():
            if name in known or isinstance(more, dict):
                yield from _problems(known.get(name, more), inner, _join(at, name))
            elif not more:
                yield _join(at, name)
    if isinstance(value, list) and "items" in schema:
        for number, inner in enumerate(value):
            yield from _problems(schema["items"], inner, f"{at}[{number}]")


def value_below(schema: dict[str, Any], value: Any) -> bool:
    if isinstance(value, str):
        return len(value) < schema.get("minLength", 0)
    if isinstance(value, (list, dict)):
        return len(value) < max(schema.get("minItems", 0), schema.get("minProperties", 0))
    if isinstance(value, bool):
        return False
    return "minimum" in schema and value < schema["minimum"]


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
