"""Abstention on public questions: the floor under `python -m evaluation.research.abstention`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.mark.skipif(not DATA.is_dir(), reason="the public data folder is not here")
def test_answerable_questions_are_told_from_unanswerable_ones(tmp_path: Path) -> None:
    output = tmp_path / "abstention.json"
    command = [sys.executable, "-m", "evaluation.research.abstention", "--data", str(DATA)]
    subprocess.run(
        [*command, "--questions", "100", "--output", str(output)],
        cwd=Path(__file__).parents[3],
        check=True,
        capture_output=True,
    )
    found = json.loads(output.read_text())["clapnq"]
    alone = found["similarity of the best sentence alone"]["auc"]
    assert found["evidence as shipped"]["auc"] >= 0.91 > alone + 0.02
