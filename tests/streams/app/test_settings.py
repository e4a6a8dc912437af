from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.openai_compatible.keys import key_of
from connectors.openai_compatible.tiers import TiersSettings
from processors.needs import generator
from streams.app.opening import stages
from streams.app.ports import SECTIONS, BrokerSettings, openers, secrets
from streams.app.settings import Settings, load
from streams.app.stores import IndexSettings
from streams.flow.errors import UserError
from streams.flow.port import Port
from streams.local.broker import Broker
from streams.local.daemon import _Daemon
from streams.local.prepare import counting, processes_of
from streams.local.redis import RedisServer
from streams.local.worker_process import WorkerProcess, environment, run_command


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
    file.write_text('partitions = 7\ntenants = ["a", "b"]\n[index]\nname = "blue"\n')
    monkeypatch.setenv("MILLRACE_CONFIG", str(file))
    monkeypatch.setenv("MILLRACE_PARTITIONS", "9")
    settings = load()
    assert (settings.partitions, settings.tenants) == (9, ("a", "b"))
    assert settings.of(IndexSettings).name == "blue"


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
    for name in ("TIERS__LARGE__KEY", "JUDGE__KEY"):
        monkeypatch.setenv(f"MILLRACE_{name}", "hidden-7f3a")
    monkeypatch.setenv("MILLRACE_TIERS__LARGE__URL", "http://127.0.0.1:9")
    monkeypatch.setenv("MILLRACE_TIERS__LARGE__MODEL", "m")
    settings = load({"data": tmp_path})

    def hidden(environment: dict[str, str]) -> list[str]:
        return [name for name, value in environment.items() if "hidden-7f3a" in value]

    processes = processes_of(stages(settings))
    assert {each.name for each in processes} == {"documents", "index", "questions"}
    for process in processes:
        worker = WorkerProcess(process, run_command(process), settings)
        used = ["MILLRACE_TIERS__LARGE__KEY"] if process.name == "questions" else []
        assert hidden(worker.environment()) == used
        assert not any("hidden-7f3a" in word for word in worker.command())
    assert hidden(environment(settings)) == []  # of a child that is none of these
    assert hidden(RedisServer(settings).environment()) == []
    assert hidden(Broker(settings).environment()) == []
    assert sorted(hidden(_Daemon(settings, ()).environment())) == [
        "MILLRACE_JUDGE__KEY",
        "MILLRACE_TIERS__LARGE__KEY",
    ]
    assert "hidden-7f3a" not in repr(settings)


def test_a_key_can_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("hidden-7f3a\n")
    none, given, name = SecretStr(""), SecretStr("given"), "MILLRACE_TIERS__A"
    assert key_of(none, file, name)() == "hidden-7f3a"
    assert key_of(given, None, name)() == "given"
    tiers = {"a": {"url": "http://127.0.0.1:9", "model": "m", "key_file": file}}
    assert environment(Settings(tiers=tiers))["MILLRACE_TIERS__A__KEY_FILE"] == str(file)
    with pytest.raises(UserError, match="in one line"):
        key_of(SecretStr("a\nb"), None, name)
    with pytest.raises(UserError, match="not both"):
        key_of(given, file, name)
    for content in (b"", b"\n", b"a\nb", b"\xff"):
        file.write_bytes(content)
        with pytest.raises(UserError, match=f"MILLRACE_TIERS__A__KEY_FILE: {file}"):
            key_of(none, file, name)
    with pytest.raises(UserError, match="cannot be read: No such file"):
        key_of(none, tmp_path / "absent", name)


def test_a_wrong_key_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "millrace.toml"
    file.write_text('[tiers.a]\nurl = "http://127.0.0.1:9"\nmodel = "m"\nkey = 7331\n')
    said = _said(monkeypatch, "MILLRACE_CONFIG", str(file))
    assert "MILLRACE_TIERS__A__KEY is wrong" in said
    assert "7331" not in said


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("REDIS_URL", "REDIS__URL"),
        ("SCHEMA_REGISTRY_URL", "REGISTRY__URL"),
        ("INDEX", "INDEX__NAME"),
    ],
)
def test_a_setting_of_the_former_layout_is_told_its_new_name(
    monkeypatch: pytest.MonkeyPatch, former: str, now: str
) -> None:
    said = _said(monkeypatch, f"MILLRACE_{former}", "x")
    assert said == f"MILLRACE_{former} is now MILLRACE_{now}"


def test_a_key_of_the_former_layout_in_the_file_is_told_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "millrace.toml"
    file.write_text('redis_url = "redis://elsewhere"\n')
    assert "'url' under [redis]" in _said(monkeypatch, "MILLRACE_CONFIG", str(file))


def test_an_unknown_port_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="shout needs the port 'horn'"):
        openers([Port("horn")], "shout")


def test_every_need_of_a_stage_has_an_opener() -> None:
    assert all(openers(stage.needs, stage.name) is not None for stage in stages(Settings()))
    assert openers([generator("large")], "rewrite")[0].sections == (SECTIONS["tiers"],)
    assert secrets([]) == []


ENDPOINT = {"url": "http://127.0.0.1:9", "model": "m"}


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"tiers": {"a": {"url": "http://127.0.0.1:9"}}}, "MILLRACE_TIERS__A__MODEL"),
        ({"tiers": {"a": ENDPOINT | {"fallback": "b"}}}, "there are extractive, a$"),
        ({"tiers": {"a-b": ENDPOINT}}, "small letters and digits"),
        ({"tiers": {"extractive": ENDPOINT}}, "needs no model"),
        ({"tiers": {"a": ENDPOINT | {"fallback": "a"}}}, "in a circle, a to a"),
        ({"tiers": {"a": ENDPOINT | {"frob": 1}}}, "unknown setting 'tiers.a.frob'"),
        ({"tier": "premium"}, "set MILLRACE_TIERS__PREMIUM__URL"),
        ({"rewriter": "premium"}, "MILLRACE_REWRITER is 'premium'"),
    ],
)
def test_tiers_that_cannot_be_are_refused_by_name(said: dict[str, object], wrong: str) -> None:
    with pytest.raises(UserError, match=wrong):
        load(said)


def test_an_unknown_field_of_a_tier_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "unknown setting" in _said(monkeypatch, "MILLRACE_TIERS__A__FROB", "1")


def test_tiers_come_from_variables_and_reach_child_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MILLRACE_DATA", str(tmp_path))
    for name, value in {"URL": "http://127.0.0.1:9", "MODEL": "m", "TIMEOUT_S": "2.5"}.items():
        monkeypatch.setenv(f"MILLRACE_TIERS__PREMIUM__{name}", value)
    settings = load()
    assert settings.of(TiersSettings).all["premium"].timeout_s == 2.5
    for name, value in environment(settings).items():
        if name.startswith("MILLRACE_"):
            monkeypatch.setenv(name, value)
    assert load() == settings


def test_who_keeps_windows_of_usage_is_told_what_lets_it_in_at_the_broker() -> None:
    settings = Settings(broker=BrokerSettings(user="u", password=SecretStr("hush")))
    process = counting("millrace-usage")
    given = environment(settings, process.secrets)
    assert given["MILLRACE_BROKER__PASSWORD"] == "hush"
    assert process.user == "millrace-usage"
