"""The commit rules of a session, with clients that fail as real ones do."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from processors.places import QUESTIONS
from schemas.events import FeedbackGiven
from schemas.topics import RAG_DLQ, RAG_FEEDBACK
from streams.app.settings import Settings
from streams.flow.port import Opened
from streams.flow.stage import record_stage
from streams.flow.topic import Topic
from streams.runtime import loop as loop_module
from streams.runtime.codec import Codec
from streams.runtime.context import Context
from streams.runtime.ends import END
from streams.runtime.lanes import Lanes
from streams.runtime.loop import Loop
from streams.runtime.outages import Fenced, HopelessError
from streams.runtime.processing import Processing
from streams.runtime.record import Record
from streams.runtime.spans import DerivedSpans
from streams.runtime.telemetry import StageMetrics

OUT = Topic("out", FeedbackGiven, lambda event: event.request_id)
COPY = record_stage(
    "copy",
    reads=RAG_FEEDBACK,
    make=lambda _: lambda event: [event],
    writes=OUT,
    dead_letters=RAG_DLQ,
    place=QUESTIONS,
)


@dataclass
class FakeProducer:
    """Fails as scheduled; remembers what was committed."""

    failures: list[KafkaException] = field(default_factory=list[KafkaException])
    committed: list[int] = field(default_factory=list[int])
    aborted: int = 0
    places: list[set[tuple[str, int, int]]] = field(default_factory=list[set[tuple[str, int, int]]])
    _offsets: list[TopicPartition] = field(default_factory=list[TopicPartition])

    def begin_transaction(self) -> None:
        self._offsets = []

    def send_offsets_to_transaction(
        self, offsets: list[TopicPartition], _metadata: object, _timeout: float
    ) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self._offsets = offsets

    def commit_transaction(self, _timeout: float) -> None:
        self.committed += [place.offset for place in self._offsets]
        self.places.append({(each.topic, each.partition, each.offset) for each in self._offsets})

    def abort_transaction(self, _timeout: float) -> None:
        self.aborted += 1


@dataclass
class FakeConsumer:
    resumed: list[int] = field(default_factory=list[int])

    def committed(self, places: list[TopicPartition], _timeout: float) -> list[TopicPartition]:
        return places

    def consumer_group_metadata(self) -> object:
        return object()

    def resume(self, places: list[TopicPartition]) -> None:
        self.resumed += [place.partition for place in places]


def _error(code: int, *, fatal: bool = False, abort: bool = False) -> KafkaException:
    return KafkaException(KafkaError(code, "injected", fatal, False, abort))


@dataclass
class FakeKeeper:
    """Remembers what it was told, in order."""

    told: list[str] = field(default_factory=list[str])
    restoring: bool = False

    def settled(self, records: Sequence[Record]) -> None:
        self.told += [f"settled {record.offset}" for record in records]

    def let_go(self, partition: int) -> None:
        self.told.append(f"let go {partition}")


def _loop(
    producer: FakeProducer, batch: int = 5, keeper: FakeKeeper | None = None
) -> tuple[Loop, Any]:
    settings = Settings(max_batch=batch)
    context = Context(
        COPY,
        settings,
        StageMetrics("copy"),
        lambda _: None,
        threading.Event(),
        threading.Event(),
    )
    consumer = FakeConsumer()
    processing = Processing(COPY, Opened({}), Codec(), settings, context.metrics, DerivedSpans())
    lanes = Lanes(COPY, processing, settings)
    made = Loop(context, consumer, producer, lanes, keeper)  # type: ignore[arg-type]
    made.assigned(consumer, [TopicPartition(RAG_FEEDBACK.name, 0)])  # type: ignore[arg-type]
    return made, consumer


def _taken(count: int) -> list[Record]:
    return [Record("t", 0, offset, 0, None, b"", ()) for offset in range(count)]


def _finish(loop: Loop, records: list[Record]) -> None:
    """Take records, and have the lanes tell that they are done."""
    for record in loop._in_flight.add(records, loop._committed):
        record.done = True
    loop._in_flight.done(records)


@pytest.mark.parametrize("code", [KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS])
def test_records_whose_commit_failed_are_committed_before_those_behind_them(code: int) -> None:
    producer = FakeProducer([_error(code, abort=True)])
    loop, _ = _loop(producer)
    _finish(loop, _taken(10))
    loop._commit_done()
    assert (producer.committed, producer.aborted) == ([], 1)
    loop._commit_done()
    assert producer.committed == [5, 10]


def test_after_clients_were_fenced_nothing_more_is_committed() -> None:
    producer = FakeProducer([_error(KafkaError.FENCED_INSTANCE_ID)])
    loop, consumer = _loop(producer)
    _finish(loop, _taken(10))
    with pytest.raises(Fenced):
        loop._commit_done()
    loop.revoked(consumer, [TopicPartition(RAG_FEEDBACK.name, 0)])
    assert producer.committed == []


def test_a_bug_while_committing_commits_nothing_behind_it() -> None:
    producer = FakeProducer()
    loop, consumer = _loop(producer)
    records = _taken(10)
    records[0].outputs = [None]  # type: ignore[list-item]
    _finish(loop, records)
    with pytest.raises(AttributeError):
        loop._commit_done()
    loop.revoked(consumer, [TopicPartition(RAG_FEEDBACK.name, 0)])
    assert producer.committed == []


def test_what_the_broker_refuses_for_ever_stops_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "HOPELESS", 3)
    refusal = KafkaError.TOPIC_AUTHORIZATION_FAILED
    producer = FakeProducer([_error(refusal, abort=True) for _ in range(9)])
    loop, _ = _loop(producer)
    _finish(loop, _taken(1))
    with pytest.raises(HopelessError, match="copy cannot write"):
        for _ in range(9):
            loop._commit_done()
    assert producer.aborted == 3


def test_a_partition_that_goes_is_resumed_so_that_it_is_read_when_it_returns() -> None:
    loop, consumer = _loop(FakeProducer())
    loop.revoked(consumer, [TopicPartition(RAG_FEEDBACK.name, 0)])
    assert consumer.resumed == [0]


@dataclass
class Told:
    """A message: a record, or the end of its partition."""

    at: int
    end: bool = False

    def error(self) -> KafkaError | None:
        return KafkaError(END) if self.end else None

    def topic(self) -> str:
        return RAG_FEEDBACK.name

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.at

    def timestamp(self) -> tuple[int, int]:
        return 1, 0

    def headers(self) -> list[tuple[str, bytes]]:
        return []

    def key(self) -> bytes:
        return b"k"

    value = key


@dataclass
class Telling(FakeConsumer):
    """Gives messages as a broker has them: at most as many as asked for, which is never below 0."""

    waiting: list[Told] = field(default_factory=list[Told])

    def poll(self, _timeout: float) -> Told | None:
        return self.waiting.pop(0) if self.waiting else None

    def consume(self, most: int, _timeout: float) -> list[Told]:
        assert most >= 0
        given, self.waiting = self.waiting[:most], self.waiting[most:]
        return given


def test_ends_among_records_are_no_records_and_cost_none_their_place() -> None:
    loop, _ = _loop(FakeProducer(), batch=5)
    loop._company = 5
    ends = [Told(at, end=True) for at in range(1, 9)]
    loop._consumer = Telling(waiting=[Told(0), *ends, *map(Told, range(1, 9))])  # type: ignore[assignment]
    read: list[Record] = []
    for _ in range(9):
        read += loop._poll(0)
    assert [each.offset for each in read] == [*range(9)]


def test_the_end_of_a_partition_that_is_not_ours_is_its_owners() -> None:
    producer = FakeProducer()
    loop, consumer = _loop(producer)
    loop.revoked(consumer, [TopicPartition(RAG_FEEDBACK.name, 0)])
    loop._consumer = Telling(waiting=[Told(7, end=True)])  # type: ignore[assignment]
    assert loop._poll(0) == []
    loop._ends.flush()
    assert producer.places == []


class Lost:
    """A store that is not brought up to date any more for one of the partitions."""

    def bring(self, _group: str, place: tuple[str, int], *_: object) -> None:
        if place[1] == 1:
            raise Fenced("what is in the store is not known")

    def settled(self, _: object) -> None:
        return None


@dataclass
class Leaving(Telling):
    def committed(self, places: list[TopicPartition], _timeout: float) -> list[TopicPartition]:
        return [TopicPartition(each.topic, each.partition, 0) for each in places]

    def assignment(self) -> list[TopicPartition]:
        return []

    def pause(self, _: list[TopicPartition]) -> None:
        return None


def test_what_is_in_hand_at_a_shutdown_is_suspected_of_nothing_whatever_an_end_meets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_module, "DRAIN_S", 0.0)
    producer = FakeProducer()
    loop, _ = _loop(producer)
    consumer = Leaving()
    loop._consumer = consumer  # type: ignore[assignment]
    loop._mirrored = Lost()  # type: ignore[assignment]
    loop.assigned(consumer, [TopicPartition(RAG_FEEDBACK.name, 1)])  # type: ignore[arg-type]
    loop._take(loop._read([Told(0)]))  # type: ignore[list-item]
    place = RAG_FEEDBACK.name, 0
    tried = loop._in_flight.progress(place)
    assert tried is not None and tried.tried == 1
    loop._ends.told((RAG_FEEDBACK.name, 1), 7)
    with pytest.raises(Fenced):
        loop.drain()
    assert tried.tried == 0


@dataclass
class Rebalancing(Telling):
    """Takes the partition away and gives it back once, while messages are gathered."""

    loop: Loop | None = None

    def consume(self, most: int, _timeout: float) -> list[Told]:
        if self.loop is not None:
            places = [TopicPartition(RAG_FEEDBACK.name, 0)]
            self.loop.revoked(self, places)  # type: ignore[arg-type]
            self.loop.assigned(self, places)  # type: ignore[arg-type]
            self.loop = None
        return super().consume(most, _timeout)


def test_what_was_given_before_a_partition_went_takes_nothing_along_when_it_is_back() -> None:
    producer = FakeProducer()
    loop, _ = _loop(producer)
    loop._take(loop._read([Told(0), Told(1)]))  # type: ignore[list-item]
    consumer = Rebalancing(waiting=[Told(2), Told(3, end=True)], loop=loop)
    loop._consumer = consumer  # type: ignore[assignment]
    with pytest.raises(Fenced, match="went and came back"):  # so 0 and 1 are read again
        loop._poll(0)
    loop._ends.flush()
    assert {offset for each in producer.places for _, _, offset in each} == {0}  # of tries
    consumer.waiting = [Told(0)]
    assert [each.offset for each in loop._poll(0)] == [0], "of what comes then nothing is amiss"


def test_the_end_of_a_partition_is_committed_and_of_one_that_goes_it_is_not() -> None:
    producer = FakeProducer()
    loop, consumer = _loop(producer)
    loop._consumer = Telling(waiting=[Told(7, end=True), Told(9, end=True)])  # type: ignore[assignment]
    assert loop._poll(0) == []
    loop._ends.flush()
    assert producer.places == [{(RAG_FEEDBACK.name, 0, 7)}]
    assert loop._poll(0) == []
    loop.lost(consumer, [TopicPartition(RAG_FEEDBACK.name, 0)])
    loop._ends.flush()
    assert len(producer.places) == 1


def _of(topic: str, partition: int, count: int) -> list[Record]:
    return [Record(topic, partition, offset, 0, None, b"", ()) for offset in range(count)]


def test_one_transaction_commits_the_offsets_of_every_topic() -> None:
    producer = FakeProducer()
    loop, _ = _loop(producer, batch=10)
    _finish(loop, [*_of("a", 0, 2), *_of("b", 0, 3), *_of("b", 1, 1)])
    loop._commit_done()
    assert producer.places == [{("a", 0, 2), ("b", 0, 3), ("b", 1, 1)}]


def test_a_partition_that_goes_takes_no_other_topics_partition_of_its_number_along() -> None:
    producer = FakeProducer()
    loop, consumer = _loop(producer, batch=10)
    _finish(loop, [*_of("a", 0, 2), *_of("b", 0, 3)])
    loop.lost(consumer, [TopicPartition("a", 0)])
    loop._commit_done()
    assert producer.places == [{("b", 0, 3)}]


def test_state_takes_over_what_was_committed_before_a_partition_goes_and_nothing_else() -> None:
    keeper = FakeKeeper()
    producer = FakeProducer([_error(KafkaError.ILLEGAL_GENERATION, abort=True)])
    loop, consumer = _loop(producer, keeper=keeper)
    _finish(loop, _taken(2))
    loop._commit_done()
    assert (producer.aborted, keeper.told) == (1, [])
    loop.revoked(consumer, [TopicPartition("t", 0)])
    assert keeper.told == ["settled 0", "settled 1", "let go 0"]
