from __future__ import annotations

from dataclasses import replace

import pytest

from processors.documents.databases import LiveColumn, LiveTable
from processors.documents.debezium import Column
from processors.documents.mapping import faults, mapping_of, notes, proposed
from tests.processors.documents.test_debezium import SOURCE, source

TABLE = LiveTable(
    "public.handbook",
    (
        LiveColumn("id", "integer"),
        LiveColumn("title", "character varying(200)", outside=True),
        LiveColumn("body", "text", outside=True),
        LiveColumn("dept", "text", outside=True),
        LiveColumn("code", "text", outside=True),
        LiveColumn("price", "numeric(10,2)"),
        LiveColumn("scan", "bytea", outside=True),
    ),
    key=("id",),
)
FULL = replace(TABLE, identity="full")


def test_a_mapping_that_fits_its_table_has_no_fault() -> None:
    assert faults(SOURCE, TABLE) == []
    assert mapping_of(SOURCE) == {
        "doc_id": "id",
        "text": "body",
        "title": "title",
        "metadata.department": "dept",
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"text": "bodi"}, "'text' is column 'bodi', .* did you mean 'body'"),
        ({"title": "zzz"}, "'title' is column 'zzz', .* does not have; it has id, title"),
        ({"metadata": {"a": "zzz"}}, r"'metadata\.a' is column 'zzz'"),
        ({"doc_id": "code"}, r"'code' says which document .* none of the primary key \(id\)"),
        ({"tenant": {"column": "dept"}}, "'dept' says which document .* REPLICA IDENTITY FULL"),
        ({"replica_identity": "full"}, "is full, but public.handbook has default: ALTER TABLE"),
        ({"text": "scan"}, "column 'scan' of 'text' holds bytes: say `form: base64`"),
        ({"form": "base64"}, "'form' is base64, but column 'body' of 'text' is text"),
    ],
)
def test_what_does_not_fit_is_named_with_the_remedy(given: dict[str, object], said: str) -> None:
    (fault,) = faults(source(**given), TABLE)
    with pytest.raises(ValueError, match=said):
        raise ValueError(fault)


def test_a_table_without_a_key_and_one_that_logs_nothing_are_faults() -> None:
    assert "has no primary key" in faults(SOURCE, replace(TABLE, key=()))[0]
    assert "logs nothing of deleted rows" in faults(SOURCE, replace(TABLE, identity="nothing"))[0]


def test_what_names_a_document_is_a_text_or_a_whole_number() -> None:
    of = source(doc_id="price", replica_identity="full")
    assert "is numeric(10,2): it must be a text" in faults(of, FULL)[0]
    of = source(version={"column": "price"}, replica_identity="full")
    assert "'version' is column 'price'" in faults(of, FULL)[0]


def test_long_texts_that_may_not_be_logged_are_a_note_until_rows_are_logged_whole() -> None:
    (note,) = notes(SOURCE, TABLE)
    assert "leaves 'body' alone may not say what it holds" in note
    assert notes(replace(SOURCE, full=True), FULL) == []


def test_a_first_mapping_has_no_fault_itself() -> None:
    said = proposed("bank", replace(TABLE, columns=TABLE.columns[:3]))
    assert said == {
        "database": "bank",
        "table": "public.handbook",
        "tenant": "default",
        "doc_id": ["id"],
        "text": ["body"],
        "title": "title",
    }
    tenants = replace(
        TABLE, columns=(*TABLE.columns, LiveColumn("tenant", "text")), key=("tenant", "id")
    )
    said = proposed("bank", tenants)
    assert (said["tenant"], said["doc_id"]) == ({"column": "tenant"}, ["id"])
    made = source(**{k: v for k, v in said.items() if k not in ("database", "table")})
    assert made.tenant == Column("tenant")
    assert faults(made, tenants) == []
