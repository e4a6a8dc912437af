"""What fails the build: `millrace check` on copies of the shipped policy files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.app import policies
from streams.app.config import chunking_policy, config, models
from streams.app.settings import Settings
from streams.flow.errors import UserError
from streams.release import compatibility
from streams.release.versions import PINS, pins, versions
from tests.support.fakes import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(policies.SHIPPED, tmp_path / "policies"))


def edit(path: Path, before: str, after: str) -> None:
    said = path.read_text()
    assert before in said
    path.write_text(said.replace(before, after))


def said(folder: Path, **pinned: str) -> list[str]:
    return [each.said for each in compatibility.check(folder, pins() | pinned, models())]


def run(folder: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "check", *words],
        env=os.environ | {"MILLRACE_POLICIES": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_what_is_shipped_goes_together_and_the_build_checks_it(folder: Path) -> None:
    assert said(folder) == []
    assert "millrace check" in (ROOT / "Makefile").read_text()


def test_a_prompt_edited_without_a_new_version_fails_the_build(folder: Path) -> None:
    edit(folder / "prompts" / "answer.md", "Be brief", "Be very brief")
    code, out, _ = run(folder)
    assert code == 1
    (line,) = out.splitlines()
    assert "policies/prompts/answer.md changed, but is still version 'answer-1'" in line
    assert "--accept" in line
    code, out, _ = run(folder, "--accept", "--json")
    report: dict[str, Any] = json.loads(out)
    assert (code, report["ok"], report["recorded"]) == (1, False, [])
    assert report["problems"][0]["file"] == "policies/prompts/answer.md"


def test_a_mismatched_pair_of_versions_fails_the_build(folder: Path) -> None:
    edit(folder / "compatibility.toml", '"all-MiniLM-L6-v2"', '"another-model"')
    code, out, _ = run(folder)
    assert code == 1
    assert "does not let embedding_model 'all-MiniLM-L6-v2' go with prompt_version" in out
    assert "add an entry" in out


@pytest.mark.parametrize("pin", PINS)
def test_every_pin_is_held_against_the_listed_combinations(folder: Path, pin: str) -> None:
    found = " ".join(said(folder, **{pin: "other-9"}))
    assert f"does not let {pin} 'other-9' go with" in found


def test_a_new_version_is_accepted_once_and_then_pinned(folder: Path) -> None:
    path = folder / "prompts" / "rewrite.md"
    edit(path, "version: rewrite-1", "version: rewrite-2")
    assert "run `millrace check --accept`" in said(folder)[0]
    assert compatibility.accept(folder) == (["prompts/rewrite.md rewrite-2"], [])
    (pin,) = said(folder)
    assert (
        "pins prompt_version 'answer-1+followup-1+rewrite-1', but policies/prompts/*.md is at"
        in pin
    )
    edit(
        folder / "compatibility.toml",
        "answer-1+followup-1+rewrite-1",
        "answer-1+followup-1+rewrite-2",
    )
    assert said(folder, prompt_version="answer-1+followup-1+rewrite-2") == []
    assert compatibility.accept(folder) == ([], [])
    edit(path, "write other wordings", "write wordings")
    assert "still version 'rewrite-2'" in said(folder)[0]
    edit(path, "version: rewrite-2", "version: rewrite-1")  # nor may an old version come back new
    assert "still version 'rewrite-1'" in said(folder)[0]


def test_a_chunking_file_changed_under_its_version_fails(folder: Path) -> None:
    version = yaml.safe_load((folder / "chunking.yaml").read_text())["version"]
    edit(folder / "chunking.yaml", "min_tokens: 60", "min_tokens: 61")
    assert f"policies/chunking.yaml changed, but is still version '{version}'" in said(folder)[0]
    edit(folder / "chunking.yaml", f"version: {version}", "version: mine-1")
    assert any("pins chunking" in each for each in said(folder))


def test_a_comment_and_the_order_of_keys_are_no_new_version(folder: Path) -> None:
    for name in ("chunking.yaml", "retrieval.yaml"):
        path = folder / name
        found = yaml.safe_load(path.read_text())
        path.write_text(f"# Said anew.\n{yaml.safe_dump(found, sort_keys=True)}")
    assert said(folder) == []
    assert compatibility.accept(folder) == ([], [])


def test_of_a_prompt_every_character_counts(folder: Path) -> None:
    edit(folder / "prompts" / "answer.md", "# User\n", "# User\n\n")
    assert "policies/prompts/answer.md changed, but is still version 'answer-1'" in said(folder)[0]


def test_a_retrieval_file_is_held_to_its_pin_where_there_is_one(folder: Path) -> None:
    (folder / "retrieval.yaml").write_text("version: tuned-9\nfusion: max\n")
    compatibility.accept(folder)
    (only,) = said(folder)
    assert "pins retrieval_pipeline" in only
    assert "policies/retrieval.yaml is at 'tuned-9'" in only


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("chunking.yaml", "strategies: [prose]\n", "has no version"),
        ("chunking.yaml", ": : :", "is not valid YAML"),
        ("chunking.yaml", "version: a\nstrategies: [magic]\n", "is 'magic'; it must be one of"),
        ("prompts/answer.md", "no front matter", "must have a front matter"),
        ("prompts/answer.md", "---\nname: answer\n---\n# System\n# User\n", "name, version and"),
        ("compatibility.toml", "[[together", "is not valid TOML"),
        ("compatibility.toml", "version = '1'", "'together' is missing"),
        (
            "compatibility.toml",
            "version = '1'\n[[together]]\nprompt_versions = ['answer-1']",
            "'together[0].prompt_versions' is not known; did you mean 'prompt_version'?",
        ),
        ("versions.lock", "a = 1", "is damaged"),
    ],
)
def test_what_cannot_be_read_is_named(
    folder: Path, name: str, content: str, complaint: str
) -> None:
    (folder / name).write_text(content)
    with pytest.raises(UserError, match=name.rpartition("/")[2]) as failure:
        chunking_policy(Settings(policies=folder))
        said(folder)
    assert complaint in str(failure.value)


@pytest.mark.parametrize(
    ("name", "before", "after", "complaint"),
    [
        ("retrieval.yaml", "bm25_weight: 0.45", "bm25_weight: 4.5", "'bm25_weight' is 4.5"),
        ("retrieval.yaml", "version: hybrid", "version: 4.5 #", "'version' is 4.5"),
        ("connectors.yaml", "debezium:", "debezium: 7 #", "'debezium' is 7; it must be a mapping"),
        ("prompts/rewrite.md", "$most", "$many", "must have the places $most and $question"),
        ("prompts/answer.md", "$passages", "", "must have the places $passages and $question"),
    ],
)
def test_what_no_worker_could_use_is_refused_and_not_recorded(
    folder: Path, name: str, before: str, after: str, complaint: str
) -> None:
    edit(folder / name, before, after)
    recorded = (folder / "versions.lock").read_bytes()
    for words in ((), ("--accept",)):
        code, _, err = run(folder, *words)
        assert code == 2
        assert complaint in " ".join(err.split())
        assert name in "".join(err.split())
    assert (folder / "versions.lock").read_bytes() == recorded


def test_trees_that_were_changed_by_hand_fail_the_build(folder: Path) -> None:
    (trees,) = (folder / "retrieval").iterdir()
    trees.write_bytes(trees.read_bytes().replace(b"0.", b"1.", 1))
    code, _, err = run(folder)
    assert code == 2
    assert "changed without the policy" in " ".join(err.split())


@pytest.mark.parametrize("name", ["retrieval.yaml", "chunking.yaml", "prompts"])
def test_what_is_missing_of_a_policy_folder_fails_the_build(folder: Path, name: str) -> None:
    path = folder / name
    _ = shutil.rmtree(path) if path.is_dir() else path.unlink()
    code, _, err = run(folder)
    assert code == 2
    assert name in "".join(err.split())
    assert "cannot be read" in " ".join(err.split())


def test_answers_carry_the_pins_and_the_chunking_that_is_in_use(folder: Path) -> None:
    shipped = config(Settings()).versions
    assert shipped == versions("main", shipped.weights)
    assert shipped.chunking == chunking_policy(Settings()).version == pins()["chunking"]
    edit(folder / "chunking.yaml", f"version: {shipped.chunking}", "version: own-1")
    assert config(Settings(policies=folder)).versions.chunking == "own-1"


def test_prompts_are_filled_by_name_and_values_stay_as_they_are() -> None:
    prompt = policies.prompt("answer")
    assert prompt.places == {"question", "passages"}
    system, user = prompt.fill(question="Is it $5? $name", passages="[1] {x}")
    assert "never instructions" in system
    assert "Is it $5? $name" in user
    with pytest.raises(ValueError, match="filled with passages, question, not with question"):
        prompt.fill(question="?")
    assert [each.name for each in policies.prompts()] == ["answer", "followup", "rewrite"]


def test_a_prompt_with_a_stray_dollar_is_refused(folder: Path) -> None:
    edit(folder / "prompts" / "answer.md", "Be brief", "Costs $ 5. Be brief")
    with pytest.raises(UserError, match="write it as"):
        policies.prompt("answer", folder)
