"""Other users of the machine: what the stack keeps, and what it shows, is not for them."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import redis

from connectors.schema_registry.client import SchemaRegistry
from streams.app.settings import Settings, load
from streams.flow.errors import Retry, UserError
from streams.local.broker import Broker
from streams.local.redis import RedisServer
from streams.local.state import ProcessState, StackState, read_state, write_state
from streams.local.worker_process import environment
from streams.runtime.telemetry import JsonLogs
from tests.system.harness import Bench, load_of

CANARY = "canary-7f3a91"


def open_to_others(folder: Path) -> list[str]:
    """Files and folders that any other user could look into, but for what a closed folder hides."""
    return [
        str(path)
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    ]


def test_no_other_user_can_read_what_the_stack_keeps(bench: Bench, broker: Broker) -> None:
    umask = os.umask(0o022)  # as most have it
    try:
        bench.send(load_of(20))
        worker = bench.process("w")
        worker.start()
        bench.await_consumed()
        worker.stop()
        state = ProcessState("supervisor", 1, 0.0, "ready", 0, "")
        write_state(bench.settings.data, StackState(state, "ready"))
    finally:
        os.umask(umask)
    assert open_to_others(broker.log.parent.parent / "kafka") == []
    assert open_to_others(bench.settings.data) == []
    assert broker.log.stat().st_mode & 0o077 == 0


def test_redis_asks_for_a_password_and_lets_nobody_reconfigure_it(tmp_path: Path) -> None:
    with RedisServer(Settings(data=tmp_path)) as server:
        password = urlsplit(server.url).password
        assert password and len(password) >= 32
        assert password not in " ".join(psutil.Process(server.pid).cmdline())
        assert open_to_others(tmp_path / "redis") == []
        stranger = redis.Redis.from_url(server.url.replace(password, "guessed"))
        with closing(stranger), pytest.raises(redis.AuthenticationError):
            stranger.ping()
        with closing(redis.Redis.from_url(server.url)) as client:
            assert client.set("key", "value")
            for forbidden in (
                "CONFIG SET dir /tmp",
                "MODULE LIST",
                "DEBUG OBJECT key",
                "SCRIPT FLUSH",
                "ACL SETUSER default nopass",
                "REPLICAOF 127.0.0.1 1",
                "SHUTDOWN NOSAVE",
            ):
                with pytest.raises(redis.ResponseError, match=r"permission|not allowed"):
                    client.execute_command(*forbidden.split())
            assert client.get("key") == b"value"


def test_secrets_of_the_settings_are_in_no_output(bench: Bench, tmp_path: Path) -> None:
    """Canaries in every setting that may hold a secret; verbs that show settings are run."""
    given = Settings(
        data=tmp_path / "data",
        bootstrap_servers=bench.settings.bootstrap_servers,
        kafka={"sasl.password": CANARY, "ssl.key.password": CANARY, "sasl.username": "me"},
        redis=dict.fromkeys(("url", "kept_url"), f"redis://:{CANARY}@127.0.0.1:1/0"),
        tiers={"a": {"url": "http://127.0.0.1:9", "model": "m", "key": CANARY}},
    )
    held = ProcessState("supervisor", os.getpid(), 0.0, "ready", 0, "")
    given.data.mkdir()
    url = f"redis://:{CANARY}@127.0.0.1:1/0"
    write_state(given.data, StackState(held, "ready", given.bootstrap_servers, url, url))
    said = repr(given) + str(given)
    for verb in (
        ["status", "--json"],
        ["status"],
        ["run", "admit"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli", *verb],
            env=environment(given, ["redis", "tiers"]) | {"MILLRACE_PARTITIONS": "1"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        said += done.stdout + done.stderr
    assert CANARY not in said


def test_what_is_written_down_of_a_stack_has_no_password_in_it(tmp_path: Path) -> None:
    with RedisServer(Settings(data=tmp_path)) as server:
        parts = [ProcessState(name, 1, 0.0, "ready") for name in ("supervisor", "redis")]
        other = f"redis://me:{CANARY}@elsewhere:1/0"
        write_state(tmp_path, StackState(parts[0], "ready", "", server.url, other, parts[1:]))
        said = (tmp_path / "stack.json").read_text()
        assert CANARY not in said and str(urlsplit(server.url).password) not in said
        read = read_state(tmp_path)
        assert read is not None
        assert read.redis_url == server.url, "who may read the folder can connect"
        assert read.kept_url == "redis://***@elsewhere:1/0"
        (tmp_path / "redis" / "password").unlink()
        assert read_state(tmp_path) is not None, "a stack without it is found, and stopped"


def test_servers_see_nothing_of_our_environment_that_they_do_not_need(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "OTEL_EXPORTER_OTLP_HEADERS", "MILLRACE_JUDGE__KEY"):
        monkeypatch.setenv(name, CANARY)
    for server in (RedisServer(Settings(data=tmp_path)), Broker(Settings(data=tmp_path))):
        given = server.environment()
        assert CANARY not in given.values()
        assert given["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS__PORT", f"redis://:{CANARY}@host"),
        ("KAFKA", json.dumps({"sasl.password": {CANARY: 1}})),
        ("KAFKA", f'{{"sasl.password": "{CANARY}'),
    ],
)
def test_a_setting_that_is_wrong_is_told_without_what_is_secret_in_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"MILLRACE_{name}", value)
    with pytest.raises(UserError) as told:
        load()
    assert CANARY not in str(told.value) and name.lower() in str(told.value).lower()


def test_logs_and_messages_hide_the_passwords_of_addresses() -> None:
    for address in (f"http://me:{CANARY}@host:1/v1", f"redis://:a@{CANARY}@host"):
        record = logging.makeLogRecord({"msg": "asked %s", "args": (address,), "levelname": "INFO"})
        record.where = address
        said = JsonLogs().format(record)
        assert CANARY not in said and json.loads(said)["where"].startswith(address[:5])
        with closing(SchemaRegistry(address.replace("redis", "http"))) as registry:
            with pytest.raises(Retry) as away:
                registry.schema(1)
            assert CANARY not in str(away.value)


TELLS = """
import sys
asked = []
def look(event, details):
    if event in ("socket.connect", "socket.getaddrinfo"):
        asked.append(details)
sys.addaudithook(look)
from contextlib import ExitStack
from processors.needs import EMBEDDER
from streams.app.ports import open_these
from connectors.schema_registry.client import SchemaRegistry
from streams.app.settings import Settings, load
from streams.flow.errors import Retry, UserError
with ExitStack() as stack:
    open_these(Settings(), stack, EMBEDDER)[EMBEDDER].embed_queries(["hello"])
assert "openvino_telemetry.main" not in sys.modules
assert asked == [], asked
"""


def test_the_model_at_work_tells_nobody_of_its_use(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", TELLS],
        env=environment(Settings(data=tmp_path / "data")) | {"HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert not (home / "intel").exists()
