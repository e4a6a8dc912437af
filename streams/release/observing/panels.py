"""Grafana dashboards as plain data: panels of PromQL, laid out in rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

SCHEMA = 39  # of dashboards: Grafana 10.4 and later
WIDTH, HEIGHT, PER_ROW = 8, 8, 3
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

Unit = Literal["short", "s", "reqps", "percentunit", "currencyUSD", "none"]


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph: a title, and queries with what their lines are called."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: Unit = "short"
    most: float | None = None  # above this is bad


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top, of a label's values."""

    name: str
    query: str


def dashboard(
    name: str, title: str, panels: Sequence[Panel], variables: Sequence[Variable] = ()
) -> dict[str, Any]:
    """A dashboard, as Grafana imports it."""
    return {
        "uid": f"millrace-{name}",
        "title": title,
        "tags": ["millrace"],
        "schemaVersion": SCHEMA,
        "editable": False,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                *map(_variable, variables),
            ]
        },
        "panels": [_panel(number, each) for number, each in enumerate(panels)],
    }


def _variable(variable: Variable) -> dict[str, Any]:
    return {
        "name": variable.name,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": variable.query, "refId": "values"},
        "refresh": 2,
        "includeAll": False,
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, PER_ROW)
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.most is not None:
        steps.append({"color": "red", "value": panel.most})
    shown: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.most is not None:
        shown["custom"] = {"thresholdsStyle": {"mode": "line"}}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": shown, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": SOURCE,
                "expr": expr,
                "legendFormat": legend,
                "exemplar": "_bucket" in expr,
            }
            for place, (expr, legend) in enumerate(panel.queries)
        ],
    }
