"""Values and schemas of Connect's Avro converters in the forms that its JSON converter gives them.

So that one reader knows what a date, a decimal or a text in bytes means.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, cast

from processors.documents.debezium_values import Encoded

_DEEPEST = 32


def as_json(datum: object) -> object:
    """A decoded Avro value; bytes in base64, what Avro itself knows to be a date as written."""
    if isinstance(datum, bytes):
        return base64.b64encode(datum).decode()
    if isinstance(datum, Decimal):
        return Encoded(str(datum), f"{datum:f}")
    if isinstance(datum, datetime):
        return Encoded(datum.isoformat(), f"{datum:%Y-%m-%d} {datum.time().isoformat()}")
    if isinstance(datum, date | time):
        return Encoded(datum.isoformat(), datum.isoformat())
    if isinstance(datum, dict):
        return {key: as_json(value) for key, value in cast("dict[str, object]", datum).items()}
    if isinstance(datum, list):
        return [as_json(each) for each in cast("list[object]", datum)]
    return datum


def connect_schema(schema: object) -> object:
    """A writer's Avro schema as Connect's JSON has it: structs, fields, and the types' names."""
    return _converted(schema, {}, 0)


def _converted(schema: object, known: dict[str, object], depth: int) -> object:
    if depth > _DEEPEST:
        return None
    if isinstance(schema, list):  # an optional value: null and what it is otherwise
        others = [each for each in cast("list[object]", schema) if each != "null"]
        return _converted(others[0], known, depth + 1) if len(others) == 1 else None
    if isinstance(schema, str):
        return known.get(schema.rpartition(".")[2], {"type": schema})
    if not isinstance(schema, dict):
        return None
    said = cast("dict[str, Any]", schema)
    kind = said.get("type")
    named: dict[str, Any] = {"type": kind, "name": said.get("connect.name")}
    named["parameters"] = _parameters(said)
    if kind == "record":
        fields = cast("list[Mapping[str, Any]]", said.get("fields") or [])
        named["type"] = "struct"
        known[str(said.get("name")).rpartition(".")[2]] = named
        named["fields"] = [
            {**_of_field(_converted(each.get("type"), known, depth + 1)), "field": each.get("name")}
            for each in fields
        ]
    elif kind == "array":
        named["items"] = _converted(said.get("items"), known, depth + 1)
    elif kind == "map":
        named["values"] = _converted(said.get("values"), known, depth + 1)
    elif isinstance(kind, dict | list):
        return _converted(cast("object", kind), known, depth + 1)
    return named


def _of_field(schema: object) -> dict[str, Any]:
    return cast("dict[str, Any]", schema) if isinstance(schema, dict) else {}


def _parameters(said: Mapping[str, Any]) -> Mapping[str, Any]:
    found = said.get("connect.parameters")
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else {}
