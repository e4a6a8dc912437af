"""`millrace tune retrieval` on half of a set makes the other half better."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.retrieval import beir, tuning
from streams.app.policies import SHIPPED

ROOT = Path(__file__).parents[2]
OBLIQA = ROOT.parent / "shared" / "data" / "obliqa"
QUESTIONS, PASSAGES = 700, 1400  # of the set: enough to learn from, and half a minute to embed
PLAIN = """
version: hybrid-9
limit: 100
candidates: 20
fusion: max
bm25_weight: 0.45
sentence_weight: 0.5
variants: []
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
@pytest.mark.skipif(not OBLIQA.is_dir(), reason="the shared data is not beside the checkout")
def test_what_half_of_a_set_taught_helps_the_other_half(tmp_path: Path) -> None:
    whole = beir.judged(OBLIQA)
    asked = sorted(whole.queries)[:QUESTIONS]
    wanted = {document for each in asked for document in whole.relevant[each]}
    corpus = [*beir.rows(OBLIQA, "corpus.jsonl")]
    others = [row for row in corpus if row["_id"] not in wanted][: PASSAGES - len(wanted)]
    kept = [row for row in corpus if row["_id"] in wanted] + others
    # Questions about one passage stay in one half.
    halves = [
        sorted(asked, key=lambda q: min(whole.relevant[q]))[at:][: QUESTIONS // 2]
        for at in (0, QUESTIONS // 2)
    ]
    for half, ids in enumerate(halves):
        beir.write(
            tmp_path / f"half-{half}",
            kept,
            {each: whole.queries[each] for each in ids},
            {each: whole.relevant[each] for each in ids},
        )
    plain, tuned = tmp_path / "plain", tmp_path / "tuned"
    for folder in (plain, tuned):
        shutil.copytree(SHIPPED, folder)
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
    before, after = tuning.measured(tmp_path / "half-1", [plain, tuned], tmp_path / "index")
    assert after > before, f"{before:.4f} before, {after:.4f} after"
    print(f"the other half: nDCG@10 {before:.4f} before, {after:.4f} after; {learned}")
