"""A source's mapping held against the live table: what is wrong with it, and what one should know.

And a first mapping for a table that has none.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from processors.documents.databases import LiveColumn, LiveTable
from processors.documents.debezium import Column, DebeziumSource

_NAMING = ("text", "char", "citext", "int", "serial", "uuid", "name")
_BYTES = ("bytea", "blob", "binary", "image")
_LONG = ("text", "varchar", "character varying", "citext", "clob", "string")
_TITLES = ("title", "name", "subject", "headline")
_ADDRESSES = ("url", "uri", "link")
_TENANTS = ("tenant", "tenant_id")


def faults(source: DebeziumSource, table: LiveTable) -> list[str]:
    """Why rows of this table would not become documents, each in a sentence with its remedy."""
    missing = [*_missing(source, table)]
    return missing or [*_identity(source, table), *_kinds(source, table)]


def notes(source: DebeziumSource, table: LiveTable) -> list[str]:
    """What works, but not as one might expect."""
    outside = [name for name in source.text if (c := table.column(name)) and c.outside]
    if source.full or not outside:
        return []
    return [
        f"an update that leaves {_listed(outside)} alone may not say what it holds: then the "
        f"document stays as it was, its title and metadata too; {_full(table)} says all"
    ]


def proposed(database: str, table: LiveTable) -> dict[str, Any]:
    """A mapping to begin with, as `connectors.yaml` has it: its reader knows better."""
    columns = {each.name: each for each in table.columns}
    title = next((name for name in _TITLES if name in columns), None)
    uri = next((name for name in _ADDRESSES if name in columns), None)
    tenant = next((name for name in _TENANTS if name in table.key), None)
    key = [name for name in table.key if name != tenant]
    taken = {*table.key, title, uri}
    texts = [c.name for c in table.columns if c.name not in taken and _is(c, _LONG)]
    said: dict[str, Any] = {
        "database": database,
        "table": table.name,
        "tenant": {"column": tenant} if tenant else "default",
        "doc_id": key or "?",
        "text": texts or "?",
        "title": title,
        "uri": uri,
        "replica_identity": "full" if table.identity == "full" else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _used(source: DebeziumSource) -> Iterator[tuple[str, str]]:
    """Each column that the mapping names, with the field that names it."""
    for field in ("tenant", "doc_type", "version"):
        value: object = getattr(source, field)
        if isinstance(value, Column):
            yield field, value.name
    yield from (("doc_id", name) for name in source.doc_id)
    yield from (("text", name) for name in source.text)
    for field, name in (("title", source.title), ("uri", source.uri)):
        if name is not None:
            yield field, name
    yield from ((f"metadata.{field}", name) for field, name in source.metadata.items())


def _missing(source: DebeziumSource, table: LiveTable) -> Iterator[str]:
    names = [each.name for each in table.columns]
    for field, name in _used(source):
        if name in names:
            continue
        near = difflib.get_close_matches(name, names, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(names)}"
        yield f"'{field}' is column '{name}', which {table.name} does not have; {hint}"


def _identity(source: DebeziumSource, table: LiveTable) -> Iterator[str]:
    if not table.key:
        yield (
            f"{table.name} has no primary key, so that the changes of a row have no order: "
            f"ALTER TABLE {table.name} ADD PRIMARY KEY (...)"
        )
    if table.identity == "nothing":
        yield f"{table.name} logs nothing of deleted rows: {_full(table)}"
    elif source.full and table.identity != "full":
        yield (
            f"'replica_identity' is full, but {table.name} has {table.identity}: "
            f"ALTER TABLE {table.name} REPLICA IDENTITY FULL"
        )
    elif not source.full:
        for name in source.identity:
            if table.key and name not in table.key:
                yield (
                    f"column '{name}' says which document a row is, but is none of the primary key "
                    f"({', '.join(table.key)}), and only that is known of a deleted row: "
                    f"{_full(table)}"
                )
    for name in source.identity:
        column = table.column(name)
        if column is not None and not _is(column, _NAMING):
            yield (
                f"column '{name}' says which document a row is, but is {column.type}: it must be "
                "a text or a whole number"
            )


def _kinds(source: DebeziumSource, table: LiveTable) -> Iterator[str]:
    for name in source.text:
        column = table.column(name)
        binary = column is not None and _is(column, _BYTES)
        if binary and source.form != "base64":
            yield f"column '{name}' of 'text' holds bytes: say `form: base64` if they are files"
        if not binary and source.form == "base64" and column is not None:
            yield f"'form' is base64, but column '{name}' of 'text' is {column.type}: leave it out"
    if source.form == "base64" and len(source.text) > 1:
        yield "'form' is base64, which is of one file: 'text' must be one column"
    if isinstance(source.version, Column):
        column = table.column(source.version.name)
        if column is not None and "int" not in column.type:
            yield f"'version' is column '{column.name}', which is {column.type}: it must be an int"


def _is(column: LiveColumn, types: tuple[str, ...]) -> bool:
    return "[]" not in column.type and any(each in column.type.lower() for each in types)


def _listed(names: list[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)


def _full(table: LiveTable) -> str:
    said = f"ALTER TABLE {table.name} REPLICA IDENTITY FULL"
    return f"{said} with `replica_identity: full` of the source"


def mapping_of(source: DebeziumSource) -> Mapping[str, str]:
    """The fields of a document by the columns that fill them."""
    found: dict[str, list[str]] = {}
    for field, name in _used(source):
        found.setdefault(field, []).append(name)
    return {field: ", ".join(names) for field, names in found.items()}
