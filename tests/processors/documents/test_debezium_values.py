"""Values of a database's feed, by the schema that stands beside them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from streams.flow.errors import Reject
from tests.processors.documents.test_debezium import changes, event, source


def _field(name: str, kind: str, semantic: str = "", **parameters: str) -> dict[str, Any]:
    said: dict[str, Any] = {"field": name, "type": kind, "optional": True}
    said |= {"name": semantic} if semantic else {}
    return said | ({"parameters": parameters} if parameters else {})


DECIMAL = "org.apache.kafka.connect.data.Decimal"
VALUES = [
    (_field("v", "bytes", DECIMAL, scale="2"), base64.b64encode(b"\x09\x29").decode(), "23.45"),
    (_field("v", "bytes", DECIMAL, scale="2"), base64.b64encode(b"\xff\x9c").decode(), "-1.00"),
    (_field("v", "bytes", DECIMAL, scale="0"), base64.b64encode(b"\x00" * 3).decode(), "0"),
    (
        _field("v", "struct", "io.debezium.data.VariableScaleDecimal"),
        {"scale": 3, "value": base64.b64encode(b"\x07\xd5").decode()},
        "2.005",
    ),
    (_field("v", "int32", "io.debezium.time.Date"), 19_000, "2022-01-08"),
    (_field("v", "int32", "org.apache.kafka.connect.data.Date"), -1, "1969-12-31"),
    (_field("v", "int32", "io.debezium.time.Time"), 45_015_000, "12:30:15"),
    (_field("v", "int64", "io.debezium.time.MicroTime"), 45_015_250_000, "12:30:15.25"),
    (_field("v", "int64", "io.debezium.time.Timestamp"), 1_641_645_015_000, "2022-01-08 12:30:15"),
    (
        _field("v", "int64", "io.debezium.time.NanoTimestamp"),
        1_641_645_015_000_000_001,
        "2022-01-08 12:30:15.000000001",
    ),
    (_field("v", "int64", "io.debezium.time.MicroDuration"), -90_000_000, "-00:01:30"),
    (_field("v", "bytes", "io.debezium.data.Bits", length="4"), "BQ==", "0101"),
    (_field("v", "int32"), 7, "7"),
    (_field("v", "int64", "io.debezium.time.Date"), 1 << 40, str(1 << 40)),
    (
        {**_field("v", "array"), "items": _field("", "int32", "io.debezium.time.Date")},
        [0, 1],
        '["1970-01-01", "1970-01-02"]',
    ),
]


def _with_schema(field: dict[str, Any], value: Any) -> bytes:
    row = {"id": 7, "note": "Seen.", "v": value}
    fields = [_field("id", "int32"), _field("note", "string"), field]
    schema = {"type": "struct", "fields": [{**_field("after", "struct"), "fields": fields}]}
    envelope = json.loads(event("c", after=row))
    return json.dumps({"schema": schema, "payload": envelope}).encode()


@pytest.mark.parametrize(("field", "value", "written"), VALUES)
def test_values_read_as_their_schema_says_and_keep_their_names(
    field: dict[str, Any], value: Any, written: str
) -> None:
    shown = source(text=["note", "v"], metadata={"as": "v"})
    (change,) = changes(_with_schema(field, value), source=shown)
    assert change.body == f"Seen.\n\nv: {written}"
    assert change.document.metadata["as"] == written


def test_bytes_of_a_text_are_the_text_and_others_are_told() -> None:
    field, shown = _field("v", "bytes"), source(text=["note", "v"])
    encoded = base64.b64encode(b"Never.").decode()
    (change,) = changes(_with_schema(field, encoded), source=shown)
    assert change.body == "Seen.\n\nNever."
    with pytest.raises(Reject, match="column 'v' holds bytes that are no text: say `form: base64`"):
        changes(_with_schema(field, "/9j/4AAQ"), source=shown)


def test_a_version_of_a_time_stays_a_number() -> None:
    field = _field("v", "int64", "io.debezium.time.MicroTimestamp")
    shown = source(text="note", version={"column": "v"}, replica_identity="full")
    (change,) = changes(_with_schema(field, 1_700_000_000_000_000), source=shown)
    assert change.document.version == 1_700_000_000_000_000
