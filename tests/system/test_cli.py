"""The command line as a person and as a script use it, against the whole running stack."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.edge.moments import new_request_id
from streams.runtime.record import now_ms
from tests.support.kept import KeptRepository
from tests.support.node import NPM, modules, node
from tests.support.office_files import deck, pdf, pdf_page, saved, word
from tests.system.cli import Cli
from tests.system.harness import until

pytestmark = pytest.mark.system
PAGE = "# Cards\n\nThe daily limit of a Gold card is {limit} euros.\n\nCall the desk to raise it.\n"
EXAMPLES = Path(__file__).parents[2] / "examples"
QUESTION = "What is the daily limit of a Gold card?"


@pytest.fixture(scope="module")
def millrace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    cli = Cli(tmp_path_factory.mktemp("cli"))
    cli("up", "--detach")
    yield cli
    cli("down")


@pytest.fixture(scope="module")
def pages(millrace: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "gold.md").write_text(PAGE.format(limit=900))
    (folder / "logo.png").write_bytes(b"\x89PNG")
    report = millrace.json("feed", str(folder), "--tenant", "acme", code=1)
    assert (report["fed"], report["searchable"]) == (1, 1)
    assert report["skipped"] == [
        {"document": "logo.png", "reason": "no reader for .png", "outcome": "unsupported"}
    ]
    return folder


def test_status_names_what_a_script_needs(millrace: Cli) -> None:
    status = millrace.json("status")
    assert status["bootstrap_servers"]
    assert Path(status["data"]) == millrace.data
    assert {"supervisor", "broker", "redis"} < {p["name"] for p in status["processes"]}
    assert all(p["state"] == "ready" and p["pid"] > 0 for p in status["processes"])
    stages = [stage["name"] for stage in status["stages"]]
    assert stages[:4] == ["ingest", "ingest.bulk", "chunk", "chunk.bulk"]
    assert all(isinstance(stage["lag"], int) for stage in status["stages"])
    assert [stage["name"] for stage in millrace.json("lag")] == stages


def test_a_question_its_trail_and_feedback(millrace: Cli, pages: Path) -> None:
    answer = millrace.json("ask", QUESTION, "--tenant", "acme")
    assert "900 euros" in answer["answer"]
    (chunk,) = (json.loads(line) for line in millrace("index", "dump").splitlines())
    fields = {"tenant", "doc_id", "doc_version", "doc_sequence", "chunk_id", "ordinal"}
    fields |= {"chunking", "text"}
    assert set(chunk) == fields
    for citation in answer["citations"]:
        assert chunk["text"][citation["start"] : citation["end"]] == citation["quote"]
        assert citation["doc_version"] == chunk["doc_version"]
    millrace("feedback", answer["request_id"], "up", "--tenant", "acme", "--comment", "good")

    def joined() -> Any:
        steps = millrace.json("trail", answer["request_id"], "--tenant", "acme")
        return steps if steps[-1]["event"] == "FeedbackJoined" else None

    trail = until(joined, "the feedback to be joined with its question")
    assert [step["event"] for step in trail] == [
        "QuestionAsked",
        "QuestionRewritten",
        "ChunksRetrieved",
        "GenerationRequested",
        "QuestionAnswered",
        "QuestionClosed",
        "FeedbackGiven",
        "FeedbackJoined",
    ]
    assert trail[2]["candidates"][0]["chunk_id"] == chunk["chunk_id"]
    assert trail[2]["candidates"][0]["scores"]["dense"] > 0
    assert len({step["traceparent"][3:35] for step in trail[1:6]}) == 1
    assert trail[-1]["summary"] == "rating +1 on what was answered"
    assert "generate.extractive" in millrace("trail", answer["request_id"], "--tenant", "acme")
    asked, guessed = answer["request_id"], new_request_id(now_ms())
    said = [millrace("trail", name, "--since", "1d", code=2) for name in (asked, guessed)]
    # Another tenant is not told that there is such a request: both say the same, but for the time.
    mine, none = (each.partition("holds no event")[2] for each in said)
    assert mine == none.replace(guessed, asked) != ""


def test_a_suspended_tenant_is_refused_until_it_is_resumed(millrace: Cli, pages: Path) -> None:
    said = ("--reason", "the contract has ended")
    assert "acme is suspended" in millrace("tenant", "suspend", "acme", *said)
    (shown,) = millrace.json("tenant", "show", "acme")
    assert (shown["suspended"], shown["reason"]) == (True, "the contract has ended")

    def asked(status: str, code: int) -> Any:
        done = millrace.run("streams.cli", "ask", QUESTION, "--tenant", "acme", "--json")
        answer = json.loads(done.stdout)
        return answer if (answer["status"], done.returncode) == (status, code) else None

    answer = until(lambda: asked("refused", 4), "workers to know")
    assert "tenant-suspended" in answer["reasons"][0]
    assert millrace.json("ask", QUESTION, "--tenant", "b", code=3)["status"] == "abstained"
    assert "may ask and feed" in millrace("tenant", "resume", "acme")
    assert "900 euros" in until(lambda: asked("answered", 0), "workers to know")["answer"]


def test_a_candidate_policy_is_asked_what_was_really_asked(
    millrace: Cli, pages: Path, tmp_path: Path
) -> None:
    candidate = tmp_path / "policies"
    shutil.copytree(Path(__file__).parents[2] / "policies" / "authz", candidate / "authz")
    tenants = Path(__file__).parents[2] / "policies" / "tenants.yaml"
    (candidate / "tenants.yaml").write_text(tenants.read_text().replace("2000", "60"))
    long = f"{QUESTION} Tell me without any more words than are needed."
    asked = [millrace.json("ask", query, "--tenant", "acme") for query in (QUESTION, long)]

    def replayed() -> Any:
        words = ("--candidate", str(candidate), "--since", "1h", "--tenant", "acme")
        found = millrace.json("policy", "replay", *words)
        return found if found["changed"] else None

    found = until(replayed, "the questions to be closed")
    assert found["changed"] == {"would refuse by query-length": 1}
    examples = {"would refuse by query-length": [f"acme/{asked[1]['request_id']}"]}
    assert found["examples"] == examples and found["questions"] > 1


def test_what_was_embedded_and_read_for_a_tenant_is_added_up(millrace: Cli, pages: Path) -> None:
    millrace("ask", QUESTION, "--tenant", "acme")

    def cost() -> Any:
        found = millrace.json("cost", "--tenant", "acme", "--since", "1h")
        rows = {row["operation"]: row for row in found["rows"]}
        return found if "embed" in rows and "read" in rows else None

    found = until(cost, "the calls to be told")
    assert found["total"]["calls"] == sum(row["calls"] for row in found["rows"]) > 1
    assert found["total"]["input_tokens"] > 10 and found["repeated"] == 0
    assert millrace.json("cost", "--tenant", "nobody")["rows"] == []


def test_an_unanswerable_question_has_its_own_exit_code(millrace: Cli, pages: Path) -> None:
    answer = millrace.json("ask", "Who won the regatta in 1931?", "--tenant", "acme", code=3)
    assert (answer["status"], answer["answer"]) == ("abstained", "")
    assert answer["reasons"]
    assert millrace.json("ask", " ", "--tenant", "acme", code=4)["status"] == "refused"


def test_a_change_and_a_delete_by_standard_input(millrace: Cli, pages: Path) -> None:
    document = {"doc_id": "lines", "doc_type": "markdown", "body": PAGE.format(limit=1)}
    report = millrace.json("feed", "-", "--tenant", "stdin", stdin=json.dumps(document))
    assert report["searchable"] == 1
    gone = json.dumps({"op": "delete", "doc_id": "lines"})
    report = millrace.json("feed", "-", "--tenant", "stdin", stdin=gone)
    assert report["deleted"] == 1
    assert millrace("index", "dump", "--tenant", "stdin") == ""
    assert millrace("index", "dump", "--tenant", "acme") != ""


def test_files_are_fed_counted_and_answered_from(millrace: Cli, tmp_path: Path) -> None:
    (tmp_path / "limits.pdf").write_bytes(pdf([pdf_page(1), pdf_page(2)]))
    (tmp_path / "rules.docx").write_bytes(saved(word()))
    (tmp_path / "cut.docx").write_bytes(saved(word())[:9000])
    (tmp_path / "rates.csv").write_text("card,rate\nGold,17 percent\nBlue\n")
    report = millrace.json("feed", str(tmp_path), "--tenant", "files", code=1)
    assert (report["fed"], report["searchable"]) == (3, 3)
    assert report["types"] == {"csv": 1, "docx": 1, "pdf": 1}
    assert report["outcomes"] == {"damaged": 1}
    assert report["skipped"][0]["document"] == "cut.docx"
    assert report["partly_read"][0]["document"] == "rates.csv"
    said = millrace("feed", str(tmp_path), "--tenant", "files", code=1)
    assert "1 skipped, damaged" in said and "1 read in part" in said
    answer = millrace.json("ask", "How many years are records kept?", "--tenant", "files")
    assert "8.2 Records are kept for six years." in answer["answer"]
    # A producer's own file, by way of the stage.
    file = base64.b64encode(saved(deck())).decode()
    good = {"doc_id": "deck.pptx", "body": file, "form": "base64"}
    bad = {"doc_id": "cut.pptx", "body": file[:4000], "form": "base64"}
    lines = f"{json.dumps(good)}\n{json.dumps(bad)}"
    report = millrace.json("feed", "-", "--tenant", "files", stdin=lines, code=1)
    assert report["searchable"] == 1
    assert "no whole Office document" in report["rejected"][0]["reason"]


def test_a_folder_and_a_repository_are_followed(millrace: Cli, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    kept, repository = tmp_path / "folder", KeptRepository(tmp_path)
    (kept / "gold.md").write_text(PAGE.format(limit=100))
    (kept / "logo.png").write_bytes(b"\x89PNG")
    once = ("follow", str(kept), "--tenant", "followed", "--once")
    report = millrace.json(*once, code=1)
    assert (report["fed"], report["searchable"], report["removed"]) == (1, 1, 0)
    assert report["skipped"][0]["document"] == "logo.png"
    (kept / "logo.png").unlink()
    (kept / "gold.md").rename(kept / "cards.md")
    assert "1 documents searchable, 1 removed" in millrace(*once)
    assert "nothing changed" in millrace(*once)

    repository.put("kb/fees.md", b"# Fees\n\nThe fee of a Lime account is 4 euros.\n")
    repository.done()
    git = ("follow", f"git+{repository.path}#main", "--tenant", "followed", "--once")
    report = millrace.json(*git, "--prefix", "git/")
    assert report["searchable"] == 1
    repository.remove("kb/fees.md")
    repository.done()
    assert "nothing is removed" in millrace(*git, "--prefix", "git/", code=1)
    report = millrace.json(*git, "--prefix", "git/", "--most-removed", "1")
    assert report["removed"] == 1

    found = [
        json.loads(each)
        for each in millrace("index", "dump", "--tenant", "followed").split("\n")
        if each
    ]
    assert {each["doc_id"] for each in found} == {"cards.md"}
    kept.rename(tmp_path / "away")
    assert "nothing of it is removed" in millrace(*once, code=2)


def test_dead_letters_are_listed_shown_and_replayed(millrace: Cli) -> None:
    line = json.dumps({"doc_id": "bad", "body": "x", "version": -4})
    report = millrace.json("feed", "-", "--tenant", "acme", code=1, stdin=line)
    assert "version is -4" in report["rejected"][0]["reason"]
    acme = ("--tenant", "acme")
    letters = [json.loads(x) for x in millrace("dlq", "list", "--json", *acme).splitlines()]
    (letter,) = [each for each in letters if "version is -4" in each["reason"]]
    assert (letter["stage"], letter["topic"]) == ("ingest", "docs.feed")
    assert "version is -4" in millrace("dlq", "show", letter["letter"], *acme)
    assert "replayed 1" in millrace("dlq", "replay", letter["letter"], *acme)
    # Whoever guesses its name is told what is told of one that is not there.
    for verb in ("show", "replay"):
        guessed = millrace("dlq", verb, letter["letter"], code=2)
        nowhere = millrace("dlq", verb, "docs.dlq/0/99", code=2)
        assert "no dead letter docs.dlq/0/99 of tenant default" in nowhere
        assert guessed == nowhere.replace("docs.dlq/0/99", letter["letter"])
    assert "no dead letters of tenant b" in millrace("dlq", "list", "--tenant", "b")
    assert letter["letter"] in millrace("dlq", "list", "--json")  # as nobody in particular
    mine = Cli(millrace.data, {"MILLRACE_DEFAULT_TENANT": "b"})
    assert "no dead letters of tenant b" in mine("dlq", "list")
    place = (letter["topic"], str(letter["partition"]), str(letter["offset"]))
    said = millrace("dlq", "skip", "ingest", *place, code=2)
    assert "is no record of tenant default" in said
    assert "is done with" in millrace("dlq", "skip", "ingest", *place, *acme, code=2)
    assert "version is -4" in millrace("dlq", "show", letter["letter"], "--all-tenants")
    assert "say one of them" in millrace("dlq", "list", "--all-tenants", *acme, code=2)


def test_a_second_stack_on_the_same_folder_is_refused(millrace: Cli) -> None:
    assert "already running" in millrace("up", code=2)


def test_the_doctor_finds_everything(millrace: Cli) -> None:
    checks = millrace.json("doctor")
    assert all(check["ok"] for check in checks), checks


def test_the_flow_is_shown(millrace: Cli) -> None:
    rows = millrace.json("topology")
    assert rows[0] == {
        "stage": "ingest",
        "reads": ["docs.feed", "docs.feed.bulk"],
        "writes": ["docs.changes", "docs.changes.bulk"],
        "dead_letters": "docs.dlq",
        "state": [],
        "needs": ["converter", "tenancy", "suspensions"],
        "process": "documents",
        "background": True,
    }
    assert millrace("topology", "--mermaid").startswith("flowchart LR")
    assert "newest of each key" in millrace("topics", "list")
    assert millrace("topics", "apply") == ""


def example(millrace: Cli, *command: str) -> subprocess.CompletedProcess[str]:
    """An example as a person runs it, with `millrace` on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    more = {"MILLRACE_DATA": str(millrace.data), "PATH": path, "PYTHONPATH": str(EXAMPLES.parent)}
    return subprocess.run(
        command, cwd=EXAMPLES, env=os.environ | more, capture_output=True, text=True, timeout=120
    )


def test_javascript_asks_and_prints_a_cited_answer(
    millrace: Cli, pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = (EXAMPLES / "ask.js").read_text()
    assert all(f"{name}@{version}" in said for name, (version, _) in NPM.items())
    monkeypatch.setenv("NODE_PATH", str(modules(NPM, tmp_path)))
    broker = millrace.json("status")["bootstrap_servers"]
    for _ in range(2):  # a second one has an answer before its own
        done = example(millrace, str(node()), "ask.js", broker, "acme", QUESTION)
        answer, *citations = done.stdout.splitlines()
        assert answer.startswith("answered: ") and "900 euros" in answer, done.stderr
        assert any("900 euros" in each and " v" in each for each in citations)


def test_the_examples_ask_feed_and_consume_feedback(
    millrace: Cli, pages: Path, tmp_path: Path
) -> None:
    broker = millrace.json("status")["bootstrap_servers"]
    done = example(millrace, sys.executable, "ask.py", broker, "acme", QUESTION)
    answer = json.loads(done.stdout)
    assert (answer["status"], "900 euros" in answer["answer"]) == ("answered", True), done.stderr
    done = example(millrace, "./ask.sh", "acme", QUESTION)
    assert (done.returncode, "900 euros" in done.stdout) == (0, True), done.stderr
    assert example(millrace, "./ask.sh", "acme", "Who won the regatta in 1931?").returncode == 3
    (tmp_path / "silver.md").write_text(PAGE.format(limit=700))
    done = example(millrace, "./feed.sh", "examples", str(tmp_path))
    assert json.loads(done.stdout)["searchable"] == 1, done.stderr
    millrace("feedback", answer["request_id"], "down", "--tenant", "acme", "--comment", "no")
    done = example(millrace, sys.executable, "feedback.py", broker)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    (row,) = (each for each in rows if each["rating"] == -1)
    assert row["question"] == QUESTION
    assert row["response"] == answer["answer"]
    assert any("900 euros" in passage for passage in row["retrieved_contexts"])
