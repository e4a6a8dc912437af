from __future__ import annotations

from pathlib import Path

import pytest

from streams.errors import UserError
from streams.settings import load
from streams.worker_process import environment


def _said(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError) as caught:
        load()
    return str(caught.value)


def test_an_unknown_variable_is_an_error_with_a_near_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "did you mean MILLRACE_TENANTS?" in _said(monkeypatch, "MILLRACE_TENANT", "a")


def test_a_wrong_value_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    said = _said(monkeypatch, "MILLRACE_PARTITIONS", "zero")
    assert said.startswith("setting MILLRACE_PARTITIONS is 'zero', but")


def test_variables_win_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "millrace.toml"
    file.write_text('partitions = 7\nindex = "blue"\ntenants = ["a", "b"]\n')
    monkeypatch.setenv("MILLRACE_CONFIG", str(file))
    monkeypatch.setenv("MILLRACE_PARTITIONS", "9")
    settings = load()
    assert (settings.partitions, settings.index, settings.tenants) == (9, "blue", ("a", "b"))


def test_an_unknown_key_in_the_file_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "millrace.toml"
    file.write_text("frob = 1\n")
    assert "unknown setting 'frob'" in _said(monkeypatch, "MILLRACE_CONFIG", str(file))


def test_a_missing_file_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not a file" in _said(monkeypatch, "MILLRACE_CONFIG", "nowhere.toml")


def test_a_child_process_gets_the_same_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MILLRACE_TENANTS", "a, b")
    monkeypatch.setenv("MILLRACE_KAFKA", '{"security.protocol": "plaintext"}')
    monkeypatch.setenv("MILLRACE_DATA", str(tmp_path))
    settings = load()
    for name, value in environment(settings).items():
        if name.startswith("MILLRACE_"):
            monkeypatch.setenv(name, value)
    assert load() == settings
