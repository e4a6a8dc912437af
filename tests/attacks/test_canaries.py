"""Secrets: one is planted in every setting that may hold one, and looked for wherever it can leak.

The stack runs, answers, and meets peers that fail, so that it has reason to speak of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import psutil
import pytest

from schemas import topics
from streams.app.ports import SECTIONS
from streams.app.settings import Settings
from streams.app.variables import TABLES, secret_fields
from streams.cli.operations import stages
from streams.edge import client
from streams.local.prepare import processes_of
from streams.local.redis import CACHE, KEPT
from streams.local.users import ADMIN, being, file_of
from streams.runtime import kafka
from tests.support import model_server
from tests.support.model_server import ModelServer
from tests.support.registry_server import RegistryServer
from tests.system.cli import Cli
from tests.system.harness import until

pytestmark = pytest.mark.system
MARK = "canary7f3a"
ROLES = ("documents", "index", "questions", "operator", "asker", "feeder", "scaler")
USERS = (ADMIN, *(f"millrace-{each}" for each in ROLES))
PAGE = "# Cards\n\nThe daily limit of a Gold card is 900 euros.\n"


def planted(name: str) -> str:
    return f"{MARK}-{name}"


SECRETS = {
    (f"{name}__local" if name in TABLES else name, field): planted(f"{name}-{field}")
    for name, section in SECTIONS.items()
    for field in secret_fields(section)
}


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """An OTLP endpoint on loopback, and the bodies it was sent."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", bodies
        server.shutdown()


def variables(model: ModelServer, registry: RegistryServer, traces: str) -> dict[str, str]:
    def with_password(url: str, name: str) -> str:
        return url.replace("://", f"://me:{planted(name)}@")

    given = {f"MILLRACE_{name}__{field}".upper(): said for (name, field), said in SECRETS.items()}
    return given | {
        "MILLRACE_TIERS__LOCAL__URL": with_password(model.url, "tier-url"),
        "MILLRACE_TIERS__LOCAL__MODEL": "told",
        "MILLRACE_TIER": "local",
        "MILLRACE_REWRITER": "local",
        "MILLRACE_REGISTRY__URL": with_password(registry.url, "registry-url"),
        "MILLRACE_OTLP_ENDPOINT": with_password(f"http://{traces}", "otlp-url"),
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{planted('otlp-header')}",
        "MILLRACE_KAFKA": json.dumps({"ssl.key.password": planted("kafka")}),
    }


def worked(millrace: Cli, model: ModelServer, registry: RegistryServer) -> str:
    """What the verbs said while all parts were at work, and while peers refused them."""
    page = json.dumps({"doc_id": "d", "doc_type": "markdown", "body": PAGE})
    said = millrace("feed", "-", "--tenant", "acme", stdin=page)
    question = ("What is the daily limit of a Gold card?", "--tenant", "acme")
    answer = millrace.json("ask", *question)
    said += json.dumps(answer) + millrace("trail", answer["request_id"], "--tenant", "acme")
    # It refuses, and repeats what it was given.
    model.says, model.status = None, 401
    told = f"no such key: {model.asked[-1]['key']}"
    model.body = json.dumps({"error": {"message": told}}).encode()
    said += json.dumps(millrace.json("ask", *question))
    registry.status = 400
    producer = kafka.new_producer(kafka.producer_options(operator(millrace)))
    producer.produce(topics.RAG_REQUESTS.name, b"\0\0\0\0\x4dof a schema nobody knows", b"acme/r")
    assert producer.flush(10) == 0

    def refused() -> bool:
        return any(b"refuses us with 400" in part for part in records(millrace))

    until(refused, "the dead letter of what the registry refused")
    registry.status = 0
    said += millrace("dlq", "list", "--all-tenants") + millrace(
        "dlq", "list", "--all-tenants", "--json"
    )
    for verb in (["status"], ["status", "--json"], ["doctor", "--json"], ["lag"], ["topology"]):
        said += millrace(*verb)
    # A setting that is wrong is told with its value, but for what is secret in it.
    for name, value in (
        ("MILLRACE_REDIS__CACHE_MB", f"redis://:{planted('wrong')}@host"),
        ("MILLRACE_KAFKA", json.dumps({"sasl.password": {planted("kafka"): 1}})),
    ):
        wrong = Cli(millrace.data, {**millrace.variables, name: value})
        said += wrong("lag", code=2)
    return said


def operator(millrace: Cli) -> Settings:
    """Settings of a client that may read and write as the command line does."""
    servers = millrace.json("status")["bootstrap_servers"]
    return being(Settings(data=millrace.data, bootstrap_servers=servers), "millrace-operator")


def records(millrace: Cli) -> Iterator[bytes]:
    """Keys, values and headers of all that stands in any topic."""
    with client.reader(operator(millrace)) as consumer:
        there = consumer.list_topics(timeout=10).topics
        names = [name for name in there if not name.startswith("__")]
        for record in map(kafka.received, client.replay(consumer, names)):
            yield record.key or b""
            yield record.value or b""
            yield from (value or b"" for _, value in record.headers)


def allowed(process: str) -> set[str]:
    """Which canaries a process of the stack needs, by its name in `status`."""
    if process in ("broker", CACHE, KEPT):
        return set()
    given = {planted(name) for name in ("kafka", "otlp-url", "otlp-header", "registry-url")}
    if process == "supervisor":  # it hands them on
        return given | {planted("tier-url"), *SECRETS.values()}
    tiers = {"local": {"url": "http://127.0.0.1:9", "model": "told"}}
    generating = {"tiers": tiers, "tier": "local", "rewriter": "local"}
    for each in processes_of(stages(Settings(**generating))):
        if f"up-{each.name}" == process:
            given |= {
                said
                for (name, _), said in SECRETS.items()
                if name.partition("__")[0] in each.secrets
            }
            given |= {planted("tier-url")} if "tiers" in each.secrets else set()
            return given | ({planted(CACHE), planted(KEPT)} if "redis" in each.secrets else set())
    raise AssertionError(f"{process} is no process of the stack")


def in_environment(process: psutil.Process) -> set[str]:
    return {
        word.split("@")[0]
        for value in process.environ().values()
        for word in [MARK + rest.split('"')[0] for rest in value.split(MARK)[1:]]
    }


def test_no_secret_of_the_settings_leaves_the_processes_that_use_it(tmp_path: Path) -> None:
    own = {tmp_path / folder / "password": planted(folder) for folder in (CACHE, KEPT)}
    own |= {file_of(tmp_path, user): planted(f"sasl-{user}") for user in USERS}
    for file, password in own.items():
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.write_text(password)
        file.chmod(0o600)
    tmp_path.chmod(0o700)
    with model_server.serving() as model, RegistryServer() as registry, collector() as traced:
        model.says = lambda _: "The daily limit of a Gold card is 900 euros [1]."
        millrace = Cli(tmp_path, variables(model, registry, traced[0]))
        millrace("up", "--secure", "--detach")
        try:
            assert MARK not in worked(millrace, model, registry)
            for each in millrace.json("status")["processes"]:
                process = psutil.Process(each["pid"])
                assert MARK not in " ".join(process.cmdline()), each["name"]
                assert in_environment(process) <= allowed(each["name"]), each["name"]
                for child in process.children(recursive=True):
                    if each["name"] != "supervisor":
                        assert in_environment(child) == set(), child.cmdline()
            assert not any(MARK.encode() in part for part in records(millrace))
        finally:
            millrace("down")
        assert traced[1] and not any(MARK.encode() in body for body in traced[1])
    # Kafka reads its own user's password from its properties.
    known = {*own, tmp_path / "run" / "kafka.properties"}
    files = [file for file in tmp_path.rglob("*") if file.is_file() and file not in known]
    assert any(file.suffix == ".log" and b"***@" in file.read_bytes() for file in files), (
        "the logs do speak of those addresses"
    )
    assert [file for file in files if MARK.encode() in file.read_bytes()] == []
