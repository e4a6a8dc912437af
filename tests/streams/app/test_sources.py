"""What is fed of a source, by what it holds and what is remembered of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.converters.documents import Documents
from connectors.converters.made import Limits
from processors.documents.sources import Listing, Source
from streams.app.settings import Settings
from streams.app.sources import Followed, Known, Skipped, Turn, followed
from streams.flow.errors import UserError
from tests.support.kept import KeptBucket, KeptFolder, KeptRepository

Steps = list[tuple[str, ...]]


class Watcher:
    """Follows a source without a broker: what is fed is remembered at once."""

    def __init__(self, source: Source, **how: Any) -> None:
        self.followed = Followed(source, Documents(Limits(max_bytes=1000)), "t", **how)
        self.known: dict[str, Known] = {}

    def look(self, names: list[str] | None = None) -> Steps:
        found: Steps = []
        for step in [*self.followed.changes(self.known, names)]:
            if isinstance(step, Turn):
                document = step.document
                found.append((document.op, document.doc_id))
                self.known[document.doc_id] = Known(self.followed.source.name, step.mark, 0)
            elif isinstance(step, Skipped):
                found.append((step.outcome, step.name))
        return found


@pytest.fixture
def kept(tmp_path: Path) -> KeptFolder:
    return KeptFolder(tmp_path)


@pytest.fixture
def watcher(kept: KeptFolder) -> Watcher:
    return Watcher(kept.source)


def test_what_changed_is_fed_once_and_what_went_is_deleted(
    kept: KeptFolder, watcher: Watcher
) -> None:
    kept.put("a.md", b"one")
    kept.put("b.md", b"two")
    assert watcher.look() == [("upsert", "a.md"), ("upsert", "b.md")]
    assert watcher.look() == []
    kept.put("a.md", b"three")
    kept.remove("b.md")
    assert watcher.look() == [("upsert", "a.md"), ("delete", "b.md")]
    assert watcher.look() == []
    kept.put("b.md", b"two")
    assert watcher.look() == [("upsert", "b.md")]


def test_what_is_renamed_is_there_under_its_new_name_before_the_old_one_goes(
    kept: KeptFolder, watcher: Watcher
) -> None:
    kept.put("a.md", b"text")
    watcher.look()
    (kept.path / "a.md").rename(kept.path / "z.md")
    assert watcher.look() == [("upsert", "z.md"), ("delete", "a.md")]


def test_a_document_says_where_it_is_from_and_when_it_changed(tmp_path: Path) -> None:
    repository = KeptRepository(tmp_path)
    repository.put("kb/a.md", b"---\nauthor: Ann\n---\n# Fees\n\nNone.\n")
    repository.done()
    watcher = Watcher(repository.source, prefix="bank/")
    (step,) = watcher.followed.changes({})
    assert isinstance(step, Turn)
    document = step.document
    assert (document.tenant, document.doc_id, document.title) == ("t", "bank/kb/a.md", "Fees")
    assert document.changed_at == repository.at * 1000
    assert document.metadata["commit"]


def test_what_cannot_be_fed_is_named_once_and_again_when_it_changes(
    kept: KeptFolder, watcher: Watcher
) -> None:
    kept.put("a.png", b"picture")
    kept.put("lines.jsonl", b"{}")
    kept.put("long.md", b"x" * 1001)
    kept.put("empty.md", b" ")
    (kept.path / "link.md").symlink_to("a.png")
    found = watcher.look()
    assert sorted(found) == [
        ("empty", "empty.md"),
        ("left", "a.png"),
        ("left", "lines.jsonl"),
        ("left", "link.md"),
        ("left", "long.md"),
    ]
    assert watcher.look() == []
    kept.put("empty.md", b"  ")
    assert watcher.look() == [("empty", "empty.md")]


def test_names_that_are_no_text_are_left_and_can_be_printed(
    kept: KeptFolder, watcher: Watcher
) -> None:
    folder = os.fsencode(kept.path)
    with open(folder + b"/\xff.md", "wb") as file:  # noqa: PTH123
        file.write(b"text")
    os.symlink(b"x", folder + b"/\xfe.md")  # noqa: PTH211
    found = watcher.look()
    assert [outcome for outcome, _ in found] == ["left", "left"]
    assert "".join(name for _, name in found).encode() == b"?.md?.md"


def test_what_can_no_longer_be_read_stays_as_it_was_read_last(
    kept: KeptFolder, watcher: Watcher
) -> None:
    kept.put("a.md", b"text")
    kept.put("b.md", b"text")
    watcher.look()
    kept.put("a.md", b"x" * 1001)
    kept.put("b.md", b"")
    assert watcher.look() == [("left", "a.md"), ("empty", "b.md")]
    assert watcher.known["a.md"].mark and watcher.known["b.md"].mark


def test_a_page_that_is_made_a_draft_is_withdrawn(kept: KeptFolder, watcher: Watcher) -> None:
    kept.put("a.md", b"# A\n\ntext")
    watcher.look()
    kept.put("a.md", b"---\ndraft: true\n---\n# A\n\ntext")
    assert watcher.look() == [("draft", "a.md"), ("delete", "a.md")]
    assert watcher.look() == []
    assert Watcher(kept.source).look() == [("draft", "a.md")]


def test_two_sources_do_not_take_each_others_documents(
    kept: KeptFolder, watcher: Watcher, tmp_path: Path
) -> None:
    kept.put("a.md", b"text")
    watcher.look()
    (tmp_path / "2").mkdir()
    second = KeptFolder(tmp_path / "2")
    second.put("a.md", b"another text")
    other = Watcher(second.source)
    other.known = watcher.known
    assert other.look() == [("left", "a.md")]
    second.remove("a.md")
    other.look()
    assert other.known["a.md"].source == kept.source.name and other.known["a.md"].mark
    second.put("a.md", b"another text")
    kept.remove("a.md")
    watcher.followed.most_removed = 1
    assert watcher.look() == [("delete", "a.md")]
    assert other.look() == [("upsert", "a.md")]


def test_another_prefix_moves_all_documents(kept: KeptFolder, watcher: Watcher) -> None:
    kept.put("a.md", b"text")
    watcher.look()
    moved = Watcher(kept.source, prefix="kb/")
    moved.known = watcher.known
    assert moved.look() == [("upsert", "kb/a.md"), ("delete", "a.md")]


def test_a_source_that_lost_everything_says_so_once_and_goes_on_with_what_is_new(
    kept: KeptFolder, watcher: Watcher
) -> None:
    for number in range(30):
        kept.put(f"{number}.md", f"text {number}".encode())
    watcher.look()
    for number in range(20):
        kept.remove(f"{number}.md")
    kept.put("new.md", b"text")
    (found, withheld) = watcher.look()
    assert found == ("upsert", "new.md")
    assert withheld == ("withheld", kept.source.name)
    assert watcher.look() == []
    kept.put("0.md", b"text again")
    for number in range(1, 6):
        kept.put(f"{number}.md", f"text {number}".encode())
    assert len(watcher.look()) == 15  # the disk is back, and some went indeed


def test_a_source_that_never_held_anything_says_so(kept: KeptFolder, watcher: Watcher) -> None:
    assert watcher.look() == [("empty", kept.source.name)]
    assert watcher.look() == []


def test_a_listing_that_fails_removes_nothing(kept: KeptFolder, watcher: Watcher) -> None:
    kept.put("a.md", b"text")
    watcher.look()
    kept.remove("a.md")
    kept.path.rmdir()
    with pytest.raises(UserError):
        watcher.look()
    assert watcher.known["a.md"].mark


def test_what_could_not_be_looked_at_is_named_and_stays(
    kept: KeptFolder, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.put("kb/a.md", b"text")
    kept.put("b.md", b"text")
    watcher.look()
    whole = kept.source.listing()
    partly = Listing({"b.md": whole.items["b.md"]}, {"kb": "cannot be listed: no"})
    monkeypatch.setattr(kept.source, "listing", lambda: partly)
    assert watcher.look() == [("unseen", "kb")]
    assert watcher.look() == []


def test_named_objects_alone_are_looked_at(tmp_path: Path) -> None:
    bucket = KeptBucket(tmp_path)
    for name in ("a.md", "b.md", "c.md"):
        bucket.put(name, b"text")
    watcher = Watcher(bucket.source, prefix="x/")
    watcher.look()
    bucket.put("a.md", b"new")
    bucket.remove("b.md")
    bucket.remove("c.md")
    assert watcher.look(["a.md", "b.md"]) == [("upsert", "x/a.md"), ("delete", "x/b.md")]
    assert watcher.look(["a.md", "b.md"]) == []


def test_only_a_bucket_sends_notices(watcher: Watcher) -> None:
    with pytest.raises(UserError, match="sends no notices"):
        watcher.followed.telling()


@pytest.fixture
def opened(tmp_path: Path, kept: KeptFolder) -> Iterator[Followed]:
    kept.put("page.html", b"<h1>Fees</h1><p>None.</p>")
    with followed(Settings(data=tmp_path), str(kept.path), "acme", name="handbook") as opened:
        yield opened


def test_it_is_put_together_by_its_address(opened: Followed) -> None:
    assert opened.source.name == "handbook"
    (step,) = opened.changes({})
    assert isinstance(step, Turn)
    assert (step.document.tenant, step.document.body) == ("acme", "# Fees\n\nNone.")
