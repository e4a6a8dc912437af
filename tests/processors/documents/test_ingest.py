from __future__ import annotations

import base64
import random
from datetime import UTC, datetime

import pytest

from connectors.converters.documents import Documents
from processors.documents.ingest import (
    MAX_TIME,
    PART_BYTES,
    IngestConfig,
    Place,
    ingest,
    slow_for,
    split_body,
)
from schemas.events import DocumentChanged, DocumentFed
from streams.flow.errors import Reject
from tests.support.office_files import saved, word

PLACE = Place(sequence=12, timestamp=5_000, keyed=True)


def _fed(**fields: object) -> DocumentFed:
    given = {"op": "upsert", "tenant": "acme", "doc_id": "a.md", "body": "# Hello"} | fields
    return DocumentFed(**given)  # type: ignore[arg-type]


def _changes(fed: DocumentFed, place: Place = PLACE) -> list[DocumentChanged]:
    config = IngestConfig(max_document_bytes=10_000_000)
    with Documents() as converter:
        return list(ingest(fed, place, config=config, converter=converter))


@pytest.mark.parametrize(
    ("fed", "said"),
    [
        (_fed(version=-1), "version is -1"),
        (_fed(changed_at=1_700_000_000_000_000), "changed_at is 1700000000000000; .* milliseconds"),
        (_fed(changed_at=1_700_000_000_000_000_000), "divide .* nanoseconds by 1,000,000"),
        (_fed(changed_at=-1), "changed_at is -1"),
        (_fed(changed_at=1_700_000_000), "changed_at is 1700000000; .* multiply seconds by 1,000"),
        (_fed(doc_type="markdown", body="---\ndraft: true\n---\nx"), "is a draft"),
        (_fed(body=None), "an upsert needs a body"),
        (_fed(tenant="a b"), "tenant must be"),
        (_fed(doc_id=" "), "doc_id must be"),
        (_fed(doc_id="x" * 600), "doc_id must be"),
        (_fed(body="x" * 10_000_001), "10,000,001 bytes; at most 10,000,000"),
        (_fed(form="rot13"), "form is 'rot13'; it must be one of source, base64, converted"),
        (_fed(form="base64", body="é"), "the body is not base64"),
        (_fed(form="base64", body="A" * 16_000_000), "bytes; at most 10,000,000"),
        (_fed(form="base64", body="AAAA", doc_type="pdf"), "is no PDF"),
        (_fed(form="base64", body="AAAA", doc_type="picture"), "doc_type picture is none of"),
        (_fed(form="base64", body="AAAA", doc_id="x.png"), "no reader for .png"),
        (_fed(metadata={"k": "x" * 70_000}), "the value of 'k' has 70,000 characters"),
        (_fed(metadata={f"{n}": "x" * 4000 for n in range(20)}), "title, uri and metadata have"),
        (_fed(title="x" * 1001), "title has 1,001 characters; at most 1,000"),
        (_fed(doc_id="a\x1fb"), "doc_id holds a control character"),
    ],
)
def test_what_cannot_be_is_rejected_by_name(fed: DocumentFed, said: str) -> None:
    with pytest.raises(Reject, match=said):
        _changes(fed)


def test_a_record_without_a_key_is_rejected() -> None:
    with pytest.raises(Reject, match="no key"):
        _changes(_fed(), Place(0, 0, keyed=False))


def test_any_date_up_to_the_year_9999_is_taken() -> None:
    for given in (1, 1_700_000_000_000, MAX_TIME):
        (change,) = _changes(_fed(changed_at=given))
        assert change.document.changed_at == given
    assert datetime.fromtimestamp(MAX_TIME / 1000, UTC).year == 9999


def test_defaults_come_from_the_record() -> None:
    (change,) = _changes(_fed())
    document = change.document
    assert (document.version, document.sequence, document.changed_at) == (5_000, 12, 5_000)
    assert (document.doc_type, document.parts) == ("markdown", 1)


@pytest.mark.parametrize(
    ("given", "doc_type", "body"),
    [
        ({"doc_id": "a.html", "body": "<h1>A</h1>"}, "html", "# A"),
        ({"doc_type": "html", "body": "<p>A</p><script>x</script>"}, "html", "A"),
        ({"doc_type": "csv", "body": "a,b\n1,2"}, "csv", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
        ({"doc_type": "json", "body": '{"a": {"b": 1}}'}, "json", "a.b: 1"),
        ({"doc_type": "html", "body": "# A", "form": "converted"}, "html", "# A"),
        # Text of a type that is no text: somebody has taken it out of the file already.
        ({"doc_type": "pdf", "body": "<b>x"}, "pdf", "<b>x"),
        ({"doc_id": "a.pdf", "body": "x"}, "text", "x"),
        ({"doc_id": "a.py", "body": "x = 1\r\n"}, "code", "x = 1\r\n"),
        ({"doc_type": "memo", "body": "x"}, "memo", "x"),
        ({"doc_type": "html", "body": ""}, "html", ""),
    ],
)
def test_text_is_converted_by_its_type(given: dict[str, str], doc_type: str, body: str) -> None:
    (change,) = _changes(_fed(**given))
    assert (change.document.doc_type, change.body) == (doc_type, body)


def test_a_file_comes_in_base64() -> None:
    body = base64.b64encode(saved(word())).decode()
    fed = _fed(doc_id="rules/a.docx", body=body, form="base64", metadata={"pages": "mine"})
    (change,) = _changes(fed)
    assert (change.document.doc_type, change.document.title) == ("docx", "Conduct of business")
    assert "8.2 Records are kept for six years." in change.body
    assert change.document.metadata["pages"] == "mine"  # what the producer says wins
    assert _changes(_fed(doc_id="a.docx", body=body, form="base64", op="delete"))[0].body == ""


def test_a_part_of_a_paged_document_says_on_which_page_it_begins() -> None:
    pages = [f"Page {n}. " + "Words of this page. " * 400 for n in range(1, 201)]
    body = "\n\f\n".join(pages)
    changes = _changes(_fed(body=body, doc_type="pdf", form="converted"))
    assert len(changes) > 2
    assert changes[0].page == 1
    for change in changes:
        page = change.page
        for i, text in enumerate(change.body.split("\f")):
            if (said := text.strip()).startswith("Page "):
                assert said.startswith(f"Page {page + i}.")


@pytest.mark.parametrize("outer", ["| {} |", "{}"], ids=["outer pipes", "none"])
def test_a_table_that_is_cut_keeps_its_heading_and_header(outer: str) -> None:
    rows = [outer.format(f"{n} | row number {n}") for n in range(100_000)]
    header = [outer.format("id | text"), outer.format("--- | ---")]
    table = "\n".join(["## Orders", "", *header, *rows])
    changes = _changes(_fed(body=f"{table}\n\nAfter.", doc_type="xlsx", form="converted"))
    assert len(changes) > 5
    start = "\n".join(["## Orders", "", *header, ""])
    assert all(change.body.startswith(start) for change in changes)
    found = [line for change in changes for line in change.body.splitlines() if "row" in line]
    assert found == rows


def test_a_delete_carries_no_body() -> None:
    (change,) = _changes(_fed(op="delete", body="ignored", version=3))
    assert (change.document.op, change.body, change.document.version) == ("delete", "", 3)


@pytest.mark.parametrize("seed", range(5))
def test_parts_are_small_and_join_to_the_body(seed: int) -> None:
    rng = random.Random(seed)
    letters = ["a", "é", "漢", "🙂", " ", "\n", "\n\n", ". ", "\n# "]
    body = "".join(rng.choices(letters, k=200_000))
    parts = split_body(body, 10_000)
    assert "".join(parts) == body
    assert all(0 < len(part.encode()) <= 10_000 for part in parts)


def test_a_body_without_any_pause_is_cut_all_the_same() -> None:
    parts = split_body("x" * (PART_BYTES * 2 + 1))
    assert [len(part) for part in parts] == [PART_BYTES, PART_BYTES, 1]


@pytest.mark.parametrize(
    "fed",
    [
        _fed(doc_id="a.pdf", form="base64"),
        _fed(doc_id="a", form="base64", doc_type="docx"),
        _fed(doc_id="a.html"),
        _fed(doc_id="a.md", doc_type="html"),
        _fed(doc_id="a.csv", body="a,b\n" * 50_000),
        _fed(doc_id="a.txt", form="base64", body="AAAA" * 50_000),
    ],
)
def test_files_whose_conversion_may_take_long_are_on_their_tenants_account(
    fed: DocumentFed,
) -> None:
    assert slow_for(fed) == "acme"


@pytest.mark.parametrize(
    "fed",
    [
        _fed(),
        _fed(body="text " * 50_000),
        _fed(doc_id="a.html", form="converted"),
        _fed(doc_id="a.pdf", body="its text"),
        _fed(doc_id="a.csv", body="a,b\n"),
        _fed(doc_id="a.txt", form="base64"),
        _fed(doc_id="a.pdf", form="base64", op="delete"),
        _fed(doc_id="a.html", body=None),
        _fed(doc_id="a.html", tenant="no tenant"),
        _fed(doc_id="a.html", form="rot13"),
    ],
)
def test_text_waits_for_no_conversion(fed: DocumentFed) -> None:
    assert slow_for(fed) is None
