"""What is noted before it is tried, and who is suspected of a death."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from streams.app.settings import Settings
from streams.runtime.context import Context
from streams.runtime.faults import BEYOND, MOST_TRIES, Faults, Faulty
from streams.runtime.in_flight import InFlight, Place, Progress
from streams.runtime.notes import Notes
from streams.runtime.quiet import Quiet
from streams.runtime.record import Record
from streams.runtime.stalling import Stalling
from streams.runtime.suspects import Suspects
from streams.runtime.telemetry import StageMetrics
from tests.system.copying import copying

PLACE: Place = "t", 0


def _record(offset: int) -> Record:
    return Record("t", 0, offset, 0, str(offset).encode(), b"", (), size=1)


@dataclass
class Broker:
    """What is committed of one partition, across sessions and processes."""

    position: int = 0
    metadata: str = ""
    refuses: bool = False
    commits: list[str] = field(default_factory=list[str])

    def commit(self, progress: dict[Place, Progress]) -> bool:
        if self.refuses:
            return False
        self.position, self.metadata = progress[PLACE].position, progress[PLACE].metadata()
        self.commits.append(self.metadata)
        return True

    def session(self, mine: dict[Place, tuple[int, int]] | None = None) -> tuple[InFlight, Notes]:
        """One that has taken all from the committed offset on; of a new process unless `mine`."""
        flight = InFlight()
        known = {PLACE: Progress.read(self.position, self.metadata)}
        flight.add([_record(offset) for offset in range(self.position, 5)], lambda _: known)
        return flight, Notes(flight, {} if mine is None else mine, self.commit)


def _done(flight: InFlight, broker: Broker, *offsets: int) -> None:
    chosen = [record for record in flight.undone() if record.offset in offsets]
    for record in chosen:
        record.done = True
    flight.done(chosen)
    batch = flight.ready(100)
    broker.commit(batch.progress)
    flight.settled(batch)


def test_each_death_without_progress_is_counted_and_a_commit_forgets_them() -> None:
    broker = Broker()
    flight, notes = broker.session()
    assert notes.begin(flight.begun()) == [], "nobody died"
    for tries in range(3):
        flight, notes = broker.session()
        assert notes.begin(flight.begun()) == [PLACE]
        assert notes.tries(PLACE) == tries
        assert notes.raised(PLACE)
    assert broker.metadata == "tried 4"
    _done(flight, broker, 0)
    assert (broker.position, broker.metadata) == (1, "")
    flight, notes = broker.session()
    assert notes.begin(flight.begun()) == []


def test_what_was_done_ahead_stands_beside_the_tries() -> None:
    broker = Broker()
    flight, notes = broker.session()
    notes.begin(flight.begun())
    _done(flight, broker, 2, 3)
    assert broker.metadata == "ahead 2 2;tried 1"
    flight, notes = broker.session()
    assert notes.begin(flight.begun()) == [PLACE], "the first did not get done"
    assert [record.offset for record in flight.undone()] == [0, 1, 4]


def test_a_session_of_the_same_process_suspects_nobody() -> None:
    broker, mine = Broker(), dict[Place, tuple[int, int]]()
    for _ in range(3):  # fenced again and again, and alive
        flight, notes = broker.session(mine)
        assert notes.begin(flight.begun()) == []
    assert broker.metadata == "tried 1"


def test_an_orderly_end_leaves_no_note() -> None:
    broker = Broker()
    flight, notes = broker.session()
    notes.begin(flight.begun())
    notes.take_back([PLACE, ("other", 3)])
    assert broker.metadata == ""
    notes.take_back([PLACE])  # the revocation that follows
    assert broker.commits == ["tried 1", ""]


def test_what_cannot_be_noted_is_not_tried() -> None:
    broker = Broker(metadata="tried 2")
    flight, notes = broker.session()
    assert notes.begin(flight.begun()) == [PLACE]
    broker.refuses = True
    assert not notes.raised(PLACE)
    broker.refuses = False
    assert notes.tries(PLACE) == 1
    assert notes.raised(PLACE) and broker.metadata == "tried 3"


@pytest.mark.parametrize("metadata", ["tried x", "tried -1", "tried", "ahead 1;tried 2", "a;b"])
def test_of_other_programs_words_nothing_is_believed(metadata: str) -> None:
    assert Progress.read(7, metadata).metadata() == ""


def test_of_a_record_that_is_given_up_those_who_could_meet_it_again_are_told() -> None:
    broker = Broker(metadata=f"tried {MOST_TRIES + 1}")
    told: list[tuple[Place, int]] = []
    stopping, ready = threading.Event(), threading.Event()
    context = Context(
        copying("suspects"),
        Settings(),
        StageMetrics("suspects"),
        lambda _: None,
        stopping,
        ready,
        given_up=lambda place, offset: told.append((place, offset)),
    )
    flight, _ = broker.session()
    reported = threading.Event()

    def process(records: Sequence[Record]) -> list[Record]:
        (record,) = records
        assert "ended 3 times" in record.condemned
        record.done = True
        return []

    suspects = Suspects(
        context, flight, process, lambda _: reported.set(), broker.commit, lambda _: {}
    )
    suspects.begin(flight.begun())
    assert suspects.divert(flight.undone()) == []
    suspects.step()
    assert reported.wait(10)
    assert told == [(PLACE, 0)]


def test_quiet_comes_once_all_lanes_have_left_and_none_enters_before_it_is_over() -> None:
    quiet, entered = Quiet(), threading.Event()
    assert quiet.enter()
    assert not quiet.take("me"), "a lane is at work"
    assert not quiet.enter(wait=False), "but no other begins"
    assert not quiet.take("you")
    quiet.leave()
    assert quiet.take("me") and not quiet.take("you")

    def lane() -> None:
        quiet.enter()
        entered.set()

    threading.Thread(target=lane, daemon=True).start()
    assert not entered.wait(0.05)
    quiet.give("you")  # who has it not
    assert not entered.wait(0.05)
    quiet.give("me")
    assert entered.wait(10)


def test_a_bug_is_the_records_where_others_succeed_and_the_stages_where_none_does() -> None:
    def run(items: Sequence[object]) -> list[list[object]]:
        if "bad" in items:
            raise ZeroDivisionError
        return [[] for _ in items]

    faults = Faults("stage", run)  # type: ignore[arg-type]
    bad = _record(0)
    for number in range(1, MOST_TRIES + 1):
        first, outcome = faults.outcomes([_record(1), bad], ["good", "bad"])  # type: ignore[list-item]
        assert first == []
        assert isinstance(outcome, Faulty) == (number < MOST_TRIES)
    with pytest.raises(ZeroDivisionError):
        alone = _record(2)
        for _ in range(10):
            faults.outcomes([alone], ["bad"])  # type: ignore[list-item]
    assert BEYOND > MOST_TRIES + 1, "one try is left to read it for the answer that is owed"


def test_a_session_stands_still_once_it_has_held_records_for_long_and_done_none() -> None:
    now, flight, broker = [0.0], InFlight(), Broker()
    asked: list[set[Place]] = []

    def orders(places: set[Place]) -> dict[Place, dict[int, str]]:
        asked.append(places)
        return {PLACE: {1: "by hand"}}

    watch = Stalling("stage", flight, orders, 60, lambda: now[0])  # type: ignore[arg-type]
    now[0] = 1000
    watch.look()
    flight.add([_record(0), _record(1)], lambda _: {})
    now[0] = 1050
    watch.look()
    assert not watch.stalled() and asked == []
    now[0] = 1061
    watch.look()
    assert watch.stalled() and asked == [{PLACE}]
    assert [record.condemned for record in flight.undone()] == ["", "by hand"]
    _done(flight, broker, 0)
    watch.look()
    assert not watch.stalled()
