"""Rows that may have become another document: of none the former one stays unseen."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from processors.documents.change_events import row_change
from processors.documents.debezium import Column, DebeziumSource, ingest_row
from processors.documents.ingest import IngestConfig, Place
from streams.flow.errors import Reject
from tests.support.fakes import FakePorts

OWNED = DebeziumSource("rows", "db.rows", Column("owner"), ("id",), ("body",), full=True)
ROW = {"id": 7, "owner": "acme", "body": "Text."}


def _documents(event: object, key: object, source: DebeziumSource = OWNED) -> Sequence[str]:
    found = ingest_row(
        row_change(json.dumps(event).encode()),
        json.dumps(key).encode(),
        Place(1, 9_000, keyed=True),
        source=source,
        config=IngestConfig(),
        converter=FakePorts().converter,
    )
    return [f"{each.document.op} {each.document.tenant}" for each in found]


def _flattened(op: str, **row: object) -> dict[str, object]:
    return ROW | row | {"__op": op, "__source_lsn": 100, "__source_ts_ms": 5_000}


def test_an_update_that_does_not_say_whose_the_row_was_is_rejected() -> None:
    """It would stay the former tenant's too, for ever."""
    with pytest.raises(Reject, match=r"column 'owner' .* does not say what it was before.*flatten"):
        _documents(_flattened("u", owner="other"), {"id": 7})
    # As where REPLICA IDENTITY FULL is said of a table that has it not.
    bare = {"op": "u", "before": None, "after": ROW, "source": {"lsn": 100}}
    with pytest.raises(Reject, match=r"column 'owner' .*set REPLICA IDENTITY FULL"):
        _documents(bare, {"id": 7})


def test_what_cannot_have_moved_needs_no_row_before() -> None:
    assert _documents(_flattened("u"), {"id": 7, "owner": "acme"}) == ["upsert acme"]
    assert _documents(_flattened("c"), {"id": 7}) == ["upsert acme"]
    assert _documents(_flattened("d"), {"id": 7}) == ["delete acme"]
    whole = {"op": "u", "before": ROW, "after": ROW | {"owner": "b"}, "source": {"lsn": 100}}
    assert _documents(whole, {"id": 7}) == ["delete acme", "upsert b"]
