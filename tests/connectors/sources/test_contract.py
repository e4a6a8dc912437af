"""What every source is held to, whatever it is: one suite over all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from processors.documents.sources import Unread
from tests.support.kept import KINDS, Kept

NAMES = ["a.md", "b/ä ö#%41+&?.md", "b/c/d.txt"]


@pytest.fixture(params=KINDS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    return KINDS[request.param](tmp_path)


def test_all_that_it_holds_is_listed_by_the_path_inside_and_read(kept: Kept) -> None:
    for name in NAMES:
        kept.put(name, f"# {name}".encode())
    kept.done()
    listing = kept.source.listing()
    assert {*listing.items} == {*NAMES}
    assert not listing.unseen and not listing.left
    for name, item in listing.items.items():
        content = kept.source.read(name)
        assert content.data == f"# {name}".encode()
        assert content.mark == item.mark
        assert item.size == len(content.data)


def test_a_mark_changes_with_the_content_of_one_size_and_with_nothing_else(kept: Kept) -> None:
    kept.put("a.md", b"one")
    kept.put("b.md", b"one")
    kept.done()
    before = kept.source.listing().items
    assert kept.source.listing().items == before
    kept.put("a.md", b"two")
    kept.done()
    after = kept.source.listing().items
    assert after["a.md"].mark != before["a.md"].mark
    assert after["b.md"] == before["b.md"]


def test_what_is_removed_or_renamed_is_listed_as_it_is_now(kept: Kept) -> None:
    kept.put("a.md", b"text")
    kept.put("b.md", b"other")
    kept.done()
    kept.source.listing()
    kept.remove("a.md")
    kept.put("new/a.md", b"text")
    kept.remove("b.md")
    kept.done()
    assert [*kept.source.listing().items] == ["new/a.md"]


def test_what_a_dot_hides_is_not_looked_at(kept: Kept) -> None:
    for name in ("a.md", ".hidden.md", ".git2/b.md", "c/.d/e.md"):
        kept.put(name, b"text")
    kept.done()
    assert [*kept.source.listing().items] == ["a.md"]


def test_it_can_be_empty(kept: Kept) -> None:
    kept.done()
    assert not kept.source.listing().items


def test_what_goes_between_listing_and_reading_is_read_as_it_was_or_not_at_all(kept: Kept) -> None:
    kept.put("a.md", b"text")
    kept.put("b.md", b"text")
    kept.done()
    kept.source.listing()
    kept.remove("a.md")
    kept.done()
    try:
        assert kept.source.read("a.md").data == b"text"  # a commit stays
    except Unread as error:
        assert str(error)
