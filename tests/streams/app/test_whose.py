"""Whose a record is: by its own words, in whatever form, and nobody's where they are missing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from processors.documents.debezium import Column, DebeziumSource
from processors.questions.answers import close
from schemas import topics
from schemas.events import DeadLettered, DocumentFed, FeedbackGiven, QuestionAsked
from streams.app.topology import topology
from streams.app.whose import Whose
from streams.flow.topic import Topic
from streams.runtime.codec import Codec
from tests.support.fakes import CONFIG
from tests.support.question_events import carried, question

CODEC = Codec()
ROWS = DebeziumSource("crm", "crm.notes", Column("owner"), ("id",), ("text",))
CARDS = DebeziumSource("cards", "crm.cards", "bank", ("id",), ("text",))
WHOSE = Whose(topology(replace(CONFIG, debezium=(ROWS, CARDS))), CODEC, sources=(ROWS, CARDS))


def written(topic: Topic[Any], event: Any) -> str | None:
    return WHOSE.record(topic.name, CODEC.encode(topic.name, event))


def dead(topic: str, value: bytes | None) -> DeadLettered:
    return DeadLettered(
        stage="s",
        topic=topic,
        partition=0,
        offset=0,
        timestamp=0,
        key=b"acme/guessed",
        value=value,
        headers=[],
        reason="because",
        detail="",
        attempts=1,
        failed_at=0,
    )


def test_each_kind_of_record_says_whose_it_is() -> None:
    asked = carried(replace(question("How much?"), tenant="acme"))
    answer, closed = close(asked, "expired", 0, reasons=["late"])
    assert written(topics.RAG_REQUESTS, QuestionAsked(tenant="acme", query="?")) == "acme"
    assert written(topics.DOCS_FEED, DocumentFed(op="delete", tenant="acme", doc_id="d")) == "acme"
    assert written(topics.RAG_ANSWERS, answer) == "acme"
    assert written(topics.RAG_CLOSED, closed) == "acme"
    given = FeedbackGiven(request_id="r", tenant="acme", rating=1)
    assert written(topics.RAG_FEEDBACK, given) == "acme"


@pytest.mark.parametrize("op", ["c", "d"])
def test_a_row_of_a_change_feed_is_of_its_source_or_of_its_column(op: str) -> None:
    row = {"id": 1, "text": "x", "owner": "acme"}
    rows = {"before": row, "after": None} if op == "d" else {"before": None, "after": row}
    change = json.dumps({"op": op, **rows}).encode()
    assert WHOSE.record("crm.notes", change) == "acme"
    assert WHOSE.record("crm.cards", change) == "bank"


def test_a_row_that_changed_hands_is_nobodys_since_it_holds_what_both_wrote() -> None:
    before, after = {"id": 1, "text": "x", "owner": "acme"}, {"id": 1, "owner": "rival"}
    change = {"op": "u", "before": before, "after": after}
    assert WHOSE.record("crm.notes", json.dumps(change).encode()) is None
    unknown = {"id": 1, "owner": None}  # as a database without full images says it
    assert WHOSE.record("crm.notes", json.dumps(change | {"before": unknown}).encode()) == "rival"


def test_a_dead_letter_is_of_whom_its_bytes_are_and_not_of_its_key() -> None:
    value = CODEC.encode("docs.feed", DocumentFed(op="delete", tenant="rival", doc_id="d"))
    assert WHOSE.letter(dead("docs.feed", value)) == "rival"
    wrong = json.dumps({"tenant": "rival", "query": 7, "top_k": "many"}).encode()
    assert WHOSE.letter(dead("rag.requests", wrong)) == "rival", "it says so, if little else"
    for value in (
        None,
        b"",
        b"\0\1",
        b"{",
        b"[]",
        b'{"tenant": 7}',
        b'{"tenant":"a","tenant":"b"}',
    ):
        assert WHOSE.letter(dead("rag.requests", value)) is None
    assert WHOSE.letter(dead("docs.changes", b'{"tenant": "acme"}')) is None, "no producer's"
    assert WHOSE.letter(dead("unheard.of", b'{"tenant": "acme"}')) is None
