"""What is recorded of each stage, and when somebody is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from streams.flow.stage import Stage

Rule = dict[str, Any]
WAIT_S, BACKGROUND_WAIT_S = 15, 900  # what lies before a stage may take so long: half a deadline
LETTERS, RESTARTS = "15m", 2


def depth(stage: str) -> str:
    """What the recorded lag of a stage is called."""
    name = "retrieval" if stage == "retrieve" else stage.replace(".", "_").replace("-", "_")
    return f"rag_{name}_queue_depth"


def of(stage: Stage) -> str:
    """Matches the stage's consumer groups: of a metric's label."""
    groups = "|".join(each.group.replace(".", "[.]") for each in stage.subscriptions)
    return f'stage=~"{groups}"'


def recorded(stages: Sequence[Stage]) -> Iterator[Rule]:
    """The lag of each stage, all partitions and workers together: what also scales it."""
    for stage in stages:
        yield {"record": depth(stage.name), "expr": f"sum(millrace_lag{{{of(stage)}}})"}


def alerts(stage: Stage, *, missed: bool = True) -> Iterator[Rule]:
    """What is told of one stage; whether it is `missed` where nobody works on it."""
    lag, mine = depth(stage.name), of(stage)
    waited_for = not stage.place.background
    wait, urgent = (WAIT_S, "critical") if waited_for else (BACKGROUND_WAIT_S, "warning")
    rate = f"sum(rate(millrace_records_total{{{mine}}}[5m]))"
    yield _alert(
        "StageLagging",
        f"{lag} / clamp_min({rate}, 0.01) > {wait}",
        "2m" if waited_for else "10m",
        urgent,
        stage,
        f"What lies before {stage.name} takes more than {wait} s at the pace of now",
    )
    yield _alert(
        "StageStuck",
        f"({lag} > 0 unless sum(increase(millrace_records_total{{{mine}}}[10m])) > 0) "
        f"or max(millrace_stalled{{{mine}}}) > 0",
        "5m",
        "critical",
        stage,
        f"{stage.name} has records before it and commits none",
    )
    yield _alert(
        "StageDeadLetters",
        f"sum(increase(millrace_dead_letters_total{{{mine}}}[{LETTERS}])) > 0",
        "0m",
        "warning",
        stage,
        f"{stage.name} has given up records: they are on {stage.dead_letters.name}",
    )
    yield _alert(
        "StageRestarting",
        f"max(changes(max by (worker) (millrace_started_seconds{{{mine}}})[{LETTERS}:15s])) "
        f"> {RESTARTS}",
        "0m",
        "critical",
        stage,
        f"A worker of {stage.name} starts again and again",
    )
    if waited_for and missed:
        yield _alert(
            "StageAbsent",
            f"absent(millrace_started_seconds{{{mine}}})",
            "2m",
            "critical",
            stage,
            f"No worker of {stage.name} is seen, and questions wait for it",
        )


def _alert(name: str, expr: str, wait: str, severity: str, stage: Stage, said: str) -> Rule:
    return {
        "alert": name,
        "expr": expr,
        "for": wait,
        "labels": {"severity": severity, "stage": stage.name},
        "annotations": {"summary": said},
    }
