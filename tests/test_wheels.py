"""The wheels: what is in them, and that an installed one works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
LARGEST = 8_000_000  # bytes of the main wheel: code, policies, a sample, the reader's weights


def built(project: Path, into: Path) -> Path:
    before = set(into.glob("*.whl"))
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (made,) = set(into.glob("*.whl")) - before
    return made


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("wheels")
    return built(ROOT, folder), built(ROOT / "evaluation" / "judge_weights", folder)


def names(wheel: Path) -> list[str]:
    with ZipFile(wheel) as file:
        return file.namelist()


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python where the wheels unpacked in `site` come first, far from the checkout."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MILLRACE_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=site,
        env=kept | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )


def test_the_main_wheel_is_small_and_holds_neither_research_nor_the_judge(
    wheels: tuple[Path, Path],
) -> None:
    main, _ = wheels
    there = names(main)
    assert main.stat().st_size < LARGEST
    assert not [each for each in there if "research" in each or "judge_weights" in each]
    assert [each for each in there if each.endswith(".npz")] == ["policies/answering/reader.npz"]
    for path in (
        "evaluation/evaluate.py",
        "evaluation/results/agreement.json",
        "evaluation/sample/questions.jsonl",
        "policies/answering.yaml",
        "policies/answering/README.md",
        "policies/judge.json",
        "schemas/avro/QuestionAsked.avsc",
        "streams/pyproject.toml",
    ):
        assert path in there


def test_the_weights_are_a_wheel_of_nothing_else(wheels: tuple[Path, Path]) -> None:
    _, weights = wheels
    of_package = [each for each in names(weights) if not each.partition("/")[0].endswith("info")]
    assert sorted(of_package) == ["millrace_judge/__init__.py", "millrace_judge/reader.npz"]


def test_what_is_installed_evaluates_with_the_weights_and_names_the_remedy_without(
    wheels: tuple[Path, Path], tmp_path: Path
) -> None:
    main, weights = wheels
    with ZipFile(main) as file:
        file.extractall(tmp_path)
    commands = (["-m", "streams.cli", "--help"], ["-c", "import evaluation.tuning, evaluation.cli"])
    for command in commands:
        done = run(tmp_path, *command)
        assert done.returncode == 0, done.stderr
    ask = ("-m", "evaluation.evaluate", "--output", "scores.json")
    refused = run(tmp_path, *ask)
    said = " ".join(refused.stderr.split())
    assert refused.returncode == 2
    assert "the local judge's weights are not installed" in said
    assert "pip install 'millrace[judge]'" in said
    assert "a stack of its own" not in said  # told before anything is started
    with ZipFile(weights) as file:
        file.extractall(tmp_path)
    code = "from evaluation.quality import judge; print(judge.__file__, judge.load().version)"
    done = run(tmp_path, "-c", code)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout
    assert "support-4" in done.stdout
