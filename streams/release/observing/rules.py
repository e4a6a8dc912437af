"""Recording and alert rules, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from streams.flow.stage import Stage
from streams.release.observing import burning, stage_rules
from streams.release.observing.objectives import edges

RUNBOOKS = "docs/runbooks"
DEGRADED_SHARE, COLLECTED_S = 0.1, 15
# Of the answer cache: half as many hits as before, where there were some and enough is asked.
_HALF, _SOME, _ENOUGH = 0.5, 0.05, 50
_HITS = "sum(increase(millrace_answers_cached_total[{0}]))"
_ASKED = 'sum(increase(millrace_answers_total{{status="answered"}}[{0}]))'

# What is not of one stage alone.
_FLOW: tuple[dict[str, Any], ...] = (
    {
        "alert": "PeerAway",
        "expr": "max by (peer) (millrace_peer_away) > 0",
        "for": "5m",
        "labels": {"severity": "critical"},
        "annotations": {"summary": "{{ $labels.peer }} does not answer, and is not asked"},
    },
    {
        "alert": "AnswersDegraded",
        "expr": "sum by (at) (rate(millrace_degraded_total[10m])) / on () group_left () "
        f"(sum(rate(millrace_answers_total[10m])) > 0) > {DEGRADED_SHARE}",
        "for": "10m",
        "labels": {"severity": "warning"},
        "annotations": {"summary": "Many answers are made without what {{ $labels.at }} does"},
    },
    {
        "alert": "AnswerCacheMissing",
        "expr": f"({_HITS.format('30m')} or vector(0)) / ({_ASKED.format('30m')} > {_ENOUGH}) "
        f"< {_HALF} * ({_HITS.format('6h')} / {_ASKED.format('6h')} > {_SOME})",
        "for": "5m",
        "labels": {"severity": "warning"},
        "annotations": {"summary": "Answers are given again half as often as in the hours before"},
    },
    {
        "alert": "BudgetNear",
        "expr": "max by (tenant, limit) (millrace_budget_reached) == 1",
        "for": "0m",
        "labels": {"severity": "warning"},
        "annotations": {
            "summary": "{{ $labels.tenant }} has spent four fifths of its {{ $labels.limit }} limit"
        },
    },
    {
        "alert": "BudgetSpent",
        "expr": "max by (tenant, limit) (millrace_budget_reached) == 2",
        "for": "0m",
        "labels": {"severity": "critical"},
        "annotations": {
            "summary": "{{ $labels.tenant }} has spent its {{ $labels.limit }} limit: soft leaves "
            "it the cheaper tier, hard refuses its questions"
        },
    },
    {
        "alert": "TransactionsAborting",
        "expr": "sum by (stage) (increase(millrace_aborts_total[15m])) > 20",
        "for": "5m",
        "labels": {"severity": "warning"},
        "annotations": {"summary": "{{ $labels.stage }} works in vain: its transactions abort"},
    },
)


def rules(
    stages: Sequence[Stage], policies: Path | None, optional: Collection[str] = ()
) -> dict[str, Any]:
    """The content of a rules file; of `optional` stages nobody misses a worker.

    Raises:
        UserError: the policy of objectives is absent or wrong.
    """
    promised = edges(policies)
    groups = [
        _group("millrace-depth", stage_rules.recorded(stages)),
        _group("millrace-edges", burning.recorded(promised)),
        _group("millrace-burning", burning.alerts(promised)),
        _group("millrace-flow", _FLOW),
        *(
            _group(
                f"millrace-stage-{each.name}",
                stage_rules.alerts(each, missed=each.name not in optional),
            )
            for each in stages
        ),
    ]
    return {"groups": groups}


def _group(name: str, found: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "interval": f"{COLLECTED_S}s",
        "rules": [_with_runbook(each) for each in found],
    }


def _with_runbook(rule: dict[str, Any]) -> dict[str, Any]:
    if "alert" not in rule:
        return rule
    runbook = f"{RUNBOOKS}/{rule['alert']}.md"
    return rule | {"annotations": {**rule["annotations"], "runbook": runbook}}
