"""Answers that are read by a person: what is kept of the verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evaluation.research.reading.eye import added_up, app
from streams.flow.errors import UserError


def row(key: str, verdict: str, evidence: float = 0.5, reason: str = "") -> dict[str, Any]:
    return {
        "set": "sample",
        "id": key,
        "question": "Who opens the lock?",
        "answer": f"The keeper of {key}.",
        "from": ["Locks"],
        "evidence": evidence,
        "verdict": verdict,
        "reason": reason,
    }


def judged(path: Path, seed: int, *rows: dict[str, Any]) -> Path:
    head = {"seed": seed, "asked": {"sample": 9}, "answered": {"sample": 5}}
    path.write_text("".join(f"{json.dumps(line)}\n" for line in (head, *rows)), encoding="utf-8")
    return path


def test_verdicts_are_added_up_and_no_text_is_kept(tmp_path: Path) -> None:
    output = tmp_path / "read.json"
    first = judged(tmp_path / "1", 1, row("a", "right"), row("b", "wrong", 0.95, "another lock"))
    second = judged(tmp_path / "2", 2, row("c", "partly", 0.3, "and more"))
    again = judged(tmp_path / "3", 1, row("a", "right", 0.91))
    for path in (first, second, again):
        done = CliRunner().invoke(app, ["keep", str(path), "--output", str(output)])
        assert done.exit_code == 0, done.output
    text = output.read_text(encoding="utf-8")
    assert "keeper" not in text and "opens" not in text
    two, one = json.loads(text)["readings"]  # a seed that is read again takes its own place
    assert (two["seed"], two["partly"], two["read"][0]["reason"]) == (2, 1, "and more")
    assert (one["seed"], one["right"], one["wrong"], one["drawn"]) == (1, 1, 0, {"sample": 1})


def test_a_wrong_answer_that_was_sure_is_counted_by_itself() -> None:
    rows = [row("a", "wrong", 0.95, "no"), row("b", "wrong", 0.6, "no"), row("c", "right", 0.99)]
    found = added_up({"seed": 1}, rows)
    assert (found["right"], found["wrong"], found["wrong_over_.9"]) == (1, 2, 1)
    assert len({each["answer_sha256"] for each in found["read"]}) == 3


@pytest.mark.parametrize(("verdict", "reason"), [("", ""), ("partly", ""), ("good", "because")])
def test_an_answer_without_a_verdict_or_its_reason_is_named(verdict: str, reason: str) -> None:
    with pytest.raises(UserError, match="sample x has the verdict"):
        added_up({"seed": 1}, [row("x", verdict, reason=reason)])
