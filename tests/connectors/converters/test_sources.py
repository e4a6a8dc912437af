from __future__ import annotations

import gzip
import io
import json
import os
from pathlib import Path

import pytest

from connectors.converters.documents import Documents
from connectors.converters.made import Limits
from connectors.converters.sources import Skipped, Told, documents
from schemas.events import DocumentFed
from streams.flow.errors import UserError

LIMIT = 1000


def _found(*paths: Path | str) -> tuple[dict[str, DocumentFed], dict[str, str]]:
    fed: dict[str, DocumentFed] = {}
    skipped: dict[str, str] = {}
    with Documents(Limits(max_bytes=LIMIT)) as converter:
        for each in documents([str(path) for path in paths], "acme", converter):
            if isinstance(each, Skipped):
                skipped[each.name] = f"{each.outcome}: {each.reason}"
            elif isinstance(each, Told):
                skipped[each.name] = each.note
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
    (tmp_path / "empty.md").write_text("\n")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    (tmp_path / ".hidden.md").write_text("no")
    fed, skipped = _found(tmp_path)
    assert set(fed) == {"a/x.md", "y.txt", "latin.txt"}
    first = fed["a/x.md"]
    assert (first.title, first.doc_type, first.form) == ("The title", "markdown", None)
    assert fed["latin.txt"].metadata == {"encoding": "cp1252"}
    assert skipped["z.bin"] == "unsupported: no reader for .bin"
    assert skipped["big.md"] == "too_large: has 1,001 bytes; at most 1,000"
    assert skipped["empty.md"] == "empty: holds no text"
    assert skipped["broken.pdf"].startswith("damaged: is truncated")


def test_what_is_converted_says_so_and_is_not_converted_again(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text("card,limit\nGold,5000\nBlue\n")
    (fed,) = _found(tmp_path)[0].values()
    assert (fed.doc_type, fed.title, fed.form) == ("csv", "rates", "converted")
    assert fed.body == "| card | limit |\n| --- | --- |\n| Gold | 5000 |\n| Blue |  |"
    assert fed.metadata["unread"].startswith("1 of 3 rows")


def test_links_and_what_cannot_be_opened_are_named(tmp_path: Path) -> None:
    outside = tmp_path / "secret.txt"
    outside.write_text("secret")
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "ok.txt").write_text("ok")
    (folder / "link.txt").symlink_to(outside)
    (folder / "gone.txt").symlink_to(tmp_path / "nowhere")
    (folder / "ring").symlink_to(folder)
    os.mkfifo(folder / "pipe.txt")
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.txt")).write_text("x")
    fed, skipped = _found(folder)
    assert set(fed) == {"ok.txt"}
    links = {name for name, said in skipped.items() if said.startswith("link:")}
    assert links == {"link.txt", "gone.txt", "ring"}
    assert skipped["pipe.txt"] == "unsupported: is no regular file"
    assert skipped["bad?.txt"].startswith("unsupported: its name is not UTF-8")


def test_a_folder_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("inner"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert _found(tmp_path)[1] == {"inner": "unreadable: cannot be read: Permission denied"}


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


def test_two_files_of_one_name_are_told_and_both_fed(tmp_path: Path) -> None:
    for place, text in (
        ("north/plans/a", "One."),
        ("south/plans/a", "Two."),
        ("south/b", "Three."),
    ):
        file = tmp_path / f"{place}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    fed, told = _found(tmp_path / "north", tmp_path / "south")
    assert {name: each.body for name, each in fed.items()} == {
        "north/plans/a.md": "One.",
        "south/plans/a.md": "Two.",
        "b.md": "Three.",
    }
    note = "is the name of 2 files: fed as north/plans/a.md and south/plans/a.md"
    assert told == {"plans/a.md": note}


def test_a_file_that_is_given_twice_is_fed_once_under_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("One.")
    fed, told = _found(tmp_path, tmp_path / "a.md")
    assert ([*fed], told) == (["a.md"], {"a.md": "was given twice: it is fed once"})


def test_a_path_without_anything_to_feed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "none.jsonl").write_text("\n")
    for path in (tmp_path / "none", tmp_path / "none.jsonl"):
        assert _found(path) == ({}, {str(path): "empty: holds nothing that could be fed"})


def test_a_document_that_replaces_another_of_its_feed_is_told(tmp_path: Path) -> None:
    lines = tmp_path / "feed.jsonl"

    def told(*records: dict[str, object]) -> dict[str, str]:
        lines.write_text("\n".join(json.dumps({"doc_id": "a", "body": "x"} | r) for r in records))
        return _found(lines)[1]

    note = {"a": "is the id of several documents of this feed: the last counts"}
    assert told({}, {"body": "y"}) == note
    assert told({"version": 2}, {"version": 2}) == note
    assert told({"version": 1}, {"version": 2}) == {}
    assert told({}, {"op": "delete", "body": None}, {}) == {}
    assert told({}, {"doc_id": "b"}) == {}
