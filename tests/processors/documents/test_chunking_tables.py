"""What chunkings are compared on, and how the table says whether one differs from another."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evaluation.research.chunking import books
from evaluation.research.chunking.__main__ import DOCS, app
from evaluation.research.chunking.measure import Measured
from evaluation.research.chunking.render import BEGIN, END, render
from streams.flow.errors import UserError


def _packed(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    return path


def _measured(*ndcgs: float) -> Measured:
    return Measured(ndcgs, (1.0,) * len(ndcgs), chunks=2.0, tokens=10.0, embedded=12.0)


def test_a_difference_has_the_interval_of_the_same_questions() -> None:
    shipped = _measured(*[0.5, 1.0] * 50)
    better = _measured(*[0.6, 1.0] * 50).as_json(shipped)
    value, low, high = better["ndcg_difference"]
    assert value == pytest.approx(0.05) and 0.03 < low < value < high < 0.07
    assert better["within_difference"] == [0.0, 0.0, 0.0]
    assert (better["questions"], better["ndcg"]) == (100, 0.8)


def test_the_table_tells_what_differs_from_what_may_be_chance() -> None:
    shipped = _measured(*[0.5] * 40)
    found = {
        "as shipped": shipped,
        "better": _measured(*[0.6] * 40),
        "chance": _measured(*[0.4, 0.61] * 20),
    }
    rows = [
        {"set": "s", "documents": 3, "chunking": name, **each.as_json(shipped)}
        for name, each in found.items()
    ]
    report = {"policy": "p-1", "model": "m", "command": "python -m x --y", "rows": rows}
    page = render(report, f"before\n{BEGIN}\nold\n{END}\nafter\n")
    lines = page.splitlines()
    assert "old" not in page and lines[0] == "before" and lines[-1] == "after"
    assert lines[4].startswith("| s (3 documents, 40 questions) | as shipped | 0.500 | = | 1.000 |")
    assert "| **+0.100 (+0.100 to +0.100)** |" in lines[5]
    assert "| +0.005 (" in lines[6]
    assert "Policy p-1, model m: `python -m x --y`." in lines


def test_controls_stand_under_headings_in_a_document_of_their_family(tmp_path: Path) -> None:
    row = {
        "catalog": books.CATALOG,
        "family": "Access Control",
        "label": "AC-2",
        "title": "Accounts",
        "statement": "Define accounts.",
        "guidance": "",
    }
    rows = [row, row | {"label": "AC-3", "statement": " "}, row | {"catalog": "rev4"}]
    found = books.controls(_packed(tmp_path / "controls.jsonl.gz", rows), 10)
    (document,), (ask,) = found.documents, found.asks
    assert (document.doc_type, document.body) == (
        "markdown",
        "## AC-2 Accounts\n\nDefine accounts.",
    )
    assert ask.text == "What does control AC-2 require?"
    assert ask.evidence[0].passage == "Define accounts."


def test_a_policy_is_made_of_its_passages_once_each(tmp_path: Path) -> None:
    row = {"site": "a.com", "context": "We keep logs.", "question": "What is kept?"}
    rows = [row | {"answers": [{"text": "logs"}]}, row | {"answers": [{"text": "We keep logs."}]}]
    found = books.privacy(_packed(tmp_path / "dev.jsonl.gz", rows), 1)
    assert [each.body for each in found.documents] == ["We keep logs."]
    assert [each.text for each in found.asks] == ["a.com: What is kept?"]


def test_another_file_of_that_name_is_a_user_error(tmp_path: Path) -> None:
    _packed(tmp_path / "dev.jsonl.gz", [{"claim": "x"}])
    result = CliRunner().invoke(app, ["--data", str(tmp_path), "--docs", str(tmp_path / "d.md")])
    assert isinstance(result.exception, UserError)
    assert "has no site in a line" in str(result.exception)


def test_the_page_has_its_place_for_the_table() -> None:
    assert BEGIN in DOCS.read_text(encoding="utf-8")
