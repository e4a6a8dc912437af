"""What goes wrong, in the in-memory driver: rejects, deadlines, outages, hostile records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from schemas import topics
from schemas.events import DocumentFed, QuestionAsked
from streams.app.settings import Settings
from streams.app.topology import topology
from streams.flow.errors import Retry
from streams.runtime.testing import Driver
from tests.support.fakes import CONFIG, BagOfWords, FakePorts

HANDBOOK = "# Limits\n\nThe cash limit of a Classic card is 600 euros.\n\nAsk the desk for more.\n"


def _driver(ports: FakePorts, **options: object) -> Driver:
    return Driver(topology(CONFIG), ports.opened, **options)  # type: ignore[arg-type]


def _fed(body: str | None, version: int | None = None, doc_id: str = "a.md") -> DocumentFed:
    op = "delete" if body is None else "upsert"
    return DocumentFed(op=op, tenant="acme", doc_id=doc_id, body=body, version=version, title="T")


def _live(ports: FakePorts) -> dict[str, set[int]]:
    live: dict[str, set[int]] = {}
    for chunk in ports.index.scan("acme"):
        live.setdefault(chunk.doc_id, set()).add(chunk.doc_version)
    return live


def test_a_rejected_record_is_dead_lettered_with_its_bytes_and_the_rest_goes_on() -> None:
    ports = FakePorts()
    driver = _driver(ports)
    bad = b'{"op": "upsert", "tenant": "acme", "doc_id": "x", "boddy": "?"}'
    driver.send(topics.DOCS_FEED, bad, key=b"acme/x", headers=[("who", b"me")])
    driver.send(topics.DOCS_FEED, _fed(HANDBOOK))
    driver.run()
    (letter,) = driver.dead_letters(topics.DOCS_DLQ)
    assert (letter.value, letter.key, letter.stage) == (bad, b"acme/x", "ingest")
    assert letter.headers[0].key == "who"
    assert "unknown field 'boddy'; did you mean 'body'?" in letter.reason
    assert _live(ports)


def test_a_request_that_cannot_be_read_is_answered_where_its_id_can() -> None:
    driver = _driver(FakePorts())
    value = b'{"request_id": "r1", "tenant": "acme", "qwery": "?"}'
    driver.send(topics.RAG_REQUESTS, value, key=None)
    driver.send(topics.RAG_REQUESTS, b"\x00garbage", key=None)
    driver.run()
    (answer,) = driver.events(topics.RAG_ANSWERS)
    assert (answer.request_id, answer.status) == ("r1", "failed")
    assert "'qwery'" in answer.reasons[0]
    assert len(driver.dead_letters(topics.RAG_DLQ)) == 2


def test_a_late_question_is_answered_expired_and_not_searched_for() -> None:
    now = 1_000_000
    ports = FakePorts()
    driver = _driver(ports, clock=lambda: now)
    driver.stages = topology(CONFIG, now=lambda: now)
    driver.__post_init__()
    asked = QuestionAsked(request_id="r", tenant="acme", query="late?", deadline_ms=500)
    driver.send(topics.RAG_REQUESTS, asked, timestamp=now - 400)
    admit = next(s for s in driver.stages if s.name == "admit")
    rest = driver.stages
    driver.stages = [admit]
    driver.run()
    now += 1000
    driver.stages = rest
    driver.run()
    (answer,) = driver.events(topics.RAG_ANSWERS)
    assert answer.status == "expired"
    assert "rewrite" in answer.reasons[0]
    assert not driver.events(topics.RAG_RETRIEVED)


def test_a_failing_store_is_retried_and_then_works() -> None:
    ports = FakePorts(embedder=BagOfWords())
    settings = Settings(retry_attempts=5)
    driver = _driver(ports, settings=settings)
    driver.send(topics.RAG_REQUESTS, QuestionAsked(request_id="r", tenant="acme", query="any?"))
    down = [Retry("down"), Retry("down")]
    fetch = ports.index.fetch

    def flaky(tenant: str, chunk_ids: Sequence[str]) -> object:
        if down:
            raise down.pop()
        return fetch(tenant, chunk_ids)

    ports.index.fetch = flaky  # type: ignore[method-assign,assignment]
    driver.run()
    (answer,) = driver.events(topics.RAG_ANSWERS)
    assert answer.status == "abstained"
    assert not down


def test_documents_wait_while_the_model_that_embeds_them_does_not_answer() -> None:
    """It is no bug of theirs: none becomes a dead letter, and the worker does not end."""
    ports = FakePorts(embedder=BagOfWords())
    driver = _driver(ports)
    names = [f"{number}.md" for number in range(3)]
    driver.send(topics.DOCS_FEED, _fed(HANDBOOK, doc_id="first.md"))
    driver.run()
    ports.embedder.fail = [Retry("it takes too long")] * 40
    for name in names:
        driver.send(topics.DOCS_FEED, _fed(f"{HANDBOOK}\nOf {name}.\n", doc_id=name))
    driver.run()
    assert not ports.embedder.fail
    assert not driver.dead_letters(topics.DOCS_DLQ)
    assert _live(ports).keys() == {"first.md", *names}


def test_a_duplicate_request_id_is_answered_once() -> None:
    driver = _driver(FakePorts())
    for query in ("first?", "second?"):
        asked = QuestionAsked(request_id="same", tenant="acme", query=query)
        driver.send(topics.RAG_REQUESTS, asked)
    driver.run()
    assert len(driver.events(topics.RAG_ANSWERS)) == 1
    (letter,) = driver.dead_letters(topics.RAG_DLQ)
    assert "duplicate request_id 'same'" in letter.reason


def test_reply_to_gets_a_copy_where_it_is_allowed() -> None:
    config = replace(
        CONFIG, admit=replace(CONFIG.admit, reply_topics=frozenset({"rag.answers.acme"}))
    )
    driver = Driver(topology(config), FakePorts().opened)
    for topic in ("rag.answers.acme", "docs.feed"):
        driver.send(topics.RAG_REQUESTS, QuestionAsked(tenant="acme", query="?", reply_to=topic))
    driver.run()
    statuses = sorted(answer.status for answer in driver.events(topics.RAG_ANSWERS))
    assert statuses == ["abstained", "refused"]
    assert len(list(driver.records("rag.answers.acme"))) == 1
    assert not list(driver.records("docs.feed"))


HOSTILE = [
    b'{"request_id": "x", "tenant": "t", "query": "q\\ud800"}',
    b'{"request_id": "x\\udfff", "tenant": "t", "query": "q", "bad": 1}',
    b'{"request_id": "x", "tenant": "t", "query": "q", "filters": {"\\ud800": "v"}}',
    b'{"request_id": "a", "tenant": "' + b"A" * 900_000 + b'", "query": "q"}',
    b'{"request_id": "' + b"A" * 900_000 + b'", "tenant": "a", "query": "q"}',
    b'{"request_id": "a", "tenant": "a", "query": "q", "session_id": "' + b"s" * 990_000 + b'"}',
    b'{"request_id": "a", "tenant": "a", "query": "q", "deadline_ms": 9223372036854775807}',
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_request_ends_in_an_answer_or_a_letter_and_the_next_is_answered(
    value: bytes,
) -> None:
    driver = _driver(FakePorts())
    bomb = [("ce_id", b"i" * 600_000), ("correlationid", b"c" * 600_000)]
    driver.send(topics.RAG_REQUESTS, value, key=None, headers=bomb)
    driver.send(topics.RAG_REQUESTS, QuestionAsked(request_id="good", tenant="t", query="good?"))
    driver.run()
    answers = [answer.request_id for answer in driver.events(topics.RAG_ANSWERS)]
    assert "good" in answers
    assert len(answers) == 2 or driver.dead_letters(topics.RAG_DLQ)
    for name in driver.log:
        if name != "rag.requests":
            for record in driver.records(name):
                assert sum(len(value or b"") for _, value in record.headers) < 2_000


def test_a_dead_letter_fits_its_topic_and_says_what_it_lost() -> None:
    driver = _driver(FakePorts())
    driver.send(topics.RAG_REQUESTS, b"x" * (4 << 20), key=None)
    driver.run()
    (letter,) = driver.dead_letters(topics.RAG_DLQ)
    assert "bytes are cut here" in letter.reason
    assert len(letter.value or b"") < topics.RAG_DLQ.max_bytes
