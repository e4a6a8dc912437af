"""A stage that is wired wrongly does not pass the type checker: shown on miswired copies."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
# A processor's file, what its declaration says, and what a miswired copy says instead.
MISWIRED = {
    "an edge stage reads another's topic": (
        "documents/ingest.py",
        "reads=[topics.DOCS_FEED, topics.DOCS_FEED_BULK]",
        "reads=[topics.DOCS_FEED, topics.DOCS_CHANGES_BULK]",
    ),
    "a batch stage reads another's topic": (
        "documents/embed.py",
        "reads=[topics.DOCS_CHUNKS, topics.DOCS_CHUNKS_BULK]",
        "reads=[topics.DOCS_VECTORS, topics.DOCS_VECTORS_BULK]",
    ),
    "a batch stage writes another's topic": (
        "documents/index.py",
        "outputs(topics.DOCS_INDEXED",
        "outputs(topics.DOCS_VECTORS",
    ),
    "a stage writes what it does not declare": (
        "questions/admit.py",
        "topics.RAG_REWRITTEN, topics.RAG_ANSWERS",
        "topics.RAG_RETRIEVED, topics.RAG_ANSWERS",
    ),
    "a stage reads another's topic": (
        "questions/rewrite.py",
        "reads=topics.RAG_ADMITTED",
        "reads=topics.RAG_REWRITTEN",
    ),
    "a join reads another's topic": (
        "learning/feedback.py",
        "inputs(topics.RAG_CLOSED_REQUESTS, topics.RAG_FEEDBACK_REQUESTS)",
        "inputs(topics.RAG_CLOSED_REQUESTS, topics.RAG_ANSWERS)",
    ),
    "a stage keeps another's state": (
        "learning/feedback.py",
        '"questions", topics.RAG_FEEDBACK_STATE',
        '"questions", topics.RAG_FEEDBACK_JOINED',
    ),
    "a stage reads a kind of event that it does not know": (
        "learning/rekey.py",
        "inputs(topics.RAG_CLOSED, topics.RAG_FEEDBACK)",
        "inputs(topics.RAG_CLOSED, topics.RAG_ANSWERS)",
    ),
}


def test_a_miswired_stage_fails_the_type_checker(tmp_path: Path) -> None:
    for number, (file, right, wrong) in enumerate(MISWIRED.values()):
        source = (ROOT / "processors" / file).read_text()
        assert source.count(right) == 1, f"{file} no longer says {right}"
        (tmp_path / f"right{number}.py").write_text(source)
        (tmp_path / f"wrong{number}.py").write_text(source.replace(right, wrong))
    config = {
        "typeCheckingMode": "strict",
        "extraPaths": [str(ROOT)],
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--project", str(tmp_path)]
    command += ["--pythonpath", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["generalDiagnostics"]
    refused = {Path(each["file"]).stem for each in found}
    assert refused == {f"wrong{number}" for number in range(len(MISWIRED))}, found
