from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest

from connectors.sources import Skipped, documents
from schemas.errors import UserError
from schemas.events import DocumentFed

LIMIT = 1000


def _found(*paths: Path | str) -> tuple[dict[str, DocumentFed], dict[str, str]]:
    fed: dict[str, DocumentFed] = {}
    skipped: dict[str, str] = {}
    for each in documents([str(path) for path in paths], "acme", LIMIT):
        if isinstance(each, Skipped):
            skipped[each.name] = each.reason
        else:
            fed[each.doc_id] = each
    return fed, skipped


def test_a_folder_is_read_and_what_is_not_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.md").write_text("\ufeff# The title\n\nText.")
    (tmp_path / "y.txt").write_text("plain")
    (tmp_path / "z.bin").write_bytes(b"\x00")
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    (tmp_path / "big.md").write_text("x" * (LIMIT + 1))
    (tmp_path / ".hidden.md").write_text("no")
    fed, skipped = _found(tmp_path)
    assert set(fed) == {"a/x.md", "y.txt"}
    assert (fed["a/x.md"].title, fed["a/x.md"].doc_type) == ("The title", "markdown")
    assert "no reader for .bin" in skipped["z.bin"]
    assert "not UTF-8: byte 0" in skipped["latin.txt"]
    assert "at most 1,000" in skipped["big.md"]


def test_json_lines_are_feed_records_or_a_beir_corpus(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl.gz"
    lines = [
        {"_id": "1", "title": "T", "text": "Body", "passage_id": "8.2.1"},
        {"op": "delete", "doc_id": "2"},
        {"doc_id": "3", "body": "B", "boody": 1},
        {"_id": "4", "text": " "},
    ]
    with gzip.open(path, "wt") as file:
        file.write("\n".join(map(json.dumps, lines)) + "\nnot json\n")
    fed, skipped = _found(tmp_path)
    assert (fed["1"].body, fed["1"].metadata) == ("Body", {"passage_id": "8.2.1"})
    assert (fed["2"].op, fed["2"].tenant) == ("delete", "acme")
    assert "did you mean 'body'" in skipped["corpus.jsonl.gz:3"]
    assert "empty" in skipped["corpus.jsonl.gz:4"]
    assert "not valid JSON" in skipped["corpus.jsonl.gz:5"]


def test_a_truncated_archive_feeds_what_it_holds_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl.gz"
    whole = gzip.compress(b"".join(b'{"_id": "%d", "text": "t"}\n' % n for n in range(20_000)))
    path.write_bytes(whole[: len(whole) // 2])
    fed, skipped = _found(path)
    assert 0 < len(fed) < 20_000
    assert "cannot be read to its end" in skipped["c.jsonl.gz"]


def test_standard_input_is_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"doc_id": "1", "body": "b"}\n'))
    assert set(_found("-")[0]) == {"1"}


def test_a_missing_path_is_named() -> None:
    with pytest.raises(UserError, match="no file or folder nowhere"):
        _found("nowhere")
