"""What is carried along the whole topology, and how questions end on it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from schemas import topics
from schemas.events import DocumentFed
from streams.app.topology import topology
from streams.flow.errors import Retry
from streams.runtime.testing import Driver
from tests.support.fakes import CONFIG, FakePorts

HANDBOOK = DocumentFed(
    op="upsert",
    tenant="acme",
    doc_id="a.md",
    version=3,
    metadata={"desk": "cards"},
    body="# Limits\n\nThe cash limit of a Classic card is 600 euros.\n\nAsk the desk for more.\n",
)


def test_every_question_closes_once_however_it_ends_and_with_its_session() -> None:
    def down(queries: Iterable[object]) -> object:
        raise Retry("down")

    rng = random.Random(7)
    ports = FakePorts()
    driver = Driver(
        topology(CONFIG), ports.opened, batch=3, fault=lambda _stage, _moment: rng.random() < 0.3
    )
    driver.send(topics.DOCS_FEED, HANDBOOK)
    driver.run()
    ends = {
        "answered": {"query": "What is the cash limit of a Classic card?"},
        "abstained": {"query": "Who painted the harbour?"},
        "refused": {"query": ""},
        "expired": {"query": "late?", "deadline_ms": -1},
        "failed": {"query": "anything?"},
    }
    for status, asked in ends.items():
        if status == "failed":
            ports.index.nearest = ports.index.matching = down  # type: ignore[method-assign,assignment]
        for number in range(5):
            request = {"request_id": f"{status}{number}", "tenant": "acme", "session_id": "s"}
            driver.send(topics.RAG_REQUESTS, json.dumps(request | asked).encode(), key=None)
        driver.run()
    driver.send(topics.RAG_REQUESTS, b'{"request_id": "unreadable", "tenant": "acme"}', key=None)
    driver.run()
    answers = {answer.request_id: answer for answer in driver.events(topics.RAG_ANSWERS)}
    closed = driver.events(topics.RAG_CLOSED)
    assert sorted(each.answer.request_id for each in closed) == sorted({*answers} - {"unreadable"})
    assert len(closed) == 25
    for each in closed:
        assert each.answer == answers[each.answer.request_id]
        assert each.carried.question.request_id == each.answer.request_id
        assert each.answer.request_id.startswith(each.answer.status)
        assert bool(each.passages) is (each.answer.status in ("answered", "abstained"))
        assert each.carried.timings_ms == each.answer.timings_ms != {}
    assert {record.key for record in driver.records(topics.RAG_CLOSED.name)} == {b"acme/s"}


def test_what_is_known_of_a_document_reaches_every_event_about_it_whole() -> None:
    driver = Driver(topology(CONFIG), FakePorts().opened)
    driver.send(topics.DOCS_FEED, HANDBOOK)
    driver.run()
    (changed,) = driver.events(topics.DOCS_CHANGES)
    newer = changed.document.version + 1
    bulk = replace(changed, document=replace(changed.document, bulk=True, version=newer))
    driver.send(topics.DOCS_CHANGES_BULK, bulk)
    driver.run()
    for live, other in (
        (topics.DOCS_CHUNKS, topics.DOCS_CHUNKS_BULK),
        (topics.DOCS_VECTORS, topics.DOCS_VECTORS_BULK),
    ):
        events: list[Any] = [*driver.events(live), *driver.events(other)]
        assert [event.document for event in events] == [changed.document, bulk.document], live
    indexed = [event.document for event in driver.events(topics.DOCS_INDEXED)]
    assert indexed == [changed.document, bulk.document]
