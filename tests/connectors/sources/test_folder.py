"""A folder that is followed."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from connectors.sources.folder import Folder
from streams.flow.errors import UserError
from tests.support.kept import KeptFolder

LONG_S = 30.0


@pytest.fixture
def kept(tmp_path: Path) -> KeptFolder:
    return KeptFolder(tmp_path)


def test_a_folder_that_is_not_there_is_an_error_and_not_empty(kept: KeptFolder) -> None:
    kept.path.rmdir()
    with pytest.raises(UserError, match=r"No such file or directory.*nothing of it is removed"):
        kept.source.listing()
    kept.path.write_text("a file now")
    with pytest.raises(UserError, match="is no folder"):
        kept.source.listing()


def test_a_folder_inside_that_cannot_be_listed_hides_what_is_below_it(
    kept: KeptFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.put("shut/a.md", b"text")
    kept.put("b.md", b"text")
    listed = os.scandir

    def refusing(path: str) -> Any:  # root may list whatever its mode says
        if Path(path).name == "shut":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", refusing)
    listing = kept.source.listing()
    assert [*listing.items] == ["b.md"]
    assert "Permission denied" in listing.unseen["shut"]


def test_links_and_pipes_are_left_and_named(kept: KeptFolder, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("of somebody else")
    (kept.path / "link.md").symlink_to(tmp_path / "secret.md")
    os.mkfifo(kept.path / "pipe.md")
    listing = kept.source.listing()
    assert not listing.items
    assert "symbolic link" in listing.left["link.md"]
    assert listing.left["pipe.md"] == "is no regular file"


def test_another_content_under_the_same_size_and_time_is_seen(kept: KeptFolder) -> None:
    kept.put("a.md", b"one")
    before = kept.source.listing().items["a.md"]
    times = (kept.path / "a.md").stat().st_mtime_ns
    (kept.path / "new").write_bytes(b"two")
    os.utime(kept.path / "new", ns=(times, times))
    (kept.path / "new").replace(kept.path / "a.md")
    assert kept.source.listing().items["a.md"] != before


def test_a_change_ends_the_wait(kept: KeptFolder) -> None:
    kept.source.wait(LONG_S)  # the watcher begins: there may be something to look at
    for change in (
        lambda: kept.put("a.md", b"text"),
        lambda: kept.put("a.md", b"text again"),
        lambda: (kept.path / "a.md").rename(kept.path / "b.md"),
        lambda: kept.remove("b.md"),
    ):
        timer = threading.Timer(0.1, change)
        begun = time.monotonic()
        timer.start()
        kept.source.wait(LONG_S)
        assert time.monotonic() - begun < LONG_S
        timer.join()


def test_without_a_change_the_wait_ends_with_its_time(kept: KeptFolder) -> None:
    kept.source.wait(LONG_S)
    begun = time.monotonic()
    kept.put(".hidden", b"text")
    kept.source.wait(0.3)
    assert time.monotonic() - begun >= 0.3


def test_a_folder_in_place_of_the_one_that_was_watched_is_looked_at(kept: KeptFolder) -> None:
    kept.source.wait(LONG_S)
    other = kept.path.with_name("other")
    other.mkdir()
    shutil.rmtree(kept.path)
    other.rename(kept.path)
    begun = time.monotonic()
    kept.source.wait(LONG_S)
    assert time.monotonic() - begun < LONG_S


def test_it_is_remembered_by_its_path_or_by_a_given_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Folder(Path("x")).name == str(tmp_path / "x")
    assert Folder(Path("x"), "handbook").name == "handbook"
