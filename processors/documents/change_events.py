"""Debezium's change events as Connect writes them: a row before and after, and its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from processors.documents.avro_values import as_json, connect_schema
from processors.documents.debezium_values import decoded, struct_schema
from schemas import json_form
from streams.flow.errors import Reject

CHANGES = frozenset({"c", "r", "u", "d"})  # create, snapshot read, update, delete

# Of ExtractNewRecordState's `add.fields`: what says where in the log a change stands.
_ADDED = ("source_lsn", "source_ts_ms", "source_file", "source_pos", "source_ord")
_FLATTENED = (
    "say of it `delete.tombstone.handling.mode=rewrite` and `add.fields=op,source.lsn,source.ts_ms`"
)

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RowChange:
    """A change event as it came; `op` is empty for a tombstone."""

    op: str
    before: Row | None = None
    after: Row | None = None
    source: Row = field(default_factory=dict[str, object])


def row_change(value: bytes | None) -> RowChange:
    """The change event in a record's value, inside its schema's envelope or without.

    Raises:
        Reject: it is no such event; says why.
    """
    if value is None:
        return RowChange("")
    if value.startswith(b"\xc3\x01"):
        raise Reject(
            "the record is Avro by a fingerprint that only its writer knows; of Debezium JSON is "
            "read, and Avro through a registry"
        )
    return _change(*_payload(json_form.load(value)))


def avro_change(datum: object, schema: object) -> RowChange:
    """The change event in an Avro record, as Connect's Avro converters write it.

    Raises:
        Reject: it is no such event; says why.
    """
    return _change(as_json(datum), connect_schema(schema))


def _change(payload: object, schema: object) -> RowChange:
    if payload is None:
        return RowChange("")
    if not isinstance(payload, dict):
        raise Reject("a change event is a JSON object")
    event = cast("dict[str, object]", payload)
    if "__op" in event:
        return _flattened(event, schema)
    op = event.get("op")
    if not isinstance(op, str):
        raise Reject(
            "this is no Debezium change event: it has no field 'op'; where ExtractNewRecordState "
            f"flattens it, {_FLATTENED}"
        )
    if op == "t":
        raise Reject(
            "the table was truncated: `millrace cdc prune` deletes the documents of rows that are "
            "no more"
        )
    if op not in CHANGES and op != "m":
        raise Reject(f"field 'op' is {op[:20]!r}, but must be one of c, r, u, d")
    parts = {name: event.get(name) for name in ("before", "after", "source")}
    for name, part in parts.items():
        if part is not None and not isinstance(part, dict):
            raise Reject(f"field '{name}' must be an object or null")
    rows = cast("dict[str, Row | None]", parts)
    before, after = (
        cast("Row | None", decoded(rows[name], struct_schema(schema, name)))
        for name in ("before", "after")
    )
    return RowChange(op, before, after, rows["source"] or {})


def _flattened(event: Mapping[str, object], schema: object) -> RowChange:
    """A row that ExtractNewRecordState has taken out of its event, with what it adds."""
    op, added = event["__op"], {name: event.get(f"__{name}") for name in _ADDED}
    if not isinstance(op, str) or op not in CHANGES:
        raise Reject(f"field '__op' is {str(op)[:20]!r}, but must be one of c, r, u, d")
    row = cast("Row", decoded({**event}, schema))
    row = {name: value for name, value in row.items() if not name.startswith("__")}
    source = {name.removeprefix("source_"): value for name, value in added.items() if value}
    gone = op == "d" or event.get("__deleted") in (True, "true")
    return RowChange("d", row, None, source) if gone else RowChange(op, None, row, source)


def key_of(key: bytes | None) -> Row | None:
    """The columns in a record's key; None where it is Avro, whose columns the row has too.

    Raises:
        Reject: there is none, or it cannot be read.
    """
    if key is None:
        raise Reject(
            "the record has no key, so that the order of a row's changes is not kept: give the "
            "table a primary key, or the connector message.key.columns"
        )
    if key.startswith(b"\0"):
        return None
    try:
        columns, schema = _payload(json_form.load(key))
    except Reject as failure:
        raise Reject(f"the record's key cannot be read: {failure}") from None
    if not isinstance(columns, dict):
        raise Reject("the record's key must be a JSON object: give Connect its JsonConverter")
    return cast("dict[str, object]", decoded(cast("object", columns), schema))


def _payload(datum: Any) -> tuple[Any, Any]:
    """What a schema's envelope holds and the schema, or the datum itself where there is none."""
    if isinstance(datum, dict) and cast("dict[str, Any]", datum).keys() == {"schema", "payload"}:
        envelope = cast("dict[str, Any]", datum)
        return envelope["payload"], envelope["schema"]
    return cast("Any", datum), None
