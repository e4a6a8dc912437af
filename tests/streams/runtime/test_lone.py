"""Where a lone lane works: in its caller's thread while it is quick, else in its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest

from processors.places import QUESTIONS
from schemas.events import FeedbackGiven
from schemas.topics import RAG_DLQ, RAG_FEEDBACK
from streams.flow.errors import Retry
from streams.flow.port import Opened
from streams.flow.stage import record_stage
from streams.flow.topic import Topic
from streams.runtime import lone
from streams.runtime.codec import Codec
from streams.runtime.lane import Report
from streams.runtime.lone import LoneLane
from streams.runtime.processing import Processing
from streams.runtime.record import Record
from streams.runtime.settings import RuntimeSettings
from streams.runtime.spans import DerivedSpans
from streams.runtime.telemetry import StageMetrics

OUT = Topic("out", FeedbackGiven, lambda event: event.request_id)
CODEC = Codec()
PATIENCE_S = 10.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take a while from a report to the lane's rest: that is no slow batch."""
    monkeypatch.setattr(lone, "QUICK_S", 0.5)


class Reports:
    """What the lane told, in order."""

    def __init__(self) -> None:
        self._told: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self.tell = self._told.put

    def records(self, count: int) -> list[Record]:
        """So many records that are done, as soon as they are."""
        done: list[Record] = []
        while len(done) < count:
            told = self._told.get(timeout=PATIENCE_S)
            assert isinstance(told, list), told
            done += told
        return done


@contextmanager
def _lane(
    run: Callable[[FeedbackGiven], Iterable[FeedbackGiven]],
) -> Iterator[tuple[LoneLane, Reports]]:
    stage = record_stage(
        "lone",
        reads=RAG_FEEDBACK,
        make=lambda _: run,
        writes=OUT,
        dead_letters=RAG_DLQ,
        place=QUESTIONS,
    )
    settings = RuntimeSettings(retry_backoff_ms=1)
    metrics = StageMetrics(stage.name)
    processing = Processing(stage, Opened({}), CODEC, settings, metrics, DerivedSpans())
    reports = Reports()
    lane = LoneLane(processing, settings, reports.tell, 10)
    lane.start()
    try:
        yield lane, reports
    finally:
        lane.stop()
        lane.join(PATIENCE_S)


def _record(offset: int, key: bytes = b"k") -> Record:
    given = FeedbackGiven(request_id=str(offset), tenant="t", rating=1)
    return Record(RAG_FEEDBACK.name, 0, offset, 0, key, CODEC.encode(RAG_FEEDBACK.name, given), ())


class Threads:
    """A processor that remembers in which thread it ran, and takes its time."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.takes = 0.0

    def __call__(self, event: FeedbackGiven) -> list[FeedbackGiven]:
        self.seen[event.request_id] = threading.get_ident()
        time.sleep(self.takes)
        return [event]


def test_the_first_batch_is_left_to_the_lane_and_quick_ones_after_it_are_not() -> None:
    run = Threads()
    with _lane(run) as (lane, reports):
        lane.put([_record(0)])
        reports.records(1)
        lane.put([_record(1), _record(2)])
        reports.records(2)
        assert lane.ahead == 1
    here = threading.get_ident()
    assert run.seen["0"] != here
    assert (run.seen["1"], run.seen["2"]) == (here, here)


def test_after_a_slow_batch_the_caller_waits_for_none() -> None:
    run = Threads()
    with _lane(run) as (lane, reports):
        lane.put([_record(0)])
        reports.records(1)
        run.takes = 2 * lone.QUICK_S
        lane.put([_record(1)])  # nobody could know
        reports.records(1)
        began = time.monotonic()
        lane.put([_record(2)])
        assert time.monotonic() - began < run.takes
        assert lane.ahead == 2
        reports.records(1)
    here = threading.get_ident()
    assert run.seen["1"] == here
    assert run.seen["2"] != here


@pytest.mark.parametrize("fails", [1, 3])
def test_what_failed_in_the_callers_thread_is_tried_again_before_what_follows_it(
    fails: int,
) -> None:
    left = 0
    order: list[str] = []

    def run(event: FeedbackGiven) -> list[FeedbackGiven]:
        nonlocal left
        if event.request_id == "1" and left:
            left -= 1
            raise Retry("away")
        order.append(event.request_id)
        return [event]

    with _lane(run) as (lane, reports):
        lane.put([_record(0)])
        reports.records(1)
        left = fails
        lane.put([_record(1), _record(2, b"other")])
        lane.put([_record(3)])
        done = reports.records(3)
    assert order.index("3") > order.index("1")
    keyed = [record.offset for record in done if record.key == b"k"]
    assert keyed == [1, 3]
