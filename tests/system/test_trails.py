"""`trail` on a real broker: what it reads is bounded by time, and it finds what came late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from processors.questions.answers import close
from schemas import topics
from schemas.events import DeadLettered, FeedbackGiven, QuestionAsked
from streams.app.settings import Settings
from streams.app.topology import topology
from streams.edge import admin, client, trails
from streams.edge.client import replay
from streams.edge.moments import new_request_id
from streams.flow.topic import Topic
from streams.local.broker import Broker
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.record import now_ms
from tests.support.fakes import CONFIG
from tests.support.question_events import carried, question

HOUR = 3_600_000
DAY = 24 * HOUR
START = now_ms() - 5 * DAY  # within the topics' retention


@dataclass
class Log:
    """Topics of questions, written with times of the past."""

    settings: Settings
    codec: Codec = field(default_factory=Codec)

    def write(self, topic: Topic[Any], event: Any, time: int) -> None:
        producer = kafka.new_producer(kafka.producer_options(self.settings))
        producer.produce(topic.name, self.codec.encode(topic.name, event), b"k", timestamp=time)
        assert producer.flush(10) == 0

    def ask(self, request_id: str, time: int, *, closes: int, tenant: str = "acme") -> None:
        asked = QuestionAsked(request_id=request_id, tenant=tenant, query="How much?")
        known = carried(replace(question("How much?"), request_id=request_id, tenant=tenant))
        answer, closed = close(known, "expired", time, reasons=["late"])
        self.write(topics.RAG_REQUESTS, asked, time)
        self.write(topics.RAG_ANSWERS, answer, time + closes)
        self.write(topics.RAG_CLOSED, closed, time + closes)

    def steps(self, request_id: str, tenant: str, since: int = 0) -> list[dict[str, Any]]:
        with client.reader(self.settings) as consumer:
            return trails.trail_of(request_id, tenant, consumer, self.codec, since=since)

    def trail(self, request_id: str, since: int = 0) -> list[str]:
        return [step["event"] for step in self.steps(request_id, "acme", since)]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    """On a broker of its own: what others wrote before would be read too."""
    folder = tmp_path_factory.mktemp("trails")
    with Broker(Settings(data=folder / "broker")) as broker:
        settings = Settings(data=folder, bootstrap_servers=broker.bootstrap_servers)
        admin.apply_topics(settings, topology(CONFIG))
        yield Log(settings)


EVENTS = ["QuestionAsked", "QuestionAnswered", "QuestionClosed"]


def test_a_trail_reads_around_the_time_of_its_question_and_feedback_whenever_it_came(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    received = trails.received

    def counted(message: Any) -> Any:
        read.append(message.timestamp()[1])
        return received(message)

    monkeypatch.setattr(trails, "received", counted)
    asked = START + 2 * DAY + HOUR
    request_id = new_request_id(asked)
    for day in range(5):
        log.ask(f"other-{day}", START + day * DAY, closes=1000)
        if day == 2:
            log.ask(request_id, asked, closes=2000)
    given = FeedbackGiven(request_id=request_id, tenant="acme", rating=1)
    log.write(topics.RAG_FEEDBACK, given, START + 4 * DAY)
    assert log.trail(request_id, asked - trails.SKEW_MS) == [*EVENTS, "FeedbackGiven"]
    assert sorted(read) == [asked, asked + 2000, asked + 2000, START + 4 * DAY]
    read.clear()
    assert log.trail(request_id) == [*EVENTS, "FeedbackGiven"]
    assert len(read) == 5 * 3 + 4
    assert log.trail(request_id, asked + 3000) == ["FeedbackGiven"]


def test_a_question_that_was_closed_late_is_found_to_its_end(log: Log) -> None:
    asked = START + 4 * DAY + 10 * HOUR
    request_id = new_request_id(asked)
    log.ask(request_id, asked, closes=5 * HOUR)
    assert log.trail(request_id, asked - trails.SKEW_MS) == EVENTS


def test_of_one_id_in_two_tenants_each_is_shown_its_own_and_a_third_nothing(log: Log) -> None:
    asked = START + 4 * DAY + 16 * HOUR
    request_id = new_request_id(asked)
    since = asked - trails.SKEW_MS
    for tenant in ("acme", "rival"):
        log.ask(request_id, asked, closes=1000, tenant=tenant)
        given = FeedbackGiven(request_id=request_id, tenant=tenant, rating=1, comment=tenant)
        log.write(topics.RAG_FEEDBACK, given, asked)
        for value in (log.codec.encode("rag.feedback", given), b"{" + request_id.encode()):
            letter = dead(topics.RAG_FEEDBACK.name, value)
            log.write(topics.RAG_DLQ, letter, asked)
    for tenant, other in (("acme", "rival"), ("rival", "acme")):
        steps = log.steps(request_id, tenant, since)
        assert [step["event"] for step in steps].count("QuestionAsked") == 1
        assert [step["event"] for step in steps].count("DeadLettered") == 1
        assert other not in str(steps)
    assert log.steps(request_id, "third", since) == []


def dead(topic: str, value: bytes) -> DeadLettered:
    return DeadLettered(
        stage="rekey",
        topic=topic,
        partition=0,
        offset=0,
        timestamp=START,
        key=None,
        value=value,
        headers=[],
        reason="it says so",
        detail="",
        attempts=1,
        failed_at=START,
    )


def test_a_replay_of_a_span_gives_what_was_written_in_it(log: Log) -> None:
    name = topics.RAG_FEEDBACK_JOINED.name
    producer = kafka.new_producer(kafka.producer_options(log.settings))
    for hour in range(10):
        producer.produce(name, str(hour).encode(), b"k", timestamp=START + hour * HOUR)
    assert producer.flush(10) == 0
    with client.reader(log.settings) as consumer:

        def found(*span: int) -> list[bytes]:
            read = (message.value() for message in replay(consumer, [name], *span))
            return [each for each in read if isinstance(each, bytes)]

        every = [str(hour).encode() for hour in range(10)]
        assert found(START + 2 * HOUR, START + 5 * HOUR) == every[2:5]
        assert found(START + 5 * HOUR) == every[5:]  # the same partition, which was left half-read
        assert found(0, START + HOUR) == every[:1]
        assert found(START + 20 * HOUR) == []
        assert found(START, START) == []
        assert found() == every
