"""What fields may hold, and that the page which says so is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from processors.exceeded import exceeded
from processors.limits import LIMITS, rows
from schemas import events
from schemas.events import DocumentFed, FeedbackGiven, QuestionAsked

PAGE = Path(__file__).parents[2] / "docs" / "limits.md"


def test_the_table_in_the_docs_is_what_is_checked() -> None:
    table = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert table == [f"| `{event}` | `{field}` | {said} |" for event, field, said in rows()]


def test_every_limited_field_is_one() -> None:
    for name, limits in LIMITS.items():
        assert {limit.field for limit in limits} <= set(getattr(events, name).__slots__)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            DocumentFed(op="upsert", tenant="t", doc_id="d", metadata={"a\nb": "c"}),
            r"metadata: the key 'a\nb' holds a control character",
        ),
        (
            DocumentFed(op="upsert", tenant="t", doc_id="d", metadata={"k" * 101: "c"}),
            f"metadata: the key '{'k' * 40}'... has 101 characters; at most 100",
        ),
        (
            DocumentFed(
                op="upsert", tenant="t", doc_id="d", metadata={f"{n}": "" for n in range(10_000)}
            ),
            "metadata has 10,000 keys; at most 128",
        ),
        (
            QuestionAsked(tenant="t", query="q", filters={f"{n}": "" for n in range(45_000)}),
            "filters has 45,000 keys; at most 16",
        ),
        (
            QuestionAsked(tenant="t", query="q", filters={"a\x1fb": "c"}),
            r"filters: the key 'a\x1fb' holds a control character",
        ),
        (
            QuestionAsked(tenant="t", query="q", session_id="a\0b"),
            r"session_id holds a control character: 'a\x00b'",
        ),
        (
            FeedbackGiven(request_id="r", tenant="t", rating=1, labels=["x"] * 33),
            "labels has 33 entries; at most 32",
        ),
        (
            FeedbackGiven(request_id="r", tenant="t", rating=1, comment="x" * 8_001),
            "comment has 8,001 characters; at most 8,000",
        ),
    ],
)
def test_what_is_over_a_limit_is_named(event: object, said: str) -> None:
    assert exceeded(event) == [said]


def test_lines_and_tabs_are_no_business_of_a_title_or_a_value() -> None:
    fed = DocumentFed(
        op="upsert", tenant="t", doc_id="d", title="two\nlines", metadata={"k": "a\tb\n"}
    )
    assert exceeded(fed) == []
