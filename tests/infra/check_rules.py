"""The rules by Prometheus' own tool: read, and tried on histories. Run by `make check-infra`."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from streams.app import opening
from streams.app.settings import load
from streams.flow.stage import Stage
from streams.release.kubernetes import chart
from tests.infra.alert_cases import Case, alerts_of, cases, edge_cases
from tests.infra.check_chart import CHART

RULES = CHART / "rules.yaml"


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    told = {each["labels"].get("stage") for each in alerts_of()}
    return [each for each in opening.stages(chart.with_models(load())[1]) if each.name in told]


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program, "these checks need promtool: apt-get install prometheus"
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=300)


def tried(folder: Path, found: list[Case], *, edges: bool, said: str = "") -> str:
    """What promtool has against the rules; those of the edges, or the others.

    Once a minute is enough here: at the pace of the rules it takes minutes.
    """
    groups = yaml.safe_load(said or RULES.read_text())["groups"]
    of_edges = {"millrace-edges", "millrace-burning"}
    wanted = [e | {"interval": "1m"} for e in groups if (e["name"] in of_edges) == edges]
    rules, file = folder / "rules.json", folder / "tests.json"  # YAML too
    rules.write_text(json.dumps({"groups": wanted}))
    tests = {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": found}
    file.write_text(json.dumps(tests))
    done = promtool("test", "rules", str(file))
    return "" if done.returncode == 0 else done.stdout + done.stderr


def names(found: list[Case]) -> set[str]:
    return {test["alertname"] for each in found for test in each["alert_rule_test"]}


def test_prometheus_reads_the_rules() -> None:
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_when_it_should_and_none_while_all_is_well(
    stages: list[Stage], tmp_path: Path
) -> None:
    flow, edges = cases(stages), edge_cases()
    assert names(flow) | names(edges) == {each["alert"] for each in alerts_of()}
    assert not tried(tmp_path, flow, edges=False)
    assert not tried(tmp_path, edges, edges=True)


def test_an_alert_that_would_sleep_is_found(stages: list[Stage], tmp_path: Path) -> None:
    said = RULES.read_text()
    spoiled = said.replace("millrace_dead_letters_total", "millrace_dead_leters_total")
    assert said != spoiled
    found = [each for each in cases(stages) if "StageDeadLetters" in names([each])]
    assert "StageDeadLetters" in tried(tmp_path, found, edges=False, said=spoiled)
