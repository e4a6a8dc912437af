"""Passwords from files that change, and certificates, of Redis and the registry: over real TLS."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import redis

from connectors.redis.store import connect, reachable
from connectors.schema_registry.port import RegistrySettings, registry
from streams.flow.errors import Retry, UserError
from streams.local.child import LOOPBACK, Ports, answers
from streams.local.redis import executable
from tests.support.certificates import Authority
from tests.support.tls_front import tls_front
from tests.system.harness import until


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[str]:
    """A Valkey behind TLS that asks for a password; its address."""
    port = Ports(authority.folder).choose("valkey", 0, "")
    options = ("--bind", LOOPBACK, "--port", f"{port}", "--requirepass", "first", "--save", "")
    process = subprocess.Popen([executable(), *options], stdout=subprocess.DEVNULL)
    until(lambda: answers(port), "Valkey to listen", 10)
    with tls_front(authority.leaf("valkey", "valkey"), port) as front:
        yield f"rediss://{LOOPBACK}:{front}/0"
    process.terminate()
    process.wait(10)


def test_a_password_is_read_for_each_connection(
    authority: Authority, server: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    with closing(connect(server, password_file=file, ca_file=authority.certificate)) as client:
        reachable(client)
        client.config_set("requirepass", "second")
        client.connection_pool.disconnect()
        with pytest.raises(UserError, match="the file of MILLRACE_REDIS__PASSWORD_FILE"):
            reachable(client)
        file.write_text("second")
        reachable(client)
        client.config_set("requirepass", "first")


def test_a_redis_of_another_authority_is_told_with_the_setting(server: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first")
    stranger = Authority(tmp_path)
    said = "not trusted .* set MILLRACE_REDIS__CA_FILE"
    with (
        closing(connect(server, password_file=file, ca_file=stranger.certificate)) as client,
        pytest.raises(UserError, match=said),
    ):
        reachable(client)


def test_a_password_file_that_is_not_there_is_an_outage_that_names_it(
    authority: Authority, server: str, tmp_path: Path
) -> None:
    absent, trusted = tmp_path / "absent", authority.certificate
    with (
        closing(connect(server, password_file=absent, ca_file=trusted)) as client,
        pytest.raises(redis.ConnectionError, match="MILLRACE_REDIS__PASSWORD_FILE"),
    ):
        client.ping()


@contextmanager
def https(authority: Authority, password: str) -> Iterator[tuple[str, list[str]]]:
    """A registry that has one schema, over TLS, for whoever says the password."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = self.headers.get("Authorization", "").removeprefix("Basic ")
            asked.append(base64.b64decode(said).decode())
            data = json.dumps({"schema": '"string"'}).encode()
            self.send_response(200 if asked[-1] == f"me:{password}" else 401)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    own = authority.leaf("registry", "registry")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.with_suffix(".crt"), own.with_suffix(".key"))
    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://{LOOPBACK}:{server.server_port}", asked
        server.shutdown()


def test_the_registry_is_asked_over_tls_with_the_password_of_a_file(
    authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("wrong")
    with https(authority, "right") as (url, asked):
        known = {"url": url, "user": "me", "password_file": file}
        settings = RegistrySettings(**known, ca_file=authority.certificate)
        with closing(registry(settings)) as client:
            with pytest.raises(Retry, match="401: check MILLRACE_REGISTRY__USER and __PASSWORD"):
                client.schema(1)
            file.write_text("right")
            until(lambda: client.schema(1), "the registry to let us in", 10)
            assert asked[-1] == "me:right"
        with (
            closing(registry(RegistrySettings(**known))) as client,
            pytest.raises(Retry, match=r"not trusted .* set MILLRACE_REGISTRY__CA_FILE"),
        ):
            client.schema(1)
