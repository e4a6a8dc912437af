"""How the judge is measured against people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from connectors.weights import digest_of
from evaluation.quality import agreed
from evaluation.quality.judge import SHIPPED, LocalJudge, load
from evaluation.research import agreement
from evaluation.research.judging.labelled import MEASURED, Judged, read_lines, read_set
from evaluation.statistics import auc
from streams.flow.errors import UserError


def test_pairs_share_their_evidence_or_else_their_claim() -> None:
    def row(claim: str, context: str, supported: bool) -> Judged:
        return Judged(claim, context, supported)

    same = [row("a", "x", True), row("b", "x", False), row("c", "y", True)]
    assert [g.tolist() for g in agreement.pair_groups(same)] == [[0, 1]]
    claims = [row("a", "x", True), row("a", "y", False)]
    assert [g.tolist() for g in agreement.pair_groups(claims)] == [[0, 1]]
    groups = agreement.pair_groups(same)
    labels = np.array([True, False, True])
    assert agreement.pairwise(np.array([0.9, 0.1, 0.0]), labels, groups) == 1.0
    assert agreement.pairwise(np.array([0.1, 0.1, 0.0]), labels, groups) == 0.5


def test_every_bad_line_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    good = {"claim": "a", "context": ["b", "c"], "supported": 1}
    bad = ["{", "[1]", {"claim": "a", "context": "b"}, good | {"claim": " "}, good | {"context": 3}]
    lines = [line if isinstance(line, str) else json.dumps(line) for line in [good, *bad]]
    path.write_text("\n".join([*lines, "", json.dumps(good | {"supported": "yes"})]))
    rows, left_out = read_lines(path)
    assert rows == [Judged("a", "b\nc", True)]
    assert [(each.line, each.reason) for each in left_out] == [
        (2, "is not JSON"),
        (3, "is not a JSON object"),
        (4, "has no supported"),
        (5, "claim is empty"),
        (6, "context is not a text"),
        (8, "supported is not true or false"),
    ]


def test_a_line_that_no_tokenizer_takes_is_a_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    good = {"claim": "a", "context": "b", "supported": True}
    lines = [json.dumps(good | {"claim": "a \ud83d"}), "[" * 100_000, json.dumps(good)]
    path.write_text("\n".join(lines))
    rows, left_out = read_lines(path)
    assert rows == [Judged("a", "b", True)]
    assert [(each.line, each.reason) for each in left_out] == [
        (1, "has half a character (a lone surrogate)"),
        (2, "is nested too deeply"),
    ]


def test_a_file_without_a_usable_line_is_a_user_error(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    for text, said in (("", "no line"), ("{", "no usable line; line 1 is not JSON")):
        path.write_text(text)
        with pytest.raises(UserError, match=said):
            read_lines(path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"claim": "a", "context": "b", "label": true}\n')
    result = CliRunner().invoke(agreement.app, ["--data", str(path)])
    assert result.exit_code == 2
    assert "no column supported" in " ".join(result.stderr.split())


def test_the_shipped_figures_are_of_the_shipped_judge_and_of_every_set() -> None:
    found = json.loads(agreed.RESULTS.read_text())
    assert found["judge"] == f"local {load().version}"
    assert tuple(found["sets"]) == MEASURED == tuple(load().held_out)
    assert set(agreed.measured(found["judge"]) or ()) == set(MEASURED)
    assert agreed.measured("another") is None
    assert found["sha256"] == digest_of(SHIPPED)


def test_a_left_out_set_is_judged_as_it_was_reported(shared_data: Path, judge: LocalJudge) -> None:
    rows = read_set(shared_data, "fever_symmetric")
    model = judge.model.without("fever_symmetric")
    inputs = judge.signals([(row.claim, row.context) for row in rows])
    labels = np.array([row.supported for row in rows])
    found = auc(model.support(inputs).astype(float), labels)
    reported = json.loads(agreed.RESULTS.read_text())["sets"]["fever_symmetric"]["auc"][0]
    assert found == pytest.approx(reported, abs=0.01)  # engines round differently
