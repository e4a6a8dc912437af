"""A git repository that is followed: real git."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from connectors.sources.repository import Repository
from processors.documents.sources import Unread
from streams.flow.errors import UserError
from tests.support.kept import KeptRepository, git


@pytest.fixture
def kept(tmp_path: Path) -> KeptRepository:
    return KeptRepository(tmp_path)


def test_a_file_says_which_commit_changed_it_last_and_when(kept: KeptRepository) -> None:
    changed: dict[str, tuple[str, int]] = {}
    for number, names in enumerate((["a.md", "b.md"], ["b.md"], ["c/ä\nx.md"])):
        for name in names:
            kept.put(name, f"{number}".encode())
        kept.done()
        for name in names:
            changed[name] = git(kept.path, "rev-parse", "HEAD"), kept.at * 1000
        kept.source.listing()
        for name, (commit, at) in changed.items():
            content = kept.source.read(name)
            assert (content.metadata["commit"], content.changed_at) == (commit, at)


def test_a_merge_is_the_change_that_it_brought(kept: KeptRepository) -> None:
    kept.put("a.md", b"one")
    kept.done()
    git(kept.path, "checkout", "--quiet", "-b", "side")
    kept.put("b.md", b"from the side")
    kept.done()
    git(kept.path, "checkout", "--quiet", "main")
    git(kept.path, "merge", "--quiet", "--no-ff", "-m", "merged", "side", at=kept.at + 60)
    kept.source.listing()
    assert kept.source.read("b.md").metadata["commit"] == git(kept.path, "rev-parse", "HEAD")


def test_a_branch_that_was_set_back_or_written_anew_is_as_it_is_now(kept: KeptRepository) -> None:
    for number in range(3):
        kept.put("a.md", f"{number}".encode())
        kept.done()
    assert kept.source.listing() and kept.source.read("a.md").data == b"2"
    git(kept.path, "reset", "--quiet", "--hard", "HEAD~2")
    assert kept.source.listing() and kept.source.read("a.md").data == b"0"
    kept.put("a.md", b"3")
    git(kept.path, "commit", "--quiet", "--amend", "--all", "-m", "amended")
    kept.source.listing()
    content = kept.source.read("a.md")
    assert (content.data, content.metadata["commit"]) == (
        b"3",
        git(kept.path, "rev-parse", "HEAD"),
    )


def test_only_the_branch_that_is_named_counts(kept: KeptRepository) -> None:
    kept.put("a.md", b"text")
    kept.done()
    git(kept.path, "checkout", "--quiet", "-b", "draft")
    kept.put("b.md", b"not yet")
    kept.done()
    assert [*kept.source.listing().items] == ["a.md"]


def test_what_cannot_be_fetched_is_an_error_and_leaves_what_was_there(kept: KeptRepository) -> None:
    kept.put("a.md", b"text")
    kept.done()
    kept.source.listing()
    away = kept.path.with_name("away")
    kept.path.rename(away)
    with pytest.raises(UserError, match=r"cannot be fetched.*nothing of it is removed"):
        kept.source.listing()
    away.rename(kept.path)
    git(kept.path, "branch", "--quiet", "-m", "main", "trunk")
    with pytest.raises(UserError, match=r"main of .* cannot be fetched.*nothing of it is removed"):
        kept.source.listing()


def test_a_clone_that_was_cut_short_shows_nothing_until_it_is_whole(kept: KeptRepository) -> None:
    """What a kill leaves of it at each step of making it."""
    kept.put("a.md", b"text")
    kept.done()
    kept.source.listing()
    (clone,) = kept.clones.iterdir()
    for lost in ("HEAD", "config", "refs", "objects"):
        whole = clone / lost
        shutil.rmtree(whole) if whole.is_dir() else whole.unlink()
        again = Repository(str(kept.path), "main", kept.clones)
        assert [*again.listing().items] == ["a.md"]
        assert again.read("a.md").data == b"text"


def test_submodules_links_and_pointers_to_large_files_are_named(kept: KeptRepository) -> None:
    kept.put("big.pdf", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    (kept.path / "link.md").symlink_to("/etc/passwd")
    git(kept.path, "add", "--all")
    head = git(kept.path, "rev-parse", "HEAD")
    git(kept.path, "update-index", "--add", "--cacheinfo", f"160000,{head},module")
    git(kept.path, "commit", "--quiet", "-m", "all")
    listing = kept.source.listing()
    assert [*listing.items] == ["big.pdf"]
    assert "symbolic link" in listing.left["link.md"]
    assert "submodule" in listing.left["module"]
    with pytest.raises(Unread, match="Git LFS"):
        kept.source.read("big.pdf")


def test_a_password_in_the_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="credential helper") as refused:
        Repository("https://me:pa55word@example.org/kb.git", "", tmp_path)
    assert "pa55word" not in str(refused.value)
