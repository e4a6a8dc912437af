from __future__ import annotations

import random

import pytest

from processors.ingest import PART_BYTES, IngestConfig, Place, ingest, split_body
from schemas.errors import Reject
from schemas.events import DocumentChanged, DocumentFed

PLACE = Place(offset=12, timestamp=5_000, keyed=True)


def _fed(**fields: object) -> DocumentFed:
    given = {"op": "upsert", "tenant": "acme", "doc_id": "a.md", "body": "# Hello"} | fields
    return DocumentFed(**given)  # type: ignore[arg-type]


def _changes(fed: DocumentFed, place: Place = PLACE) -> list[DocumentChanged]:
    return list(ingest(fed, place, config=IngestConfig(max_document_bytes=10_000_000)))


@pytest.mark.parametrize(
    ("fed", "said"),
    [
        (_fed(version=-1), "version is -1"),
        (_fed(body=None), "an upsert needs a body"),
        (_fed(tenant="a b"), "tenant must be"),
        (_fed(doc_id=" "), "doc_id must be"),
        (_fed(doc_id="x" * 600), "doc_id must be"),
        (_fed(body="x" * 10_000_001), "10,000,001 bytes; at most 10,000,000"),
    ],
)
def test_what_cannot_be_is_rejected_by_name(fed: DocumentFed, said: str) -> None:
    with pytest.raises(Reject, match=said):
        _changes(fed)


def test_a_record_without_a_key_is_rejected() -> None:
    with pytest.raises(Reject, match="no key"):
        _changes(_fed(), Place(0, 0, keyed=False))


def test_defaults_come_from_the_record() -> None:
    (change,) = _changes(_fed())
    assert (change.version, change.sequence, change.changed_at) == (5_000, 12, 5_000)
    assert (change.doc_type, change.parts) == ("markdown", 1)


def test_a_delete_carries_no_body() -> None:
    (change,) = _changes(_fed(op="delete", body="ignored", version=3))
    assert (change.op, change.body, change.version) == ("delete", "", 3)


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
