"""What is made once for a user, and what is done where no cache can be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.flow.caching import kept, user_cache


def test_the_users_cache_is_taken_and_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert user_cache() == tmp_path / "home" / "millrace"
    assert kept("models", tmp_path / "other") == tmp_path / "home" / "millrace" / "models"
    assert (tmp_path / "home" / "millrace" / "models").is_dir()


def test_without_one_that_can_be_written_the_other_folder_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(occupied))
    assert kept("models", tmp_path / "other") == tmp_path / "other"
    assert not (tmp_path / "other").exists()


def test_nor_with_a_home_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/proc/none")
    assert kept("models", tmp_path / "other") == tmp_path / "other"
