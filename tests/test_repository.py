"""What people expect of a repository is there and means what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ADRS = sorted((ROOT / "docs" / "adr").glob("0*.md"))


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def test_ci_runs_the_oldest_and_the_newest_python() -> None:
    jobs = read(".github/workflows/evaluate.yml")["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
    assert [step["run"] for step in jobs["test"]["steps"] if "run" in step] == [
        "make check",
        "make test",
        "make test-real",
    ]


def test_what_a_commit_is_checked_for_is_part_of_make_check() -> None:
    (local,) = read(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"  # nothing is fetched
    checked = (
        (ROOT / "Makefile").read_text().partition("\ncheck:")[2].replace("$(BIN)", ".venv/bin")
    )
    for hook in local["hooks"]:
        assert hook["entry"] in checked


@pytest.mark.parametrize("name", ["bug", "feature"])
def test_an_issue_form_asks_for_what_its_reader_needs(name: str) -> None:
    form = read(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert form.keys() >= {"name", "description", "body"}
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_decisions_are_numbered_listed_and_of_one_form() -> None:
    listed = (ROOT / "docs" / "adr" / "README.md").read_text()
    assert [int(path.name[:4]) for path in ADRS] == list(range(1, len(ADRS) + 1))
    for path in ADRS:
        said = path.read_text()
        title = re.fullmatch(rf"# {int(path.name[:4])}\. (.+)", said.splitlines()[0])
        assert title
        assert f"- [{path.name[:4]}]({path.name}): {title[1]}" in listed
        assert re.findall("^## .*", said, re.MULTILINE) == [
            "## Context",
            "## Decision",
            "## Consequences",
        ]


@pytest.mark.parametrize(
    "path",
    [*ADRS, ROOT / "docs/adr/README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"],
    ids=lambda path: path.name,
)
def test_what_a_page_names_is_there(path: Path) -> None:
    said = path.read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", said):
        assert (path.parent / target).exists(), target
    rooms = "connectors|docs|evaluation|policies|processors|schemas|streams|tests"
    for target in re.findall(rf"`((?:{rooms})/[\w./-]+)`", said):
        assert (ROOT / target).exists(), target
