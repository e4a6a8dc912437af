"""The Avro schemas of `schemas/avro`, read once, each made self-contained."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from fastavro import schema as avro_schema

# fastavro's stubs leave much unknown; what is used of it is typed here.
_avro: Any = avro_schema

FOLDER = Path(__file__).parent / "avro"
NAMESPACE = "io.millrace"


def names() -> list[str]:
    """Short names of all types, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.avsc"))


def declaration(name: str) -> dict[str, Any]:
    """One file as it stands, with references to other types unresolved."""
    return json.loads((FOLDER / f"{name}.avsc").read_text(encoding="utf-8"))


def references(node: Any) -> list[str]:
    """Short names of the Millrace types that a schema refers to, in order of appearance."""
    if isinstance(node, str):
        prefix, _, short = node.rpartition(".")
        return [short] if prefix == NAMESPACE else []
    if isinstance(node, list):
        return [name for item in node for name in references(item)]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(node, dict):
        parts = (node.get("type"), node.get("items"), node.get("values"), node.get("fields"))  # pyright: ignore
        return [name for part in parts for name in references(part)]  # pyright: ignore
    return []


def in_dependency_order() -> list[str]:
    """All names, each after what it refers to."""
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name not in ordered:
            for other in references(declaration(name)):
                visit(other)
            ordered.append(name)

    for name in names():
        visit(name)
    return ordered


@cache
def self_contained(name: str) -> dict[str, Any]:
    """The schema with each type it refers to spelled out where it first appears."""
    seen: set[str] = set()

    def expand(node: Any) -> Any:
        if isinstance(node, str) and node.startswith(NAMESPACE + "."):
            short = node.removeprefix(NAMESPACE + ".")
            return node if short in seen else expand(declaration(short))
        if isinstance(node, list):
            return [expand(item) for item in node]  # pyright: ignore[reportUnknownVariableType]
        if isinstance(node, dict):
            if node.get("type") in ("record", "enum"):  # pyright: ignore[reportUnknownMemberType]
                seen.add(str(node["name"]))  # pyright: ignore[reportUnknownArgumentType]
            typed = ("type", "items", "values", "fields")
            return {k: expand(v) if k in typed else v for k, v in node.items()}  # pyright: ignore
        return node

    return expand(declaration(name))


@cache
def parsed(name: str) -> Any:
    """The schema as fastavro wants it."""
    return parse(self_contained(name))


@cache
def fingerprint(name: str) -> bytes:
    """CRC-64-AVRO of the parsing canonical form, 8 bytes little endian (Avro 1.11, single-object
    encoding)."""
    canonical = _avro.to_parsing_canonical_form(self_contained(name))
    return bytes.fromhex(_avro.fingerprint(canonical, "CRC-64-AVRO"))


def parse(schema: dict[str, Any]) -> Any:
    """A self-contained schema as fastavro wants it."""
    return _avro.parse_schema(schema, named_schemas={})
