"""Rules and dashboards: they name what there is, cover each stage, and say what to do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import streams.app.alerts
import streams.cli as cli
from schemas.measures import METERS
from streams.app import opening, policies
from streams.app.settings import load
from streams.flow.errors import UserError
from streams.release import gitops
from streams.release.observing.dashboards import dashboards
from streams.release.observing.objectives import OBJECTIVES, edges
from streams.release.observing.rules import RUNBOOKS, rules
from streams.runtime.telemetry import REGISTRY
from tests.support.promql import grouped, metrics

ROOT = Path(__file__).parents[3]
assert streams.app.alerts.STATE, "of which rules speak"
STAGES = opening.stages(load())
ENDINGS = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def every_rule() -> Iterator[dict[str, Any]]:
    for group in rules(STAGES, None)["groups"]:
        yield from group["rules"]


def shown() -> Iterator[str]:
    for each in dashboards(STAGES, None).values():
        for panel in each["panels"]:
            yield from (target["expr"] for target in panel["targets"])


def in_code() -> dict[str, set[str]]:
    """Every series that the code can show, with its labels."""
    found: dict[str, set[str]] = {}
    for collector in {*REGISTRY._collector_to_names}:  # pyright: ignore[reportPrivateUsage]
        name, kind = collector._name, collector._type  # type: ignore[attr-defined]
        for ending in ENDINGS[kind]:  # pyright: ignore[reportUnknownArgumentType]
            found[f"{name}{ending}"] = {*collector._labelnames}  # type: ignore[attr-defined]
    for meter in METERS:
        for ending in ENDINGS["histogram" if meter.buckets else "counter"]:
            found[f"{meter.name}{ending}"] = {"stage", "tenant", *meter.labels}
    return found


def test_each_metric_of_a_rule_or_dashboard_exists_with_its_labels() -> None:
    known = in_code() | {rule["record"]: set() for rule in every_rule() if "record" in rule}
    for expression in (*(rule["expr"] for rule in every_rule()), *shown()):
        names = [*metrics(expression)]
        assert names, expression
        for name, labels in names:
            assert name in known, f"{name} of {expression}"
            assert labels - {"le"} <= known[name], f"{labels} of {name}"
        of_all: set[str] = set().union(*(known[name] for name, _ in names))
        assert grouped(expression) - {"le"} <= of_all, expression


def test_a_name_that_nobody_has_is_found() -> None:
    said = 'sum by (stage) (rate(millrace_recrds_total{stage=~"a|b",x!="1"}[5m])) > 0 unless up'
    assert [*metrics(said)] == [("millrace_recrds_total", {"stage", "x"}), ("up", set())]
    assert grouped(said) == {"stage"}


def test_every_stage_has_its_lag_and_its_alerts() -> None:
    found = [*every_rule()]
    for stage in STAGES:
        mine = {r["alert"] for r in found if r.get("labels", {}).get("stage") == stage.name}
        wanted = {"StageLagging", "StageStuck", "StageDeadLetters", "StageRestarting"}
        assert mine == wanted | ({"StageAbsent"} if not stage.place.background else set())
        (lag,) = [r for r in found if r.get("record", "").startswith("rag_") and any(
            f'stage=~"{each.group}'.replace(".", "[.]") in r["expr"]
            for each in stage.subscriptions[:1]
        )]  # fmt: skip
        for each in stage.subscriptions:
            assert re.fullmatch(_matcher(lag["expr"]), each.group)
    records = [rule["record"] for rule in found if "record" in rule]
    assert "rag_retrieval_queue_depth" in records and len(records) == len({*records})


def _matcher(expression: str) -> str:
    (said,) = re.findall(r'stage=~"([^"]*)"', expression)
    return said


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    of_argo = gitops.alerts()
    alerts = {rule["alert"]: rule for rule in (*every_rule(), *of_argo) if "alert" in rule}
    pages = {path.stem: path.read_text() for path in (ROOT / RUNBOOKS).glob("*.md")}
    assert alerts.keys() == pages.keys()
    for name, rule in alerts.items():
        assert (ROOT / rule["annotations"]["runbook"]).exists()
        assert pages[name].startswith(f"# {name}\n"), name
        assert re.findall(r"^## (.*)$", pages[name], re.MULTILINE) == ["Look at", "Type"]


def test_what_a_page_says_to_type_there_is() -> None:
    group = typer.main.get_command(cli.command_line())
    for path in sorted((ROOT / RUNBOOKS).glob("*.md")):
        for line in path.read_text().split("```")[1].strip().splitlines():
            program, *words = shlex.split(line)
            if program != "millrace":
                assert program in ("kubectl", "helm"), line
                continue
            command: Any = group
            while hasattr(command, "commands"):
                if words[0].startswith("--") and command.invoke_without_command:
                    break
                assert words[0] in command.commands, line
                command = command.commands[words.pop(0)]
            known = {option for each in command.params for option in each.opts}
            assert {word for word in words if word.startswith("--")} <= known, line


def test_a_dashboard_is_as_grafana_takes_it() -> None:
    found = dashboards(STAGES, None)
    assert found.keys() == {"pipeline", "tenant", "cost", "quality", "freshness"}
    assert len({each["uid"] for each in found.values()}) == len(found)
    for each in found.values():
        names = {variable["name"] for variable in each["templating"]["list"]}
        places: set[tuple[int, int]] = set()
        for panel in each["panels"]:
            place = panel["gridPos"]
            places.add((place["x"], place["y"]))
            assert place["x"] + place["w"] <= 24
            letters = [target["refId"] for target in panel["targets"]]
            assert letters == sorted({*letters}) and letters[-1] <= "Z"
            assert panel["datasource"]["uid"] == "${datasource}"
            wanted = {v for t in panel["targets"] for v in re.findall(r"\$(\w+)", t["expr"])}
            assert wanted <= names, panel["title"]
        ids = [panel["id"] for panel in each["panels"]]
        assert len(places) == len({*ids}) == len(ids)
    shown_lags = {e for e in shown() if e.startswith("rag_")}
    assert len(shown_lags) == len(STAGES)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("within_s: 5, share: 0.99}", "within_s: 7, share: 0.99}", "'answer_time.within_s' is 7"),
        ("share: 0.999", "share: 1.2", "'revocation.share' is 1.2"),
        ("freshness:", "freshnes:", "'freshnes' is not known; did you mean 'freshness'?"),
    ],
)
def test_objectives_that_cannot_be_are_refused_by_name(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = (policies.SHIPPED / OBJECTIVES).read_text()
    assert text.count(old) == 1
    (tmp_path / OBJECTIVES).write_text(text.replace(old, new))
    with pytest.raises(UserError, match=re.escape(said)):
        edges(tmp_path)
