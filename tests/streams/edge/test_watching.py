"""Whoever waits for documents is told which stage they are at, and gives up on none that moves."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from streams.edge.admin import Standing
from streams.edge.watching import LOOK_S, Watch
from streams.flow.errors import UserError


@dataclass
class Pipeline:
    """Consumer groups as they stand now, and the time."""

    behind: dict[str, int] = field(default_factory=dict[str, int])
    read: dict[str, int] = field(default_factory=dict[str, int])
    now: float = 0.0
    away: bool = False

    def look(self) -> dict[str, Standing]:
        if self.away:
            raise UserError("the broker does not answer")
        return {
            name: Standing(behind, frozenset({("t", 0, self.read.get(name, 0), "")}))
            for name, behind in self.behind.items()
        }

    def clock(self) -> float:
        return self.now


def _wait(pipeline: Pipeline, watch: Watch, seconds: float) -> str:
    said = ""
    until = pipeline.now + seconds
    while pipeline.now < until:
        pipeline.now += LOOK_S / 2
        said = watch.silence("3 documents are not searchable")
    return said


def _watch(pipeline: Pipeline, patience_s: float = 60) -> Watch:
    return Watch(pipeline.look, patience_s, pipeline.clock)


def test_the_stage_with_the_most_before_it_is_named_and_whether_it_moves() -> None:
    pipeline = Pipeline({"chunk": 2, "embed.bulk": 1234})
    watch = _watch(pipeline)
    assert _wait(pipeline, watch, LOOK_S / 2) == "", "for a moment of silence nobody looks"
    _wait(pipeline, watch, 2 * LOOK_S)
    pipeline.read["embed.bulk"] = 1
    moving = _wait(pipeline, watch, LOOK_S)
    assert moving == "embed.bulk has 1,234 records before it, moving"
    still = _wait(pipeline, watch, 3 * LOOK_S)
    assert still == "embed.bulk has 1,234 records before it, not moving"
    watch.heard()
    assert watch.silence("") == ""


def test_nobody_gives_up_on_a_stage_that_moves() -> None:
    pipeline = Pipeline({"chunk": 0, "embed": 500})
    watch = _watch(pipeline)
    for hour in range(20):
        pipeline.read["embed"] = hour
        _wait(pipeline, watch, 50)


def test_where_nothing_moves_the_stage_is_named() -> None:
    pipeline = Pipeline({"chunk": 1, "embed": 500})
    watch = _watch(pipeline)
    said = (
        "3 documents are not searchable and nothing moved for 60 s: stage embed has 500 records "
        "before it and reads none"
    )
    with pytest.raises(UserError, match=said):
        _wait(pipeline, watch, 100)
    assert 60 < pipeline.now < 75


def test_what_every_stage_has_read_and_nobody_acknowledged_is_told() -> None:
    pipeline = Pipeline({"chunk": 0, "embed": 0})
    with pytest.raises(UserError, match="no stage has anything to read"):
        _wait(pipeline, _watch(pipeline), 100)


def test_an_outage_ends_the_patience_with_its_own_words() -> None:
    pipeline = Pipeline({"chunk": 5}, away=True)
    watch = _watch(pipeline)
    with pytest.raises(UserError, match="3 documents are not searchable: the broker does not"):
        _wait(pipeline, watch, 100)
    pipeline.away = False
    watch.heard()
    assert _wait(pipeline, watch, 2 * LOOK_S)
