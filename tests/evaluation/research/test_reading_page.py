"""The tables of docs/answering.md: what the results say, in the page and in the code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.research.pages import DOCS
from evaluation.research.reading import page
from evaluation.research.reading.calibrate import WEIGHTS
from processors.questions.certainty import SCALE, SHIFT, THRESHOLDS
from streams.flow.errors import UserError


def test_the_tables_of_the_page_are_those_of_the_results() -> None:
    text = (DOCS / "answering.md").read_text(encoding="utf-8")
    assert page.rendered(text) == text


def test_evidence_and_thresholds_are_those_that_were_fitted_last() -> None:
    found = json.loads((page.RESULTS / "calibration.json").read_text(encoding="utf-8"))
    again = "the signals weigh otherwise: run evaluation.research.reading.calibrate again"
    assert found["weights"] == WEIGHTS, again
    assert (found["scale"], found["shift"]) == (SCALE, SHIFT)
    right = np.maximum.accumulate([row[1] for row in found["thresholds"]])
    needed = [row[0] for row in found["thresholds"]]
    assert [*THRESHOLDS] == [*zip(right.tolist(), needed, strict=True)]
    assert found["error"] <= 0.05


def test_a_table_of_passages_has_a_line_for_each_number_and_one_for_each_kind() -> None:
    kinds = {"fact": {"right": 3, "abstained": 1}, "list": {"wrong": 1}}
    wanted = [{"precision": 0.8, "evidence": 0.55, "kinds": {"fact": {"right": 1, "wrong": 3}}}]
    report = {"policy": 5, "rows": [{"passages": 5, "kinds": kinds}], "wanted": wanted}
    said = page.passages(report).splitlines()
    assert "| 5 | .60 | .20 | .20 |" in said
    assert "The 5 questions by kind, with 5 passages:" in said
    assert "| facts | 3 | 0 | 1 |" in said and "| lists | 0 | 1 | 0 |" in said
    assert said[-1] == "| .80 | .55 | .25 | .75 | .00 |"


def test_a_page_without_the_marks_of_a_table_is_named() -> None:
    with pytest.raises(UserError, match=r"reading\.passages"):
        page.rendered("# How an answer is chosen\n")


def test_a_report_elsewhere_leaves_the_page_as_it_is(tmp_path: Path) -> None:
    before = (DOCS / "answering.md").read_bytes()
    page.kept({"error": 1.0}, tmp_path / "calibration.json")
    assert json.loads((tmp_path / "calibration.json").read_text(encoding="utf-8")) == {"error": 1.0}
    assert (DOCS / "answering.md").read_bytes() == before
