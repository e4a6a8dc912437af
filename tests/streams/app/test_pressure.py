"""How long a question would wait: by the pace of stages while something always waited."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from streams.app.pressure import FEW, LOOK_S, Line, Seen, Watched, groups, waiting
from tests.system.copying import copying
from tests.system.harness import Bench, load_of, until


def after(line: Line, asked: float, done: float, seconds: float, *, batch: int = 1) -> float:
    """A stage that is asked and does so much a second, in whole batches; begins with nothing."""
    written = read = 0.0
    for look in range(int(seconds / LOOK_S) + 1):
        written = asked * look * LOOK_S
        read = min(written, done * look * LOOK_S // batch * batch)
        line.note(Seen(look * LOOK_S, int(read), int(written) - int(read)))
    return line.wait_s


def test_a_stage_that_keeps_up_keeps_nobody_waiting_however_much_is_asked() -> None:
    assert after(Line(), asked=500, done=1000, seconds=30) == 0
    assert after(Line(), asked=0.2, done=0.2, seconds=60) == 0


@pytest.mark.parametrize("batch", [1, 16, 64])
def test_what_waits_takes_as_long_as_the_stage_takes_for_it(batch: int) -> None:
    wait = after(Line(), asked=80, done=16, seconds=12, batch=batch)
    assert wait == pytest.approx((80 - 16) * 12 / 16, rel=0.25)


def test_nothing_is_told_before_a_pace_was_seen() -> None:
    assert after(Line(), asked=80, done=16, seconds=1) == 0  # a burst, so far
    assert after(Line(), asked=80, done=0, seconds=30) == 0  # it has only just begun


def test_a_stage_that_starts_anew_goes_by_its_former_pace() -> None:
    line = Line()
    after(line, asked=80, done=16, seconds=12)
    for look in range(1, 41):  # its worker was killed
        line.note(Seen(12 + look * LOOK_S, 192, 768 + 40 * look))
        assert line.wait_s == pytest.approx((768 + 40 * look) / 16, rel=0.2)


def test_a_line_that_got_short_is_forgotten() -> None:
    line = Line()
    after(line, asked=80, done=16, seconds=12)
    line.note(Seen(13, 960, FEW))
    assert line.wait_s == 0
    line.note(Seen(13.5, 960, 400))  # a burst: nobody knows yet
    assert line.wait_s == 0


def test_stages_follow_each_other_and_tiers_stand_beside_each_other() -> None:
    found = {"retrieve": 2.0, "rerank": 0.5, "generate.a": 1.0, "generate.b": 3.0}
    assert waiting(found) == 5.5
    assert waiting({}) == 0


class Looked:
    """A group that is behind by so much, and how often it was looked at."""

    def __init__(self, behind: int = 0) -> None:
        self.behind, self.looks, self.opened = behind, 0, 0

    def __call__(self, stack: ExitStack) -> Looked:  # as `Watched` opens it
        self.opened += 1
        return self

    def look(self) -> dict[str, Seen]:
        self.looks += 1
        return {"retrieve": Seen(time.monotonic(), self.looks, self.behind)}


def watched(looked: Looked) -> Watched:
    return Watched(lambda stack: looked(stack).look, ["retrieve"]).open()


def test_at_rest_nothing_is_opened_or_asked_and_each_question_is_a_reason_to_look() -> None:
    looked = Looked()
    pressure = watched(looked)
    try:
        assert not looked.opened
        for looks in (1, 2):
            pressure.wait_s()
            until(lambda looks=looks: looked.looks == looks, "a look")
        time.sleep(3 * LOOK_S)
        assert (looked.looks, looked.opened) == (2, 1)
    finally:
        pressure.close()


def test_while_something_waits_it_is_looked_at_though_nobody_asks() -> None:
    looked = Looked(behind=FEW + 1)
    pressure = watched(looked)
    try:
        pressure.wait_s()
        until(lambda: looked.looks > 3, "looks")
        looked.behind = 0
        until(lambda: pressure.wait_s() == 0, "the line to be gone")
    finally:
        pressure.close()


def test_a_broker_says_how_far_each_group_has_read(bench: Bench) -> None:
    (stage,) = [copying(bench.prefix)]
    bench.send(load_of(40))
    with ExitStack() as stack:
        look = groups(bench.settings, [stage], stack)
        seen = look()[stage.name]
        assert (seen.read, seen.behind) == (0, 40)
        with bench.process():
            bench.await_consumed()
        seen = look()[stage.name]
        assert (seen.read, seen.behind) == (40, 0)
        bench.send(load_of(3))
        assert look()[stage.name].behind == 3
