"""How long a question would wait: by the pace of stages while something always waited."""

from __future__ import annotations

import pytest

from streams.app.pressure import FEW, LOOK_S, Line, Seen, waiting


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
