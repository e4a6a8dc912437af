"""Kafka Connect's REST as the client takes it; the real one is in tests/real."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka_connect.client import KafkaConnect, cause
from connectors.kafka_connect.references import password
from connectors.kafka_connect.templates import configuration, outbox
from processors.documents.databases import KINDS, Database, Kind
from streams.flow.errors import UserError

FAILED = (
    "org.apache.kafka.connect.errors.ConnectException: outer\n\tat A.b(C.java:1)\n"
    "Caused by: io.debezium.DebeziumException: the slot is gone\n\tat D.e(F.java:2)"
)


def bank(kind: Kind = "postgresql", **given: Any) -> Database:
    return Database("bank", kind, "db", KINDS[kind], "bank", "u", "${env:BANK}", **given)


def standing(state: str, *tasks: str, trace: str = "") -> dict[str, Any]:
    told = [{"state": task, **({"trace": trace} if trace else {})} for task in tasks]
    return {"connector": {"state": state}, "tasks": told}


@contextmanager
def answering(*answers: tuple[int, Any]) -> Iterator[tuple[KafkaConnect, list[str]]]:
    """A server that gives these answers in turn, the last for ever."""
    calls: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = answers[min(len(calls), len(answers) - 1)]
            calls.append(f"{self.command} {self.path}")
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = _answer

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = KafkaConnect(f"http://127.0.0.1:{server.server_port}")
    try:
        yield client, calls
    finally:
        client.close()
        server.shutdown()
        server.server_close()


def test_a_connector_is_put_and_waited_for() -> None:
    with answering(
        (409, {"message": "rebalancing"}),
        (201, {}),
        (404, {}),
        (200, standing("RUNNING")),
        (200, standing("RUNNING", "RUNNING")),
    ) as (client, calls):
        client.put("c", {}, 20)
        assert calls[:2] == ["PUT /connectors/c/config"] * 2
        assert len(calls) == 5


def test_a_failed_task_is_started_again_and_its_cause_is_named() -> None:
    failed = standing("RUNNING", "FAILED", trace=FAILED)
    with answering((200, {}), (200, failed), (204, {}), (200, failed)) as (client, calls):
        with pytest.raises(UserError, match="connector c failed: the slot is gone"):
            client.put("c", {}, 1)
        assert calls[2] == "POST /connectors/c/restart?includeTasks=true&onlyFailed=true"


def test_what_connect_refuses_is_said_in_its_words() -> None:
    said = (
        "Connector configuration is invalid and contains the following 1 error(s):\n"
        "Connection to db refused.\nYou can also find the above list of errors at the endpoint"
    )
    with (
        answering((400, {"message": said})) as (client, _),
        pytest.raises(UserError, match=r"refuses the connector: Connection to db refused\.$"),
    ):
        client.put("c", {}, 5)


def test_a_connector_that_never_runs_is_given_up() -> None:
    with (
        answering((200, standing("UNASSIGNED"))) as (client, _),
        pytest.raises(UserError, match="did not run after 1 s: it is UNASSIGNED"),
    ):
        client.put("c", {}, 1)


def test_a_connect_that_is_away_is_named_with_its_setting() -> None:
    client = KafkaConnect("http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"does not answer .* MILLRACE_CDC__CONNECT_URL"):
        client.standing("c")
    client.close()


def test_the_cause_of_a_trace_is_its_last() -> None:
    assert cause(FAILED) == "the slot is gone"
    assert cause("") == ""
    assert cause("no colon here") == "no colon here"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_template_that_holds_no_secret(kind: Kind) -> None:
    told = configuration(bank(kind, options={"snapshot.mode": "no_data"}), ["a.b", "a.c"], "k:1")
    assert "a.b,a.c" in told.values()
    assert told["topic.prefix"] == "bank"
    assert told["snapshot.mode"] == "no_data"
    assert [value for name, value in told.items() if name.endswith("password")] == ["${env:BANK}"]


def test_an_outbox_goes_to_the_feed_as_it_stands() -> None:
    told = outbox(bank(outbox="public.outbox"), "k:1")
    assert told["table.include.list"] == "public.outbox"
    assert told["transforms.outbox.route.topic.replacement"] == "docs.feed"
    assert told["slot.name"] == "millrace_bank_outbox"
    assert "StringConverter" in told["key.converter"] and told["topic.prefix"] == "bank-outbox"


def test_a_reference_is_read_where_it_means_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANK", "from-env")
    assert password(bank()) == "from-env"
    monkeypatch.delenv("BANK")
    assert password(bank(), "given") == "given"
    with pytest.raises(UserError, match=r"\$\{env:BANK\}, which means nothing on this machine"):
        password(bank())
    secrets = tmp_path / "bank.properties"
    secrets.write_text("# of the bank\nuser = u\npassword = from=file\n")
    named = Database("bank", "mysql", "db", 1, "b", "u", f"${{file:{secrets}:password}}")
    assert password(named) == "from=file"
