"""Lanes in threads: what waits for what, and in which order they tell of what is done."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from processors.places import QUESTIONS
from schemas.events import FeedbackGiven
from schemas.topics import RAG_DLQ
from streams.app.settings import Settings
from streams.flow.errors import Retry
from streams.flow.outcome import Received
from streams.flow.port import Opened
from streams.flow.slow import SlowLanes
from streams.flow.stage import Stage, edge_stage
from streams.flow.topic import Topic
from streams.runtime.codec import Codec
from streams.runtime.lanes import Lanes
from streams.runtime.processing import Processing, Record
from streams.runtime.spans import DerivedSpans
from streams.runtime.telemetry import StageMetrics

IN = Topic("in", FeedbackGiven, lambda event: event.tenant)
OUT = Topic("out", FeedbackGiven, lambda event: event.tenant)
CODEC = Codec()


def _record(key: str, offset: int, comment: str = "") -> Record:
    event = FeedbackGiven(request_id=f"{key}{offset}", tenant=key, rating=1, comment=comment)
    return Record("in", 0, offset, 0, key.encode(), CODEC.encode("in", event), ())


@contextmanager
def _working(stage: Stage) -> Iterator[Lanes]:
    settings = Settings(retry_backoff_ms=1, retry_attempts=10, bootstrap_servers="localhost:1")
    metrics = StageMetrics(stage.name)
    processing = Processing(stage, Opened({}), CODEC, settings, metrics, DerivedSpans())
    lanes = Lanes(stage, processing, settings)
    lanes.start()
    yield lanes
    lanes.stop()


def _told(lanes: Lanes, count: int) -> list[tuple[str, int]]:
    """The next so many records that are done, in the order in which the lanes say so."""
    told: list[tuple[str, int]] = []
    while len(told) < count:
        report = lanes.reports.get(timeout=10)
        assert not isinstance(report, BaseException), report
        if not isinstance(report, Record):
            told += [((each.key or b"").decode(), each.offset) for each in report]
    return told


def test_a_record_that_is_tried_again_holds_back_those_of_its_key_and_no_others() -> None:
    tries: list[str] = []

    def run(record: Received[FeedbackGiven]) -> Iterable[FeedbackGiven]:
        tries.append(record.event.request_id)
        if record.event.comment == "away" and tries.count(record.event.request_id) < 3:
            raise Retry("away")
        yield record.event

    stage = edge_stage(
        "retrying", reads=IN, make=lambda _: run, writes=OUT, dead_letters=RAG_DLQ, place=QUESTIONS
    )
    with _working(stage) as lanes:
        # All in one batch, so that what comes behind is worked on too early.
        lanes.put([_record("a", 0), _record("a", 1, "away"), _record("b", 2), _record("a", 3)])
        lanes.put([_record("a", 4)])
        assert _told(lanes, 5) == [("a", 0), ("b", 2), ("a", 1), ("a", 3), ("a", 4)]


def test_slow_records_leave_their_lane_to_quick_ones_and_keep_the_order_of_their_key() -> None:
    opened = {name: threading.Event() for name in ("a", "b")}

    def run(record: Received[FeedbackGiven]) -> Iterable[FeedbackGiven]:
        if record.event.comment:
            assert opened[record.event.comment].wait(10)
        yield record.event

    def share(record: Received[FeedbackGiven]) -> str | None:
        return record.event.comment or None

    slow = SlowLanes(share=share, lanes=2, budget_s=30)
    stage = edge_stage(
        "slow",
        reads=IN,
        make=lambda _: run,
        writes=OUT,
        dead_letters=RAG_DLQ,
        place=QUESTIONS,
        slow=slow,
    )
    with _working(stage) as lanes:
        lanes.put([_record("doc", 0, "a"), _record("doc", 1), _record("another", 2)])
        lanes.put([_record("doc", 3), _record("file", 4, "a"), _record("other", 5, "b")])
        lanes.put([_record("third", 6)])
        assert _told(lanes, 2) == [("another", 2), ("third", 6)]
        opened["b"].set()
        assert _told(lanes, 1) == [("other", 5)]
        opened["a"].set()
        rest = _told(lanes, 4)
        assert [each for each in rest if each[0] == "doc"] == [("doc", 0), ("doc", 1), ("doc", 3)]
