"""What whoever decides promises: the engine in process and an OPA server alike."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from connectors.opa.policy import OpaPolicy
from connectors.rego.cases import failures
from connectors.rego.compiled import Compiled
from connectors.rego.policy import RegoPolicy
from connectors.rego.source import UnusableError, read
from processors.guard.decision import UNAVAILABLE
from processors.guard.identity import Identity
from processors.guard.ports import Policy
from streams.app.guarding import cases
from streams.app.settings import Settings
from streams.flow.errors import UserError
from tests.support.fakes import ROOT

FOLDER = ROOT / "policies"
WHO = Identity("acme", "anne")
TEXT = {"text": "what?", "length": 5, "found": []}
QUESTION = {**TEXT, "tenant": "acme", "filters": {}, "reply_to": ""}
ASKED = {"identity": WHO.asked(), "question": QUESTION}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Policies of one's own, to be changed."""
    shutil.copytree(FOLDER / "authz", tmp_path / "policies" / "authz")
    shutil.copy(FOLDER / "tenants.yaml", tmp_path / "policies")
    return tmp_path / "policies"


class Server(ThreadingHTTPServer):
    """Answers as OPA does, by the shipped policy; or badly, where it is told to."""

    bad: bytes | None = None
    status = 200

    def __init__(self) -> None:
        compiled, outer = Compiled(read(FOLDER)), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                rule = self.path.partition("?")[0].removeprefix("/v1/data/rag/authz/")
                said = {"result": compiled.answer(rule, asked["input"])}  # type: ignore[arg-type]
                said["provenance"] = {"bundles": {"main": {"revision": "r7"}}}
                body = outer.bad or json.dumps(said).encode()
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(params=["rego", "opa"])
def policy(request: pytest.FixtureRequest) -> Iterator[Policy]:
    with ExitStack() as stack:
        if request.param == "rego":
            yield stack.enter_context(RegoPolicy(FOLDER, tried=False))
        else:
            server: Server = request.getfixturevalue("server")
            opa = OpaPolicy(f"http://127.0.0.1:{server.server_port}")
            stack.callback(opa.close)
            yield opa


def test_it_decides_and_says_by_what(policy: Policy) -> None:
    decided = policy.decide("ask", ASKED)
    assert decided.allowed
    version, _, mark = decided.policy.partition("@")
    assert version == "authz-3" and mark in (read(FOLDER).mark, "r7")
    long = policy.decide("ask", {**ASKED, "question": {**QUESTION, "length": 2001}})
    assert not long.allowed
    assert long.rules == "query-length"
    assert "2001 characters; at most 2000" in long.reasons[0]


def test_it_gives_the_filter_and_judges_hits(policy: Policy) -> None:
    found = policy.decide("search", {"identity": WHO.asked(), "variants": [TEXT]})
    assert found.allowed and found.dropped == ()
    assert found.access.allows(["internal"], ["*"])
    assert not found.access.allows(["internal", "secret"], ["*"])
    assert not found.access.allows(["internal"], ["hr"])
    hits = [
        {"tenant": "acme", "classes": ["internal"], "acl": ["*"]},
        {"tenant": "other", "classes": ["internal"], "acl": ["*"]},
        {"tenant": "acme", "classes": ["internal"], "acl": ["hr"]},
    ]
    assert policy.decide("show", {"identity": WHO.asked(), "hits": hits}).shown == (0,)


def test_nothing_said_is_nothing_allowed(policy: Policy) -> None:
    for ask in ("ask", "search", "show"):
        assert not policy.decide(ask, {}).allowed


def test_the_shipped_policy_decides_its_cases() -> None:
    cases, wrong = failures(FOLDER)
    assert cases > 25
    assert wrong == []


def test_a_case_that_is_decided_otherwise_is_named(folder: Path) -> None:
    rules = folder / "authz" / "authz.rego"
    rules.write_text(rules.read_text().replace("tenant.suspended", "tenant.postponed"))
    _, wrong = failures(folder)
    assert "ask: a suspended tenant is refused: allow is True" in wrong


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("package rag.authz\nask := {", "does not compile"),
        ("package rag.authz\nask := true\nsearch := true\nshow := true", "gives no decision"),
        ("package rag.other\n\nx := 1\n", "gives no decision"),
    ],
)
def test_what_cannot_be_used_leaves_the_last_good_one_in_force(
    folder: Path, bad: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    policy = RegoPolicy(folder)
    assert policy.look(tried=False)
    before = policy.mark
    rules = folder / "authz" / "authz.rego"
    good = rules.read_text()
    rules.write_text(bad)
    assert not policy.look()
    assert policy.mark == before and policy.decide("ask", ASKED).allowed
    assert any(said in getattr(each, "reason", "") for each in caplog.records)
    rules.write_text(good.replace('"authz-3"', '"authz-4"'))
    assert policy.look()
    assert policy.decide("ask", ASKED).policy == f"authz-4@{policy.mark}"


def test_a_rule_that_takes_too_long_never_comes_into_force(folder: Path) -> None:
    policy = RegoPolicy(folder)
    policy.look(tried=False)
    before = policy.mark
    slow = "\nunwelcome contains {} if {\n\tsome a in numbers.range(0, 120)\n"
    slow += "\tsome b in numbers.range(0, 120)\n\ta * b == 14399\n}\n"
    rules = folder / "authz" / "authz.rego"
    rules.write_text(rules.read_text() + slow)
    assert not policy.look()
    assert policy.mark == before


def test_without_a_policy_everything_is_refused_until_there_is_one(tmp_path: Path) -> None:
    policy = RegoPolicy(tmp_path / "policies")
    assert not policy.look()
    decided = policy.decide("ask", ASKED)
    assert not decided.allowed and decided.rules == UNAVAILABLE
    shutil.copytree(FOLDER / "authz", tmp_path / "policies" / "authz")
    assert not policy.look(), "it has no tenants"
    shutil.copy(FOLDER / "tenants.yaml", tmp_path / "policies")
    assert policy.look()
    assert policy.decide("ask", ASKED).allowed


def test_changed_data_is_in_force_too(folder: Path) -> None:
    policy = RegoPolicy(folder)
    policy.look(tried=False)
    (folder / "tenants.yaml").write_text("defaults: {}\ntenants: {}\n")
    assert policy.look(tried=False)
    assert not policy.decide("ask", ASKED).allowed


def test_a_server_that_is_away_or_talks_nonsense_refuses(server: Server) -> None:
    policy = OpaPolicy(f"http://127.0.0.1:{server.server_port}")
    for bad in (b"{}", b"[]", b"<html>", b'{"result": {"allow": true, "refused": 1}}'):
        server.bad = bad
        assert policy.decide("ask", ASKED).rules == UNAVAILABLE
    server.bad = None
    assert policy.decide("ask", ASKED).allowed
    policy.close()
    server.status = 403
    known = OpaPolicy(f"http://millrace:pass-word@127.0.0.1:{server.server_port}")
    refused = known.decide("ask", ASKED)
    assert refused.rules == UNAVAILABLE
    assert "403" in refused.reasons[0] and "pass-word" not in refused.reasons[0]
    known.close()
    gone = OpaPolicy("http://127.0.0.1:9")
    assert gone.decide("ask", ASKED).rules == UNAVAILABLE
    gone.close()


def test_data_of_another_form_is_refused_by_name(folder: Path) -> None:
    (folder / "tenants.yaml").write_text("- a\n")
    with pytest.raises(UnusableError, match=r"tenants\.yaml must be a mapping"):
        read(folder)
    assert replace(WHO, roles=("a",)).asked()["roles"] == ["a"]


@pytest.mark.parametrize(
    ("tenants", "said"),
    [
        ("  no: {suspended: true}", "the name no is read as no text: put it in quotes"),
        ("  010: {suspended: true}", "the name 010 is read as no text: put it in quotes"),
        ("  acme: {suspended: true}\n  acme: {}", "the name acme is there twice"),
        ("  acme: {since: 2026-02-30}", "day is out of range"),
        ("  acme: &acme {again: *acme}", "cannot be used"),
    ],
)
def test_data_that_would_count_for_nobody_is_refused_by_name(
    folder: Path, tenants: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    policy = RegoPolicy(folder)
    data = folder / "tenants.yaml"
    data.write_text(data.read_text().replace("tenants: {}", f"tenants:\n{tenants}"))
    assert not policy.look(tried=False)
    assert not policy.decide("ask", ASKED).allowed
    assert any(said in getattr(each, "reason", "") for each in caplog.records)


@pytest.mark.parametrize("said", ["false", "", "0", "'false'", "'no'"])
def test_only_true_lets_in_who_is_not_listed(folder: Path, said: str) -> None:
    data = folder / "tenants.yaml"
    listed = data.read_text().replace("unlisted_tenants: true", f"unlisted_tenants: {said}")
    data.write_text(listed)
    policy = RegoPolicy(folder)
    assert policy.look(tried=False)
    assert policy.decide("ask", ASKED).rules == "tenant-unknown"


def test_a_policy_that_cannot_be_tried_now_is_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = RegoPolicy(folder)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(folder / "absent"))
        assert not policy.look()
        assert policy.decide("ask", ASKED).rules == UNAVAILABLE
    assert policy.look()
    assert policy.decide("ask", ASKED).allowed


@pytest.mark.parametrize(
    "name", ['x","hr', "q\\", "\\u0041", "a\nb\x1f", 'x\\","hr', "\u2028", "ü"]
)
def test_a_name_is_never_taken_for_a_part_of_the_decision(policy: Policy, name: str) -> None:
    who = Identity("acme", name, (name,), (name,), "token")
    found = policy.decide("search", {"identity": who.asked(), "variants": []})
    assert found.access.groups == {"*", name, f"user:{name}"}
    assert name in found.access.classes
    hit = {"tenant": "acme", "classes": [name], "acl": [name]}
    assert policy.decide("show", {"identity": who.asked(), "hits": [hit]}).shown == (0,)


def test_the_command_names_what_is_decided_otherwise(folder: Path) -> None:
    assert cases(Settings(policies=folder)) == (35, [])
    rules = folder / "authz" / "authz.rego"
    rules.write_text(rules.read_text().replace("tenant.suspended", "tenant.postponed"))
    _, wrong = cases(Settings(policies=folder))
    assert len(wrong) == 6
    rules.write_text("package rag.authz\nask := {")
    with pytest.raises(UserError, match="does not compile"):
        cases(Settings(policies=folder))


def test_a_folder_that_could_not_be_read_for_a_moment_is_told_of_no_longer(folder: Path) -> None:
    told: list[bool] = []
    policy = RegoPolicy(folder, watch=lambda _, away: told.append(away))
    policy.look(tried=False)
    tenants, aside = folder / "tenants.yaml", folder / "aside"
    tenants.rename(aside)
    policy.look(tried=False)
    aside.rename(tenants)
    policy.look(tried=False)
    policy.look(tried=False)
    assert told == [False, True, False]
