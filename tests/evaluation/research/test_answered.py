"""How sure answers are, and how right the surest: what the commands of the reader fit and print."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.research.reading import gold
from evaluation.research.reading.answered import (
    Given,
    calibration,
    fitted,
    logits,
    precision,
    probabilities,
)
from evaluation.research.reading.calibrate import report
from evaluation.research.reading.coverage import precisions
from evaluation.research.reading.passages import by_kind


def drawn(seed: int = 3, rows: int = 4000):
    """Sums of signals that are twice too sure and one too high, and what was right."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 1.5, rows)
    return true * 2 + 1, rng.random(rows) < probabilities(true)


def test_scale_and_shift_make_a_probability_of_a_sum_of_signals() -> None:
    sums, right = drawn()
    scale, shift = fitted(sums, right)
    assert scale == pytest.approx(0.5, abs=0.05)
    assert shift == pytest.approx(-0.5, abs=0.1)
    before = calibration(probabilities(sums), right)
    after = calibration(probabilities(scale * sums + shift), right)
    assert after.error < 0.03 < before.error
    assert after.auc == pytest.approx(before.auc)
    assert len(after.tenths) == 10


def test_each_set_is_judged_by_a_fit_to_the_others() -> None:
    sums, right = drawn()
    sets = ["odd" if n % 2 else "even" for n in range(len(sums))]
    found = report(sets, sums, right)
    assert found.questions == len(sums)
    assert found.error < 0.04
    assert [each[0] for each in found.thresholds] == sorted(each[0] for each in found.thresholds)
    turned = np.array([r if s == "odd" else not r for r, s in zip(right, sets, strict=True)])
    assert report(sets, sums, turned).auc < 0.5  # each learnt the wrong way round


def test_of_what_has_enough_evidence_the_share_that_is_right_is_told() -> None:
    evidence, right = np.array([0.9, 0.8, 0.3, 0.2]), np.array([True, False, True, False])
    assert precision(evidence, right, 0.5) == (0.5, 0.5)
    assert precision(evidence, right, 0.85) == (1.0, 0.25)
    assert logits([0.5, 1.0])[0] == 0.0


def _packed(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)


def test_the_surest_answers_of_a_bank_are_held_against_what_they_must_say(tmp_path: Path) -> None:
    _packed(tmp_path / "c.gz", [{"_id": "d1", "title": "Teal", "text": "The fee is 5 crowns."}])
    rows: list[dict[str, object]] = [
        {"_id": "q1", "question": "Fee?", "answerable": True, "must": [["5 crowns"]]},
        {"_id": "q2", "question": "Rate?", "answerable": True, "must": [["5 crowns"], ["yearly"]]},
        {"_id": "q3", "question": "Term?", "answerable": False, "must": []},
        {"_id": "q4", "question": "Fees?", "answerable": True, "must": []},
    ]
    kinds = ("fact", "fact", "far", "several")
    rows = [
        {"must_not": ["15 crowns"], "kind": kind, **row}
        for row, kind in zip(rows, kinds, strict=True)
    ]
    rows[3]["or_abstain"] = True
    rows[3]["pairs"] = [
        {"value": ["5 crowns"], "product": ["Teal"]},
        {"value": ["9 crowns"], "product": ["Plum"]},
    ]
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    (tmp_path / "questions.jsonl").write_text(lines, encoding="utf-8")
    bank = gold.bank(tmp_path, tmp_path / "c.gz")

    def given(text: str, sure: float) -> Given:
        return Given(text, (text,), ("d1",), sure)

    said = {
        "q1": given("The fee is 5 crowns.", 0.9),
        "q2": given("The fee is 5 crowns.", 0.8),
        "q3": given("The fee is 5 crowns.", 0.7),
    }
    assert [bank.right(key, each) for key, each in said.items()] == [True, False, False]
    assert not bank.right("q1", given("It is 25 crowns", 0.9))
    assert not bank.right("q1", given("It is 5 crowns, or 15 crowns", 0.9))
    assert bank.right("q4", given("Teal: 5 crowns. Plum: 9 crowns.", 0.5))
    assert not bank.right("q4", given("5 crowns", 0.5))
    assert precisions(bank, said) == [0.5, 0.333, 0.333]
    assert bank.verdict("q1", said["q1"]) == "right"
    assert [bank.verdict(key, None) for key in ("q2", "q3", "q4")] == [
        "abstained",
        "right",
        "right",
    ]
    assert by_kind(bank, said) == {
        "fact": {"right": 1, "wrong": 1},
        "far": {"wrong": 1},
        "several": {"right": 1},
    }
