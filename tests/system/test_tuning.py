"""`millrace tune retrieval` on half of a set makes the other half better."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.retrieval import beir

ROOT = Path(__file__).parents[2]
CRANFIELD = ROOT.parent / "shared" / "data" / "cranfield"
PLAIN = """
version: hybrid-9
limit: 100
candidates: 20
fusion: max
bm25_weight: 0.45
sentence_weight: 0.5
reordering: null
"""


def tune(*arguments: str, policies: Path, data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", "tune", "retrieval", *arguments],
        cwd=ROOT,
        env=os.environ | {"MILLRACE_POLICIES": str(policies), "MILLRACE_DATA": str(data)},
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.mark.system
@pytest.mark.skipif(not CRANFIELD.is_dir(), reason="the shared data is not beside the checkout")
def test_what_half_of_a_set_taught_helps_the_other_half(tmp_path: Path) -> None:
    whole = beir.judged(CRANFIELD)
    corpus = [*beir.rows(CRANFIELD, "corpus.jsonl")]
    for half in (0, 1):
        ids = sorted(whole.queries, key=int)[half::2]
        beir.write(
            tmp_path / f"half-{half}",
            corpus,
            {each: whole.queries[each] for each in ids},
            {each: whole.relevant[each] for each in ids},
        )
    plain, tuned = tmp_path / "plain", tmp_path / "tuned"
    plain.mkdir()
    (plain / "retrieval.yaml").write_text(PLAIN)
    output = tuned / "retrieval.yaml"

    done = tune(
        *("--data", str(tmp_path / "half-0"), "--output", str(output), "--json"),
        policies=plain,
        data=tmp_path / "data",
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["written"] == str(output)
    (learned,) = found["sets"].values()
    assert learned["ndcg_10_held_out"] > learned["ndcg_10_before"]
    assert "version: hybrid-10" in output.read_text()
    before, after = (measure(each, tmp_path) for each in (plain, tuned))
    assert after > before


def measure(policies: Path, folder: Path) -> float:
    """nDCG@10 of the second half by these policies."""
    code = (
        "import sys; from pathlib import Path; from evaluation.retrieval import tuning; "
        "print(tuning.measured(Path(sys.argv[1]), Path(sys.argv[2])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / "half-1"), str(folder / f"of-{policies.name}")],
        cwd=ROOT,
        env=os.environ | {"MILLRACE_POLICIES": str(policies)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)
