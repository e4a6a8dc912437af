"""In what one Avro schema differs from another, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Named = dict[str, dict[str, Any]]
_ABSENT = object()


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What changed from one self-contained schema to another, type by type; documentation aside."""
    before, after = _named(old), _named(new)
    found = [f"{name}: removed" for name in before if name not in after]
    for name, each in after.items():
        if name not in before:
            found.append(f"{name}: added")
        elif each["type"] != before[name]["type"]:
            found.append(f"{name}: {before[name]['type']} became {each['type']}")
        elif each["type"] == "record":
            found += [f"{name}.{said}" for said in _fields(before[name], each)]
        else:
            found += [f"{name}: {said}" for said in _symbols(before[name], each)]
    return found


def _fields(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    before = {field["name"]: field for field in old["fields"]}
    after = {field["name"]: field for field in new["fields"]}
    yield from (f"{name}: removed" for name in before if name not in after)
    for name, field in after.items():
        default = field.get("default", _ABSENT)
        told = "no default" if default is _ABSENT else f"default {json.dumps(default)}"
        if name not in before:
            yield f"{name}: added, {_type(field['type'])}, {told}"
            continue
        former = before[name]
        if _type(former["type"]) != _type(field["type"]):
            yield f"{name}: {_type(former['type'])} became {_type(field['type'])}"
        if former.get("default", _ABSENT) != default:
            yield f"{name}: now {told}"


def _symbols(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    before, after = old.get("symbols", []), new.get("symbols", [])
    yield from (f"{symbol} removed" for symbol in before if symbol not in after)
    yield from (f"{symbol} added" for symbol in after if symbol not in before)


def _named(schema: Any) -> Named:
    """Every record and enum of a self-contained schema by its short name."""
    found: Named = {}

    def visit(node: Any) -> None:
        if isinstance(node, list):
            for each in node:  # pyright: ignore[reportUnknownVariableType]
                visit(each)
        elif isinstance(node, dict):
            if "name" in node and node.get("type") in ("record", "enum", "fixed"):  # pyright: ignore
                found[_short(str(node["name"]))] = node  # pyright: ignore
            for key in ("type", "items", "values"):
                visit(node.get(key))  # pyright: ignore
            for field in node.get("fields", ()):  # pyright: ignore
                visit(field["type"])

    visit(schema)
    return found


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _type(node: Any) -> str:
    """A type as a person writes it: `string`, `null | long`, `array of Citation`."""
    if isinstance(node, str):
        return _short(node)
    if isinstance(node, list):
        return " | ".join(_type(each) for each in node)  # pyright: ignore[reportUnknownVariableType]
    if node["type"] == "array":
        return f"array of {_type(node['items'])}"
    if node["type"] == "map":
        return f"map of {_type(node['values'])}"
    return _short(str(node["name"])) if "name" in node else _type(node["type"])
