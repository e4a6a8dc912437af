from __future__ import annotations

from pathlib import Path

import pytest

from streams.app.settings import Settings, load
from streams.app.wiring import generation_key
from streams.flow.errors import UserError
from streams.local.broker import Broker
from streams.local.daemon import _Daemon
from streams.local.redis import RedisServer
from streams.local.supervisor import GROUPS
from streams.local.worker_process import WorkerProcess, environment, run_command, secrets_of


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


def test_a_key_reaches_only_the_processes_that_use_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("GENERATION_KEY", "JUDGE_KEY"):
        monkeypatch.setenv(f"MILLRACE_{name}", "hidden-7f3a")
    settings = load({"data": tmp_path})

    def hidden(environment: dict[str, str]) -> list[str]:
        return [name for name, value in environment.items() if "hidden-7f3a" in value]

    for group, stages in GROUPS.items():
        worker = WorkerProcess(group, stages, run_command(group, stages), settings)
        used = ["MILLRACE_GENERATION_KEY"] if group == "questions" else []
        assert hidden(worker.environment()) == used
        assert not any("hidden-7f3a" in word for word in worker.command())
    assert secrets_of(["generate.local"]) == secrets_of(["rewrite"]) == ["generation_key"]
    assert hidden(environment(settings)) == []  # of a child that is none of these
    assert hidden(RedisServer(settings).environment()) == []
    assert hidden(Broker(settings).environment()) == []
    assert hidden(_Daemon(settings, ()).environment()) == ["MILLRACE_GENERATION_KEY"]
    assert "hidden-7f3a" not in repr(settings)


def test_a_key_can_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("hidden-7f3a\n")
    assert generation_key(Settings(generation_key_file=file)) == "hidden-7f3a"
    assert generation_key(Settings(generation_key="given")) == "given"
    assert environment(Settings(generation_key_file=file))["MILLRACE_GENERATION_KEY_FILE"] == str(
        file
    )
    with pytest.raises(UserError, match="in one line"):
        generation_key(Settings(generation_key="a\nb"))
    with pytest.raises(UserError, match="not both"):
        generation_key(Settings(generation_key="given", generation_key_file=file))
    for content in (b"", b"\n", b"a\nb", b"\xff"):
        file.write_bytes(content)
        with pytest.raises(UserError, match=f"MILLRACE_GENERATION_KEY_FILE: {file}"):
            generation_key(Settings(generation_key_file=file))
    with pytest.raises(UserError, match="cannot be read: No such file"):
        generation_key(Settings(generation_key_file=tmp_path / "absent"))


def test_a_wrong_key_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "millrace.toml"
    file.write_text("generation_key = 7331\n")
    said = _said(monkeypatch, "MILLRACE_CONFIG", str(file))
    assert "MILLRACE_GENERATION_KEY is wrong" in said
    assert "7331" not in said
