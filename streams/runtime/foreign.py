"""Schemas that others registered: what one must not be, however well-formed.

Who may register a schema may write one whose records cannot be read in bounded time or memory: an
array whose items take no bytes holds as many as it says, and types that hold themselves nest as
deep as a record says. None of ours is such, so none that resolves to ours need be.
"""

from __future__ import annotations

from typing import Any, cast

from streams.flow.errors import Reject

MOST_TYPES = 2_000
DEEPEST = 32


def check(schema: object) -> None:
    """Nothing, if records of this schema can be read safely.

    Raises:
        Reject: they cannot; says why.
    """
    _Walk().visit(schema, 0, ())


class _Walk:
    """One walk over a schema; `named` knows whether a value of a named type may take no bytes."""

    def __init__(self) -> None:
        self._seen = 0
        self._named: dict[str, bool] = {}

    def visit(self, node: object, depth: int, inside: tuple[str, ...]) -> bool:
        """Whether a value of this type may take no bytes."""
        self._seen += 1
        if depth > DEEPEST or self._seen > MOST_TYPES:
            raise Reject(
                f"its schema has more than {MOST_TYPES:,} types, or {DEEPEST} inside another"
            )
        if isinstance(node, list):
            for each in cast("list[object]", node):
                self.visit(each, depth + 1, inside)
            return False  # which of them it is takes a byte
        if not isinstance(node, dict):
            return self._reference(str(node), inside)
        declared = cast("dict[str, Any]", node)
        kind = declared.get("type")
        if kind in ("array", "map"):
            nothing = self.visit(
                declared.get("items" if kind == "array" else "values"), depth + 1, inside
            )
            if nothing and kind == "array":
                raise Reject("its schema has an array whose items take no bytes")
            return False
        if kind in ("record", "error"):
            return self._record(declared, depth, inside)
        if kind == "fixed":
            return self._define(declared, not declared.get("size"))
        if kind == "enum":
            return self._define(declared, nothing=False)
        return self.visit(kind, depth + 1, inside)

    def _record(self, declared: dict[str, Any], depth: int, inside: tuple[str, ...]) -> bool:
        name = _short(declared.get("name"))
        fields: list[dict[str, Any]] = declared.get("fields") or []
        within = (*inside, name)
        sizes = [self.visit(field.get("type"), depth + 1, within) for field in fields]
        return self._define(declared, all(sizes))

    def _define(self, declared: dict[str, Any], nothing: bool) -> bool:
        name = _short(declared.get("name"))
        if name in self._named:
            raise Reject(f"its schema defines {name[:60]} twice")
        self._named[name] = nothing
        return nothing

    def _reference(self, name: str, inside: tuple[str, ...]) -> bool:
        if name == "null":
            return True
        if _short(name) in inside:
            raise Reject(f"its schema's {name[:60]} holds itself")
        return self._named.get(_short(name), False)


def _short(name: object) -> str:
    """Without its namespace, which may be given in several ways."""
    return str(name).rpartition(".")[2]
