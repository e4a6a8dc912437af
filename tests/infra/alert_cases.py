"""For each alert a history in which it fires, and one in which none does, for promtool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from streams.flow.stage import Stage
from tests.infra.check_chart import CHART

Series = dict[str, str]
Case = dict[str, Any]
Rule = dict[str, Any]
STEPS, EDGE_STEPS = 40, 4 * 60  # minutes: the longest alert of an edge waits three hours
GOOD, BAD = f"0+60x{EDGE_STEPS}", f"0+0x{EDGE_STEPS}"  # one a second, and none


def cases(stages: Sequence[Stage]) -> list[Case]:
    """Of all but the edges: that these alerts fire, and no others of their name."""
    alerts = alerts_of()
    return [
        *(case for stage in stages for case in _of_stage(stage, stages, alerts)),
        *_of_flow(alerts),
        _healthy(stages, alerts),
    ]


def edge_cases() -> list[Case]:
    """Of what is promised at the edges."""
    alerts = alerts_of()
    return [*_of_edges(alerts), _kept(alerts)]


def alerts_of() -> list[Rule]:
    """Every alert, as it was rendered."""
    groups = yaml.safe_load((CHART / "rules.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def _of_stage(stage: Stage, stages: Sequence[Stage], alerts: list[Rule]) -> Iterator[Case]:
    last = stage.subscriptions[-1].group  # its bulk one, where it has one
    lag, done = f'millrace_lag{{stage="{last}"}}', f'millrace_records_total{{stage="{last}"}}'
    letters = f'millrace_dead_letters_total{{stage="{last}"}}'
    yield _case(alerts, "StageLagging", stage, {lag: f"2000+0x{STEPS}", done: GOOD})
    yield _case(alerts, "StageStuck", stage, {lag: f"3+0x{STEPS}", done: f"9+0x{STEPS}"})
    stalled = f'millrace_stalled{{stage="{last}"}}'
    yield _case(alerts, "StageStuck", stage, {stalled: f"1+0x{STEPS}", lag: f"0+0x{STEPS}"})
    yield _case(alerts, "StageDeadLetters", stage, {letters: f"0+0x{STEPS - 5} 1 1 1 1 1"})
    again = f'millrace_started_seconds{{stage="{last}",worker="w-0"}}'
    yield _case(alerts, "StageRestarting", stage, {again: f"1+0x{STEPS - 9} 2 3 3 4 4 5 5 5 5"})
    mine = [each for each in alerts if each["labels"].get("stage") == stage.name]
    if "StageAbsent" in {each["alert"] for each in mine}:
        others = {
            f'millrace_started_seconds{{stage="{each.name}",worker="w"}}': f"1+0x{STEPS}"
            for each in stages
            if each is not stage
        }
        yield _case(alerts, "StageAbsent", stage, others)


def _of_edges(alerts: list[Rule]) -> Iterator[Case]:
    answers = 'millrace_answers_total{status="expired",tenant="a",stage="rerank"}'
    fresh = 'millrace_freshness_seconds_{}{{op="{}",lane="live",tenant="a"{}}}'
    yield _fires(alerts, "AnswerTimeBurning", {answers: GOOD})
    late = {fresh.format("count", "upsert", ""): GOOD, fresh.format("count", "delete", ""): BAD}
    late[fresh.format("bucket", "upsert", ',le="10.0"')] = f"0+48x{STEPS}"  # four of five
    yield _fires(alerts, "FreshnessBurning", late)
    yield _fires(alerts, "RevocationBurning", {fresh.format("count", "access", ""): GOOD})


def _of_flow(alerts: list[Rule]) -> Iterator[Case]:
    away = {'millrace_peer_away{peer="redis"}': f"1+0x{STEPS}"}
    yield _fires(alerts, "PeerAway", away, peer="redis")
    poor = {
        'millrace_degraded_total{at="rerank",tenant="a"}': f"0+12x{STEPS}",
        'millrace_degraded_total{at="retrieve",tenant="a"}': f"0+1x{STEPS}",
        'millrace_answers_total{status="answered",tenant="a"}': GOOD,
    }
    yield _fires(alerts, "AnswersDegraded", poor, at="rerank")
    near = {'millrace_budget_reached{tenant="a",limit="soft"}': f"1+0x{STEPS}"}
    yield _fires(alerts, "BudgetNear", near, tenant="a", limit="soft")
    spent = {
        'millrace_budget_reached{tenant="a",limit="hard",instance="1"}': f"2+0x{STEPS}",
        'millrace_budget_reached{tenant="a",limit="hard",instance="2"}': f"1+0x{STEPS}",
        'millrace_budget_reached{tenant="b",limit="hard",instance="2"}': f"0+0x{STEPS}",
    }
    yield _fires(alerts, "BudgetSpent", spent, tenant="a", limit="hard")
    missing = {
        'millrace_answers_cached_total{how="exact",tenant="a"}': f"0+60x4 240+0x{STEPS}",
        'millrace_answers_total{status="answered",tenant="a"}': GOOD,
    }
    yield _fires(alerts, "AnswerCacheMissing", missing)
    aborts = {'millrace_aborts_total{stage="index"}': f"0+3x{STEPS}"}
    yield _fires(alerts, "TransactionsAborting", aborts, stage="index")


def _healthy(stages: Sequence[Stage], alerts: list[Rule]) -> Case:
    """Everything there, done in time: nobody is told anything."""
    series: Series = {}
    for stage in stages:
        for each in stage.subscriptions:
            of = f'stage="{each.group}"'
            series |= {
                f"millrace_lag{{{of}}}": "0 1 0 2 " * (STEPS // 4),
                f"millrace_records_total{{{of}}}": GOOD,
                f"millrace_dead_letters_total{{{of}}}": f"4+0x{STEPS}",
                f"millrace_stalled{{{of}}}": BAD,
                f'millrace_started_seconds{{{of},worker="w"}}': f"1+0x{STEPS}",
            }
    series |= {
        'millrace_answers_cached_total{how="exact",tenant="a"}': f"0+20x{STEPS}",
        'millrace_answers_total{status="answered",tenant="a"}': GOOD,
        'millrace_budget_reached{tenant="a",limit="soft"}': f"0+0x{STEPS}",
    }
    return _written(series, [(name, []) for name in _names(alerts, edges=False)], STEPS)


def _kept(alerts: list[Rule]) -> Case:
    """All is in time, and what is refused does not count."""
    series = {
        'millrace_answers_total{status="answered",tenant="a"}': GOOD,
        'millrace_answers_total{status="refused",tenant="a"}': GOOD,
        'millrace_answer_seconds_bucket{le="5.0",tenant="a"}': GOOD,
    }
    for op, le in (("upsert", "10.0"), ("delete", "5.0")):
        of = f'op="{op}",lane="live"'
        series[f"millrace_freshness_seconds_count{{{of}}}"] = GOOD
        series[f'millrace_freshness_seconds_bucket{{{of},le="{le}"}}'] = GOOD
    return _written(series, [(name, []) for name in _names(alerts, edges=True)], EDGE_STEPS)


def _names(alerts: list[Rule], *, edges: bool) -> list[str]:
    return sorted({each["alert"] for each in alerts if ("edge" in each["labels"]) == edges})


def _case(alerts: list[Rule], name: str, stage: Stage, series: Series) -> Case:
    mine = [each for each in alerts if each["labels"].get("stage") == stage.name]
    return _fires(mine, name, series)


def _fires(alerts: list[Rule], name: str, series: Series, **labels: str) -> Case:
    fired = [each for each in alerts if each["alert"] == name]
    assert fired, f"there is no alert {name}"
    steps = EDGE_STEPS if "edge" in fired[0]["labels"] else STEPS
    return _written(series, [(name, [_expected(each, labels) for each in fired])], steps)


def _expected(alert: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    said = dict(alert["annotations"])
    for label, value in labels.items():
        said = {
            key: text.replace(f"{{{{ $labels.{label} }}}}", value) for key, text in said.items()
        }
    return {"exp_labels": alert["labels"] | labels, "exp_annotations": said}


def _written(series: Series, wanted: list[tuple[str, list[Rule]]], steps: int) -> Case:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": said} for name, said in series.items()],
        "alert_rule_test": [
            {"eval_time": f"{steps}m", "alertname": name, "exp_alerts": expected}
            for name, expected in wanted
        ],
    }
