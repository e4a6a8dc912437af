"""What is said of routing holds of outcomes whose figures are known."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.bench.routing import Outcomes, judged, read
from streams.flow.errors import UserError


def outcomes(n: int = 1000) -> Outcomes:
    """Of ten, the weak model is right in five and the strong one in those and four others."""
    at = np.arange(n) % 10
    return Outcomes("made", [str(i) for i in range(n)], at < 5, at < 9)


def test_sending_what_the_weak_one_cannot_do_keeps_all_of_the_gain() -> None:
    at = np.arange(1000) % 10
    found = judged(outcomes(), (at >= 5) & (at < 9))
    assert found["share"] == pytest.approx(0.4) == found["oracle share"]
    assert found["kept"].value == pytest.approx(1.0)
    assert found["kept above chance"].value == pytest.approx(0.6)
    assert found["no worse"] and found["saved"] == pytest.approx(0.6)


def test_sending_by_chance_keeps_its_share_and_no_saving_is_said() -> None:
    sent = np.random.default_rng(3).random(1000) < 0.5
    found = judged(outcomes(), sent)
    low, high = found["kept above chance"][1:]
    assert low < 0 < high
    assert found["no worse"] is False and found["saved"] is None


def test_sending_all_saves_nothing() -> None:
    found = judged(outcomes(), np.ones(1000, bool))
    assert (found["no worse"], found["saved"]) == (True, 0.0)
    assert found["kept above chance"].value == 0.0


def test_outcomes_are_read_by_set_and_junk_is_named(tmp_path: Path) -> None:
    rows = [{"set": s, "prompt": "p", "weak": True, "strong": False} for s in ("a", "b", "a")]
    file = tmp_path / "outcomes.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    assert [(each.name, len(each.prompts)) for each in read(file)] == [("a", 2), ("b", 1)]
    for junk in (b"{}", b"not json", b"\xff"):
        file.write_bytes(gzip.compress(junk))
        with pytest.raises(UserError, match="no outcomes that can be read"):
            read(file)
    with pytest.raises(UserError, match="no outcomes"):
        read(tmp_path / "absent")
