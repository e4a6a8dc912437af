"""`millrace reindex` on the whole running stack: a changed policy, while questions go on."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.app import policies
from tests.system.cli import Cli

pytestmark = pytest.mark.system
QUESTION = "What is the daily limit of card 7?"


def chunkings(millrace: Cli) -> dict[str, set[str]]:
    """The chunkings of each document's chunks."""
    found: dict[str, set[str]] = {}
    for line in millrace("index", "dump").splitlines():
        chunk = json.loads(line)
        found.setdefault(chunk["doc_id"], set()).add(chunk["chunking"])
    return found


@pytest.fixture
def millrace(tmp_path: Path) -> Iterator[Cli]:
    own = Path(shutil.copytree(policies.SHIPPED, tmp_path / "policies"))
    cli = Cli(tmp_path / "data", {"MILLRACE_POLICIES": str(own)})
    cli("up", "--detach")
    yield cli
    cli("down")


def test_a_changed_policy_chunks_again_what_it_concerns_while_questions_go_on(
    millrace: Cli, tmp_path: Path
) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    for number in range(20):
        text = f"The daily limit of card {number} is {number + 3}00 euros. " + (
            "Ask the desk about it, which is open on every working day. " * 30
        )
        (folder / f"{number}.md").write_text(f"# Card {number}\n\n{text}\n")
    (folder / "notes.txt").write_text("Nothing here changes. " * 40)
    assert millrace.json("feed", str(folder), "--tenant", "acme")["searchable"] == 21
    before = chunkings(millrace)
    assert millrace.json("reindex")["concerned"] == 0
    assert millrace.json("reindex", "--scan") == millrace.json("reindex")

    chunking = tmp_path / "policies" / "chunking.yaml"
    said = chunking.read_text()
    line = "  markdown: {strategies: [provisions, structure], min_tokens: 120"
    assert line in said
    chunking.write_text(said.replace(line, line.replace("120", "40, max_tokens: 90")))
    assert millrace.json("reindex", "--dry-run")["concerned"] == 20
    assert millrace.json("reindex", "--dry-run", "--scan")["concerned"] == 20
    assert "restart them" in millrace("reindex", code=2)  # the workers have the old policy still

    millrace("down")
    millrace("up", "--detach")
    done = threading.Event()
    answers: list[str] = []

    def ask() -> None:
        while not done.is_set():
            answers.append(millrace.json("ask", QUESTION, "--tenant", "acme")["answer"])

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        report = millrace.json("reindex")
    finally:
        done.set()
        asking.join()
    assert report["documents"] == 21
    assert report["concerned"] == report["rechunked"] == 20
    assert report["rejected"] == []
    assert answers
    assert all("1000 euros" in answer for answer in answers)
    after = chunkings(millrace)
    assert after["notes.txt"] == before["notes.txt"]
    cards = after.keys() - {"notes.txt"}
    assert all(len(after[card]) == 1 and after[card] != before[card] for card in cards)
    assert millrace.json("reindex")["concerned"] == 0
