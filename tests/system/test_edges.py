"""What people and programs get wrong at the edges, on the whole pipeline: each is told, and after
each everything goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from schemas.events import DeadLettered, DocumentFed, QuestionAnswered, QuestionAsked
from streams.app.settings import Settings
from streams.local.broker import Broker
from streams.local.redis import RedisServer
from streams.local.supervisor import Stack
from streams.local.worker_process import environment
from streams.runtime.codec import Codec
from streams.runtime.record import now_ms
from tests.system.drill import Edge
from tests.system.faults import Killer
from tests.system.harness import until

TENANT = "retail"
REPLIES = f"rag.answers.{TENANT}"
SAMPLE = Path(__file__).parents[2] / "evaluation" / "sample" / "documents" / TENANT
KEY = f"{TENANT}/x"


@dataclass
class Pipeline:
    """The running pipeline as programs at its edges see it."""

    edge: Edge
    stack: Stack

    def __post_init__(self) -> None:
        self.codec = Codec()
        self.numbers = iter(range(10**6))

    def new_id(self) -> str:
        return f"r-{next(self.numbers)}"

    def feed(self, value: dict[str, Any] | bytes, key: str | None = KEY) -> None:
        self.edge.put(topics.DOCS_FEED.name, key, value)
        self.edge.flush()

    def request(self, value: dict[str, Any] | bytes) -> None:
        self.edge.put(topics.RAG_REQUESTS.name, None, value)
        self.edge.flush()

    def answers(self, request_id: str, topic: str = "rag.answers") -> list[QuestionAnswered]:
        found = [
            self.codec.decode(topics.RAG_ANSWERS, each.value) for each in self.edge.records(topic)
        ]
        return [answer for answer in found if answer.request_id == request_id]

    def ask(self, query: str, **more: Any) -> QuestionAnswered:
        """The one answer to a question; fields of the request in `more`."""
        request_id = self.new_id()
        self.request({"request_id": request_id, "tenant": TENANT, "query": query, **more})
        (answer,) = until(lambda: self.answers(request_id), f"the answer to {request_id}")
        return answer

    def letter(self, dlq: str, value: bytes) -> DeadLettered:
        """The dead letter of these bytes."""

        def found() -> list[DeadLettered]:
            letters = [
                self.codec.decode(topics.DOCS_DLQ, record.value)
                for record in self.edge.records(dlq)
            ]
            return [letter for letter in letters if letter.value == value]

        (letter,) = until(found, f"a dead letter of {value[:80]!r}")
        return letter


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Sessions and request ids, for the pipeline of this module alone."""
    with RedisServer(Settings(data=tmp_path_factory.mktemp("kept")), kept=True) as kept:
        yield kept


@pytest.fixture(scope="module")
def running(
    broker: Broker,
    redis: RedisServer,
    kept: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pipeline]:
    settings = Settings(
        data=tmp_path_factory.mktemp("edges"),
        bootstrap_servers=broker.bootstrap_servers,
        redis={"url": redis.url, "kept_url": kept.url},
        tenants=(TENANT,),
        reply_topics=(REPLIES,),
    )
    with Stack(settings) as stack:
        command = [sys.executable, "-m", "streams.cli", "feed", str(SAMPLE), "--tenant", TENANT]
        done = subprocess.run(
            [*command, "--json"], env=environment(stack.settings), capture_output=True, check=True
        )
        report = json.loads(done.stdout)
        assert report["searchable"] == report["fed"] > 5 and not report["rejected"]
        yield Pipeline(Edge(stack.settings), stack)


@pytest.fixture
def pipeline(running: Pipeline) -> Iterator[Pipeline]:
    """The pipeline, which must answer a good question after whatever the test did to it."""
    yield running
    answer = running.ask("What is the daily cash withdrawal limit?")
    assert answer.status == "answered" and answer.citations, answer.reasons


def asking(**fields: Any) -> dict[str, Any]:
    return {"tenant": TENANT, "query": "What is the daily cash withdrawal limit?", **fields}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"qeury": "?"}, "unknown field 'qeury'; did you mean 'query'?"),
        ({"top_k": "many"}, "field 'top_k' must be a whole number, not a string"),
        ({"query": None}, "field 'query' must be a string, not null"),
    ],
)
def test_a_request_with_a_wrong_field_is_told_which(
    pipeline: Pipeline, fields: dict[str, Any], reason: str
) -> None:
    request_id = pipeline.new_id()
    value = json.dumps(asking(request_id=request_id, **fields)).encode()
    pipeline.request(value)

    letter = pipeline.letter("rag.dlq", value)
    assert reason in letter.reason and letter.stage == "admit"
    (answer,) = until(lambda: pipeline.answers(request_id), "the answer")
    assert answer.status == "failed" and answer.tenant == TENANT
    assert reason in answer.reasons[0]


def test_a_request_without_a_tenant_is_told_so(pipeline: Pipeline) -> None:
    request_id = pipeline.new_id()
    value = json.dumps({"request_id": request_id, "query": "?"}).encode()
    pipeline.request(value)

    assert "missing field 'tenant'" in pipeline.letter("rag.dlq", value).reason
    (answer,) = until(lambda: pipeline.answers(request_id), "the answer")
    assert answer.status == "failed" and "missing field 'tenant'" in answer.reasons[0]


def test_undecodable_records_are_dead_letters(pipeline: Pipeline) -> None:
    good = pipeline.codec.encode("rag.requests", QuestionAsked(tenant=TENANT, query="?"))
    feed = pipeline.codec.encode(
        "docs.feed", DocumentFed(op="delete", tenant=TENANT, doc_id="x", version=1)
    )
    wrong = {
        good[:10] + os.urandom(40) + b"\xff" * 20: "cannot be read as QuestionAsked",
        good[:2] + os.urandom(8) + good[10:]: "unknown schema",
        good + b"more": "4 bytes after its QuestionAsked",
        feed: "the record is a DocumentFed",
        b"\x00\x00\x00\x00\x07" + good[10:]: "MILLRACE_REGISTRY__URL",
        b"[1, 2]": "neither a JSON object nor Avro",
        b"{'tenant': 1}": "not valid JSON",
        b'{"tenant": "' + b"\xff\xfe": "not UTF-8",
        b"{" * 100_000: "not valid JSON",
    }
    for value in wrong:
        pipeline.request(value)

    for value, reason in wrong.items():
        assert reason in pipeline.letter("rag.dlq", value).reason


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "query is empty"),
        (" \n\t", "query is empty"),
        (
            "limit " * 17_000,
            "query has 102000 characters; at most 2000 (rule query-length,",
        ),
    ],
)
def test_a_question_that_is_none_is_refused(pipeline: Pipeline, query: str, reason: str) -> None:
    answer = pipeline.ask(query)
    assert answer.status == "refused" and answer.reasons[0].startswith(reason), answer.reasons


def test_an_unknown_tenant_is_refused(pipeline: Pipeline) -> None:
    answer = pipeline.ask("What is the limit?", tenant="wholesale")
    assert (answer.status, answer.reasons) == ("refused", ["tenant 'wholesale' is unknown"])

    odd = pipeline.ask("What is the limit?", tenant="../" + TENANT)
    assert odd.status == "refused" and "1 to 64 letters" in odd.reasons[0]


@pytest.mark.parametrize("top_k", [0, 51, -1])
def test_a_top_k_out_of_range_is_refused(pipeline: Pipeline, top_k: int) -> None:
    answer = pipeline.ask("What is the limit?", top_k=top_k)
    assert answer.status == "refused" and f"top_k is {top_k}" in answer.reasons[0]


def test_a_document_over_the_limit_is_a_dead_letter_that_names_its_size(
    pipeline: Pipeline,
) -> None:
    body = "limit " * 5_000_000  # 30 MB
    value = json.dumps({"op": "upsert", "tenant": TENANT, "doc_id": "x", "body": body}).encode()
    pipeline.feed(value)

    letter = pipeline.letter("docs.dlq", value)
    assert "the body has 30,000,000 bytes; at most 16,777,216" in letter.reason
    assert "MILLRACE_CONVERT__MAX_DOCUMENT_BYTES" in letter.reason


def test_wrong_documents_are_dead_letters_that_say_why(pipeline: Pipeline) -> None:
    upsert = {"op": "upsert", "tenant": TENANT, "doc_id": "x", "body": "text"}
    wrong: list[tuple[dict[str, Any], str | None, str]] = [
        (upsert | {"uri": "no-key"}, None, "the record has no key"),
        (upsert | {"version": -1}, KEY, "version is -1; it must be 0 or more"),
        (upsert | {"doc_id": " "}, KEY, "doc_id must be 1 to 512 characters"),
        (upsert | {"tenant": "a b"}, KEY, "tenant must be"),
        (upsert | {"op": "patch"}, KEY, "must be one of upsert, delete"),
        ({"op": "upsert", "tenant": TENANT, "doc_id": "x"}, KEY, "an upsert needs a body"),
        (upsert | {"metadata": {"pages": 3}}, KEY, "field 'metadata.pages' must be a string"),
    ]
    for value, key, _ in wrong:
        pipeline.feed(value, key)

    for value, key, reason in wrong:
        letter = pipeline.letter("docs.dlq", json.dumps(value).encode())
        assert reason in letter.reason
        assert letter.key == (key.encode() if key else None) and letter.stage == "ingest"


def test_a_request_id_that_comes_twice_is_answered_once(pipeline: Pipeline) -> None:
    request_id = pipeline.new_id()
    once = json.dumps(asking(request_id=request_id)).encode()
    twice = json.dumps(asking(request_id=request_id, user="again")).encode()
    pipeline.request(once)
    until(lambda: pipeline.answers(request_id), "the answer")
    pipeline.request(twice)

    assert f"duplicate request_id '{request_id}'" in pipeline.letter("rag.dlq", twice).reason
    pipeline.ask("What comes after it?")
    assert [each.status for each in pipeline.answers(request_id)] == ["answered"]


@pytest.mark.parametrize("ago_ms", [None, 60_000])
def test_a_deadline_in_the_past_is_answered_as_expired(
    pipeline: Pipeline, ago_ms: int | None
) -> None:
    begun = time.monotonic()
    deadline_ms = -1 if ago_ms is None else now_ms() - ago_ms
    answer = pipeline.ask("What is the limit?", deadline_ms=deadline_ms)
    assert answer.status == "expired" and "deadline passed" in answer.reasons[0]
    assert time.monotonic() - begun < 10


def test_an_answer_goes_to_an_allowed_reply_topic_as_well_and_to_no_other(
    pipeline: Pipeline,
) -> None:
    answer = pipeline.ask("What is the daily cash withdrawal limit?", reply_to=REPLIES)
    assert answer.status == "answered"
    copies = until(lambda: pipeline.answers(answer.request_id, REPLIES), "the reply")
    assert copies == [answer]

    other = pipeline.ask("What is the limit?", reply_to="docs.feed")
    assert other.status == "refused" and "MILLRACE_REPLY_TOPICS" in other.reasons[0]


def test_a_session_id_as_long_as_a_record_is_told_so(pipeline: Pipeline) -> None:
    # Nearly at the limit of a request, it would be in the key and in the value of what comes after.
    answer = pipeline.ask("What is the limit?", session_id=os.urandom(300_000).hex())
    assert answer.status == "refused"
    assert "session_id, user and filters have 600,000 bytes; at most 65,536" in answer.reasons[0]


def test_a_deleted_long_document_leaves_the_log_too(running: Pipeline) -> None:
    document = {"tenant": TENANT, "doc_id": "long.txt"}
    body = "".join(f"Sentence {n} of few." + "\n" * 30_000 for n in range(40))

    def log() -> dict[bytes, bytes | None]:
        """What compaction will leave of it."""
        records = running.edge.records(topics.DOCS_CHANGES.name)
        mine = [each for each in records if (each.key or b"").startswith(b"retail/long.txt")]
        assert len({each.partition for each in mine}) <= 1, "the parts are in its partition"
        return {each.key or b"": each.value for each in mine}

    def indexed(version: int) -> bool:
        found = running.edge.records(topics.DOCS_INDEXED.name)
        events = [running.codec.decode(topics.DOCS_INDEXED, each.value) for each in found]
        return any(
            (e.document.doc_id, e.document.version, e.last) == ("long.txt", version, True)
            for e in events
        )

    running.feed({"op": "upsert", **document, "version": 1, "body": body}, "retail/long.txt")
    until(lambda: indexed(1), "the long document to be searchable")
    assert len(log()) > 3
    assert all(log().values())
    running.feed({"op": "delete", **document, "version": 2}, "retail/long.txt")
    until(lambda: indexed(2), "its deletion")
    (left,) = [value for value in log().values() if value is not None]
    gone = running.codec.decode(topics.DOCS_CHANGES, left)
    assert (gone.document.op, gone.body) == ("delete", "")


CLASSIC = "What is the daily cash withdrawal limit for a Classic Debit card?"


def test_a_session_goes_on_whichever_worker_comes_after(pipeline: Pipeline) -> None:
    asked = pipeline.ask(CLASSIC, session_id="s-1")
    assert "600" in asked.answer and not asked.understood
    Killer(pipeline.stack, pipeline.stack.settings.data).kill("up-questions")
    follow = pipeline.ask("and for the Premium card?", session_id="s-1", deadline_ms=60_000)
    assert follow.understood == CLASSIC.replace("Classic", "Premium")
    assert "1,200" in follow.answer and not follow.degraded
    other = pipeline.ask("and for the Premium card?", session_id="s-2", deadline_ms=60_000)
    assert not other.understood, "another session knows nothing of it"


def test_follow_ups_asked_before_the_answer_is_there_are_of_the_question_before(
    pipeline: Pipeline,
) -> None:
    ids = [pipeline.new_id() for _ in range(20)]
    words = [CLASSIC, *("and Premium?", "and Youth?", "and Classic?") * 7][: len(ids)]
    for request_id, query in zip(ids, words, strict=True):
        # The key keeps a session's questions in order; without one nobody promises any.
        asked = asking(request_id=request_id, query=query, session_id="s-hurry")
        pipeline.edge.put(topics.RAG_REQUESTS.name, f"{TENANT}/s-hurry", asked)
    pipeline.edge.flush()  # some of them in one millisecond
    for request_id, query in [*zip(ids, words, strict=True)][1:]:
        (answer,) = until(lambda each=request_id: pipeline.answers(each), "the answer")
        name = query.removeprefix("and ").rstrip("?")
        assert answer.understood == CLASSIC.replace("Classic", name), answer


def test_without_its_sessions_a_question_stands_for_itself_until_they_are_back(
    pipeline: Pipeline, kept: RedisServer
) -> None:
    pipeline.ask(CLASSIC, session_id="s-3")
    kept.stop()
    alone = pipeline.ask("and for the Premium card?", session_id="s-3")
    assert not alone.understood
    assert "rewrite: the session is not known, the question is taken as it stands" in alone.degraded
    kept.start()
    kept.wait_ready()

    def back() -> QuestionAnswered | None:
        answer = pipeline.ask(CLASSIC, session_id="s-4")
        return None if answer.degraded else answer

    until(back, "sessions to be kept again")
    follow = pipeline.ask("and for the Premium card?", session_id="s-4")
    assert "Premium" in follow.understood and "1,200" in follow.answer
