"""The embedded stack on real processes: a real broker, a real Redis, and workers that only wait."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from streams.app.ports import RedisSettings
from streams.app.settings import Settings, load
from streams.flow.errors import UserError
from streams.local.broker import Broker
from streams.local.child import last_fault
from streams.local.prepare import Prepared
from streams.local.redis import RedisServer
from streams.local.state import ProcessState, StackState, end, read_state, state_file, write_state
from streams.local.supervisor import Stack, detach, down, environment, status
from streams.local.worker_process import BACKGROUND, Process

pytestmark = pytest.mark.system

TOPIC = "events"
PROCESSES = [Process("documents", ("ingest",), background=True), Process("questions", ("admit",))]
TIMEOUT_S = 60.0

WORKER = """
import os, pathlib, time
data, name = os.environ["MILLRACE_DATA"], os.environ["MILLRACE_WORKER"]
assert os.environ["MILLRACE_BOOTSTRAP_SERVERS"] and os.environ["MILLRACE_REDIS__URL"]
pathlib.Path(data, "run", name + ".ready").write_text(str(os.getpid()))
time.sleep(600)
"""
SUPERVISOR = """
from streams.app.settings import load
from tests.streams.local.test_stack import prepared, waiting_worker
from streams.local.supervisor import Stack
Stack(load(), worker_command=waiting_worker, prepared=prepared).run_forever(print)
"""


def waiting_worker(_: Process) -> list[str]:
    return [sys.executable, "-c", WORKER]


def prepared(settings: Settings) -> Prepared:
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    if TOPIC not in admin.list_topics(timeout=10).topics:
        admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(10)
    return Prepared([TOPIC], PROCESSES)


def settings_of(data: Path, **more: object) -> Settings:
    return load({"data": data, "kafka_heap_mb": 192, "redis": {"cache_mb": 16}, **more})


def make_stack(data: Path, **more: Any) -> Stack:
    options: dict[str, Any] = {"worker_command": waiting_worker, "prepared": prepared, **more}
    return Stack(settings_of(data), **options)


def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + TIMEOUT_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.02)
    return found


def runs(pid: int) -> bool:
    try:
        # Where nobody reaps orphans, one that has ended stays in the table.
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def process_of(data: Path, name: str) -> dict[str, Any]:
    return next(each for each in status(load({"data": data}))["processes"] if each["name"] == name)


def kill_and_await_restart(data: Path, name: str) -> dict[str, Any]:
    before = process_of(data, name)
    assert before["state"] == "ready"
    os.kill(before["pid"], signal.SIGKILL)

    def restarted() -> dict[str, Any] | None:
        after = process_of(data, name)
        return after if after["pid"] != before["pid"] and after["state"] == "ready" else None

    after = until(restarted, f"{name} to be restarted")
    assert after["restarts"] == before["restarts"] + 1
    return after


def write_in_a_transaction(bootstrap_servers: str, value: bytes) -> None:
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "transactional.id": "test",
            "retry.backoff.ms": 2,
            "log_level": 0,
        }
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(TOPIC, value)
    producer.commit_transaction(30)


def read_all(bootstrap_servers: str, count: int) -> list[bytes]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "test",
            "isolation.level": "read_committed",
            "log_level": 0,
        }
    )
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    values: list[bytes] = []

    def enough() -> bool:
        message = consumer.poll(0.2)
        if message is not None and not message.error():
            values.append(message.value() or b"")
        return len(values) >= count

    until(enough, f"{count} records")
    consumer.close()
    return values


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack") / "data of a stack"


@pytest.fixture(scope="module")
def stack(data: Path) -> Iterator[Stack]:
    said: list[str] = []
    stack = make_stack(data)
    stack.start(said.append)
    assert said[-1] == "ready" and "creating topics" in said
    yield stack
    stack.stop()
    assert not state_file(data).exists()


def test_a_ready_stack_says_where_everything_is(stack: Stack, data: Path) -> None:
    seen = status(load({"data": data}))

    assert seen["running"] and seen["ready"]
    assert seen["bootstrap_servers"] == stack.settings.bootstrap_servers
    assert seen["redis_url"] == stack.settings.of(RedisSettings).url
    assert [each["name"] for each in seen["processes"]] == [
        "supervisor",
        "broker",
        "redis",
        "redis-kept",
        "up-documents",
        "up-questions",
    ]
    assert {each["state"] for each in seen["processes"]} == {"ready"}
    assert all(each["rss_mb"] > 0 for each in seen["processes"])


def test_documents_yield_the_processor_to_questions(stack: Stack, data: Path) -> None:
    documents = psutil.Process(process_of(data, "up-documents")["pid"])
    questions = psutil.Process(process_of(data, "up-questions")["pid"])

    assert documents.nice() == questions.nice() + BACKGROUND


def test_the_embedded_broker_divides_no_topic_that_nobody_asked_it_to(stack: Stack) -> None:
    assert stack.settings.partitions == 1


def test_a_second_stack_on_the_same_data_is_refused(stack: Stack, data: Path) -> None:
    with pytest.raises(UserError, match=rf"pid {os.getpid()}\).*millrace down"):
        make_stack(data).start()

    assert status(load({"data": data}))["ready"]


def test_a_killed_broker_comes_back_on_its_port_with_its_data(stack: Stack, data: Path) -> None:
    servers = stack.settings.bootstrap_servers
    write_in_a_transaction(servers, b"before")

    kill_and_await_restart(data, "broker")

    write_in_a_transaction(servers, b"after")
    assert read_all(servers, 2) == [b"before", b"after"]
    assert status(load({"data": data}))["bootstrap_servers"] == servers


def test_a_killed_redis_comes_back_with_its_data(stack: Stack, data: Path) -> None:
    url = stack.settings.of(RedisSettings).url  # with its port and password, which stay
    with closing(redis.Redis.from_url(url)) as client:
        assert client.set("key", "value")

    kill_and_await_restart(data, "redis")

    with closing(redis.Redis.from_url(url)) as client:
        assert client.get("key") == b"value"


def test_a_killed_worker_is_started_again(stack: Stack, data: Path) -> None:
    after = kill_and_await_restart(data, "up-questions")

    assert Path(data, "run", "up-questions.ready").read_text() == str(after["pid"])


def test_after_kill_9_of_the_supervisor_the_next_up_recovers(tmp_path: Path) -> None:
    first = start_supervisor(tmp_path)
    until(lambda: status(load({"data": tmp_path}))["ready"], "the first stack")
    servers = status(load({"data": tmp_path}))["bootstrap_servers"]
    write_in_a_transaction(servers, b"kept")
    first.kill()
    first.wait()
    orphans = status(load({"data": tmp_path}))
    assert not orphans["running"]
    assert [each["state"] for each in orphans["processes"]] == ["dead"] + 5 * ["orphaned"]

    with make_stack(tmp_path) as second:
        assert not any(runs(each["pid"]) for each in orphans["processes"])
        assert second.settings.bootstrap_servers == servers
        assert read_all(servers, 1) == [b"kept"]


def test_down_stops_a_stack_with_or_without_its_supervisor_and_is_idempotent(
    tmp_path: Path,
) -> None:
    settings = settings_of(tmp_path)
    everything = {"supervisor", "broker", "redis", "redis-kept", "up-documents", "up-questions"}
    said: list[str] = []
    detach(settings, said.append, command=[sys.executable, "-c", SUPERVISOR])
    assert said[-1] == "ready"
    assert set(down(settings)) == everything
    assert down(settings) == []

    supervisor = start_supervisor(tmp_path)
    until(lambda: status(settings)["ready"], "the stack")
    processes = status(settings)["processes"]
    supervisor.kill()
    supervisor.wait()
    assert set(down(settings)) == everything - {"supervisor"}
    assert not any(runs(each["pid"]) for each in processes)
    assert down(settings) == []
    assert status(settings)["phase"] == "down"


def start_supervisor(data: Path) -> subprocess.Popen[bytes]:
    log = data / "supervisor.log"
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR],
            env=environment(settings_of(data)),
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def test_sigterm_while_starting_leaves_nothing_behind(tmp_path: Path) -> None:
    supervisor = start_supervisor(tmp_path)

    def broker() -> psutil.Process | None:
        state = read_state(tmp_path)
        return state.processes[0].process() if state and state.processes else None

    started = until(broker, "the broker's process")
    supervisor.terminate()

    assert supervisor.wait(TIMEOUT_S) == 0
    assert not started.is_running()
    assert not state_file(tmp_path).exists()


def test_a_recycled_pid_is_not_killed(tmp_path: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        recorded = ProcessState("broker", bystander.pid, time.time() - 3600, "ready")
        supervisor = ProcessState("supervisor", bystander.pid, time.time() - 3600, "ready")
        write_state(tmp_path, StackState(supervisor, "ready", processes=[recorded]))

        assert down(load({"data": tmp_path})) == []
        assert end([recorded]) == []
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize(
    ("server", "setting"), [(Broker, "kafka_port"), (RedisServer, "redis__port")]
)
def test_a_taken_port_is_named_with_its_setting(tmp_path: Path, server: Any, setting: str) -> None:
    section, _, field = setting.partition("__")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        chosen: dict[str, Any] = {section: {field: port} if field else port}

        with pytest.raises(UserError, match=rf"port {port} .*MILLRACE_{setting.upper()}"):
            server(settings_of(tmp_path, **chosen)).start()


def test_a_damaged_broker_folder_is_named_with_the_remedy(tmp_path: Path) -> None:
    folder = tmp_path / "kafka"
    folder.mkdir()
    (folder / "what-is-this").touch()
    with pytest.raises(UserError, match=rf"{folder} is damaged.*move it away"):
        Broker(settings_of(tmp_path)).start()

    (folder / "meta.properties").write_text("nonsense")
    with pytest.raises(UserError, match=rf"stopped with: .*in {folder}; .*kafka\.log"):
        Broker(settings_of(tmp_path)).__enter__()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.touch()

    with pytest.raises(UserError, match=rf"cannot write in {file}.*MILLRACE_DATA"):
        make_stack(file).start()


def test_without_network_and_jars_the_first_start_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import jgo

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(jgo, "build", refuse)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    with pytest.raises(UserError, match=r"could not be fetched: no route to host.*network.*mirror"):
        Broker(settings_of(tmp_path)).start()


def test_a_worker_with_a_wrong_setting_fails_the_start_with_its_own_words(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path, bootstrap_servers="127.0.0.1:1", redis={"url": "redis://there"}
    )
    command = [sys.executable, "-c", "import sys; sys.exit(print('millrace: the sky fell') or 2)"]
    stack = Stack(
        settings, worker_command=lambda _: command, prepared=lambda _: Prepared([], PROCESSES)
    )

    with pytest.raises(UserError, match=r"up-\w+ stopped with: the sky fell"):
        stack.start()

    assert not state_file(tmp_path).exists()


def test_children_get_exactly_the_settings_of_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(
        tmp_path,
        kafka={"a": "b"},
        tenants=("x", "y"),
        abstain_below=0.25,
        tier="fast",
        tiers={"fast": {"url": "http://127.0.0.1:9", "model": "m"}},
    )
    given = environment(settings)
    monkeypatch.setenv("MILLRACE_TIER", "extractive")
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert load() == settings


def test_the_telling_line_of_a_log_is_the_cause(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "[main] INFO fine\n"
        "[main] ERROR Exiting due to fatal exception\n"
        "java.lang.RuntimeException: it broke\n"
        "\tat some.Class.method(Class.java:1)\n"
        "Caused by: java.io.IOException: No space left on device\n"
        "\t... 12 more\n"
    )

    assert last_fault(log) == "Caused by: java.io.IOException: No space left on device"
