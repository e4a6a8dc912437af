"""Change events as Connect's Avro converters write them, their schemas in a registry."""

from __future__ import annotations

import struct
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any

import fastavro
import pytest

from processors.documents.debezium import DebeziumSource, ingest_row, stage
from processors.documents.ingest import IngestConfig, Place
from schemas.events import DocumentChanged
from streams.flow.errors import Reject
from streams.runtime.codec import Codec
from tests.processors.documents.test_debezium import PLACEHOLDER, source
from tests.support.fakes import FakePorts

VALUE = {
    "type": "record",
    "name": "Value",
    "fields": [
        {"name": "id", "type": "int"},
        {"name": "body", "type": ["null", "string"], "default": None},
        {
            "name": "day",
            "type": ["null", {"type": "int", "connect.name": "io.debezium.time.Date"}],
            "default": None,
        },
        {
            "name": "fee",
            "type": [
                "null",
                {
                    "type": "bytes",
                    "logicalType": "decimal",
                    "precision": 8,
                    "scale": 2,
                    "connect.name": "org.apache.kafka.connect.data.Decimal",
                    "connect.parameters": {"scale": "2"},
                },
            ],
            "default": None,
        },
        {"name": "note", "type": ["null", "bytes"], "default": None},
    ],
    "connect.name": "bank.public.fees.Value",
}
ENVELOPE = {
    "type": "record",
    "name": "Envelope",
    "namespace": "bank.public.fees",
    "fields": [
        {"name": "before", "type": ["null", VALUE], "default": None},
        {"name": "after", "type": ["null", "Value"], "default": None},
        {
            "name": "source",
            "type": {
                "type": "record",
                "name": "Source",
                "fields": [
                    {"name": "ts_ms", "type": "long"},
                    {"name": "lsn", "type": ["null", "long"], "default": None},
                ],
            },
        },
        {"name": "op", "type": "string"},
    ],
}
KEY = b"\0\0\0\0\x02\x0e"
ROW: dict[str, Any] = {"id": 7, "body": "The fee.", "day": None, "fee": None, "note": None}


class Registry:
    """Knows one schema."""

    def register(self, subject: str, schema: dict[str, Any]) -> int:
        raise AssertionError("nothing is registered")

    def schema(self, schema_id: int) -> dict[str, Any]:
        assert schema_id == 1
        return ENVELOPE


def event(op: str, **rows: Any) -> bytes:
    written = BytesIO(struct.pack(">bI", 0, 1))
    written.seek(5)
    datum = {"before": None, "after": None, **rows, "source": {"ts_ms": 5_000, "lsn": 9}, "op": op}
    fastavro.schemaless_writer(written, fastavro.parse_schema(ENVELOPE), datum)
    return written.getvalue()


def changes(value: bytes, of: DebeziumSource) -> list[DocumentChanged]:
    """Decoded as the worker of `ingest.NAME` does it."""
    (topic,) = stage(of, IngestConfig()).reads
    place = Place(3, 9_000, keyed=True)
    return list(
        ingest_row(
            Codec(Registry()).decode(topic, value),
            KEY,
            place,
            source=of,
            config=IngestConfig(),
            converter=FakePorts().converter,
        )
    )


FEES = source(text=["body", "day", "fee", "note"])


def test_an_avro_row_becomes_a_document_with_its_dates_and_decimals_written() -> None:
    row = ROW | {"day": (date(2026, 1, 2) - date(1970, 1, 1)).days, "fee": Decimal("12.50")}
    (change,) = changes(event("c", after=row | {"note": b"in bytes"}), FEES)
    assert change.body == "The fee.\n\nday: 2026-01-02\n\nfee: 12.50\n\nin bytes"
    assert (change.document.version, change.document.changed_at) == (9, 5_000)


def test_an_avro_delete_is_known_by_the_columns_of_its_key() -> None:
    gone = dict.fromkeys(ROW) | {"id": 7}
    (change,) = changes(event("d", before=gone), source())
    assert (change.document.op, change.document.doc_id) == ("delete", "handbook/7")
    with pytest.raises(Reject, match="column 'body' says which document the row is"):
        changes(event("d", before=gone), source(doc_id="body"))


def test_the_placeholder_in_avro_is_never_taken_for_a_text() -> None:
    assert changes(event("u", after=ROW | {"body": PLACEHOLDER}), source()) == []


def test_an_avro_event_that_is_cut_off_or_of_no_registry_is_rejected() -> None:
    with pytest.raises(Reject, match="cannot be read by its schema"):
        changes(event("c", after=ROW)[:-4], source())
    (topic,) = stage(source(), IngestConfig()).reads
    with pytest.raises(Reject, match="MILLRACE_REGISTRY__URL"):
        Codec().decode(topic, event("c", after=ROW))
