"""What runs changes by pull request alone, and what asks for it names what there is."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.app import policies
from streams.flow.errors import UserError
from streams.release import gitops

ROOT = Path(__file__).parents[3]
WORKFLOW = ROOT / ".github" / "workflows" / "evaluate.yml"
AREAS = {"platform": "rag-platform", "ingestion": "rag-ingestion"}


def objects(folder: Path | None = None) -> dict[tuple[str, str], Any]:
    found = [*gitops.objects(folder, AREAS)]
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def test_each_environment_has_a_project_an_application_and_values_of_its_own() -> None:
    said = policies.read(gitops.ENVIRONMENTS)
    found = objects()
    spec = found["ApplicationSet", "millrace"]["spec"]
    elements = spec["generators"][0]["list"]["elements"]
    assert [each["name"] for each in elements] == [*said["environments"]]
    for each in elements:
        project = found["AppProject", f"millrace-{each['name']}"]["spec"]
        assert project["sourceRepos"] == [said["repository"]]
        assert {d["server"] for d in project["destinations"]} == {each["cluster"]}
        assert (ROOT / gitops.VALUES / f"{each['name']}.yaml").exists()
    values = {path.stem for path in (ROOT / gitops.VALUES).glob("*.yaml")}
    assert values == {*said["environments"]}
    chart, own = spec["template"]["spec"]["sources"]
    assert (ROOT / chart["path"] / "Chart.yaml").exists()
    assert own == {"repoURL": said["repository"], "targetRevision": "main", "ref": "values"}


def test_nobody_may_change_an_environment_by_hand() -> None:
    found = objects()
    synced = found["ApplicationSet", "millrace"]["spec"]["template"]["spec"]["syncPolicy"]
    assert synced["automated"] == {"prune": True, "selfHeal": True}
    for (kind, name), each in found.items():
        if kind == "AppProject":
            for role in each["spec"]["roles"]:
                for line in role["policies"]:
                    assert line.split(", ")[3] == "get", f"{name}: {line}"
    (window,) = found["AppProject", "millrace-production"]["spec"]["syncWindows"]
    assert window["manualSync"] is False


def test_commits_that_no_named_key_signed_may_be_refused(tmp_path: Path) -> None:
    shutil.copytree(policies.SHIPPED, tmp_path, dirs_exist_ok=True)
    path = tmp_path / gitops.ENVIRONMENTS
    path.write_text(path.read_text().replace("signed_by: []", "signed_by: [AEF0123456789ABC]"))
    found = objects(tmp_path)
    assert found["AppProject", "millrace-production"]["spec"]["signatureKeys"] == [
        {"keyID": "AEF0123456789ABC"}
    ]
    assert "signatureKeys" not in found["AppProject", "millrace-staging"]["spec"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  staging:", "  Staging:", "a name in lower case"),
        ("    revision: main #", "    revison: main #", "revison"),
        ("kind: allow", "kind: sometimes", "kind"),
        ("signed_by: []", "signed_by: [nobody]", "the id of a GPG key"),
        ("repository: https", "repo: https", "repo"),
    ],
)
def test_an_environment_that_cannot_be_is_named(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    text = (policies.SHIPPED / gitops.ENVIRONMENTS).read_text()
    assert old in text
    (tmp_path / gitops.ENVIRONMENTS).write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=f"{gitops.ENVIRONMENTS} cannot be used: .*{said}"):
        objects(tmp_path)


def test_what_must_pass_before_a_merge_is_what_ci_runs() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    names: set[str] = set()
    for name, job in jobs.items():
        (versions,) = [*job.get("strategy", {}).get("matrix", {"": [""]}).values()]
        names |= {f"{name} ({each})" if each else name for each in versions}
    rules = json.loads((ROOT / ".github/rulesets/main.json").read_text())["rules"]
    by_type = {each["type"]: each.get("parameters", {}) for each in rules}
    required = by_type["required_status_checks"]["required_status_checks"]
    assert {each["context"] for each in required} == names
    assert by_type["pull_request"]["require_code_owner_review"] is True
    assert by_type["pull_request"]["required_approving_review_count"] >= 1


def test_whoever_owns_a_path_owns_one_that_is_there_and_policies_have_owners() -> None:
    lines = (ROOT / ".github/CODEOWNERS").read_text().splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    for pattern, *owners in rules:
        assert owners and all(each.startswith("@") for each in owners)
        assert [*ROOT.glob(pattern.strip("/"))], f"{pattern} is of nothing"
    owned = {pattern for pattern, *_ in rules}
    assert {"*", "/policies/", "/infra/environments/", "/.github/"} <= owned


def test_both_systems_of_ci_run_the_same_targets_and_there_are_such() -> None:
    wanted = re.findall(r"\brun: make ([\w-]+)", WORKFLOW.read_text())
    jenkins = re.findall(r"\bsh 'make ([\w-]+)'", (ROOT / "infra/ci/Jenkinsfile").read_text())
    assert {*jenkins} == {*wanted}
    there = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {*wanted} <= {*there}
