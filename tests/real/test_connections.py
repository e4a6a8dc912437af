"""Connections to a broker that asks who comes: TLS, certificates, bearer tokens, new passwords."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.flow.errors import UserError
from streams.local import users
from tests.support.guarded import Guarded, bearer
from tests.system.copying import copying
from tests.system.harness import Bench, load_of
from tests.system.test_secured import lets_in, rights_of


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with Guarded(tmp_path_factory.mktemp("guarded")) as broker:
        yield broker


@pytest.fixture
def bench(guarded: Guarded, tmp_path: Path) -> Iterator[Bench]:
    admin = guarded.being(users.ADMIN).model_copy(update={"data": tmp_path, "group_prefix": "r"})
    bench = Bench(admin)
    bench.create([copying("r")])
    yield bench
    bench.close()


def test_a_connection_by_tls_and_a_user_works_and_what_is_wrong_with_it_is_named(
    guarded: Guarded, tmp_path: Path
) -> None:
    file = users.file_of(guarded.settings.data, guarded.make("over-tls").broker.user)
    me: dict[str, Any] = {"user": "over-tls", "password_file": file}
    assert lets_in(guarded.over("tls", **me))
    with pytest.raises(UserError, match=r"of no authority that we know: set MILLRACE_BROKER__CA_"):
        lets_in(guarded.over("tls", ca_file=None, **me))
    with pytest.raises(UserError, match=r"the certificate of the broker at .* has expired"):
        lets_in(guarded.over("stale", **me))
    with pytest.raises(UserError, match=r"is not for 127.0.0.1:.* MILLRACE_BOOTSTRAP_SERVERS"):
        lets_in(guarded.over("other", **me))
    plain = me | {"mechanism": "plain", "user": users.ADMIN}
    plain["password_file"] = users.file_of(guarded.settings.data, users.ADMIN)
    assert lets_in(guarded.over("tls", **plain))
    with pytest.raises(UserError, match=r"does not take scram-sha-256"):
        lets_in(guarded.over("tls", **me | {"mechanism": "scram-sha-256"}))


def test_a_certificate_is_enough_where_the_broker_asks_for_one(
    guarded: Guarded, tmp_path: Path
) -> None:
    own = guarded.authority.leaf("worker", "worker")
    good: dict[str, Any] = {
        "certificate_file": own.with_suffix(".crt"),
        "key_file": own.with_suffix(".key"),
    }
    assert lets_in(guarded.over("mutual", **good))
    old = guarded.authority.leaf("old", "old", days=-1)
    expired: dict[str, Any] = {
        "certificate_file": old.with_suffix(".crt"),
        "key_file": old.with_suffix(".key"),
    }
    with pytest.raises(UserError, match=r"CERTIFICATE_FILE \(.*, expired 2"):
        lets_in(guarded.over("mutual", **expired))
    with pytest.raises(
        UserError, match=r"where it asks for a certificate, set MILLRACE_BROKER__CER"
    ):
        lets_in(guarded.over("mutual"))


def test_a_bearer_token_is_renewed_from_its_file(guarded: Guarded, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(bearer("me", 60))
    settings = guarded.over("tls", token_file=file)
    assert lets_in(settings)
    file.write_text(bearer("me", 60).replace("ey", "e", 1))
    with pytest.raises(UserError, match=r"does not accept the bearer token: check .*TOKEN_FILE"):
        lets_in(settings)


def test_a_password_that_is_replaced_is_in_use_without_a_restart(
    guarded: Guarded, bench: Bench
) -> None:
    stage, who = copying(bench.prefix), f"{bench.prefix}-copy"
    me = guarded.make(who, rights_of(bench)).broker
    bench.send(load_of(5))
    with bench.working(stage, broker=me) as worker:
        bench.await_consumed()
        file = users.file_of(guarded.settings.data, who)
        file.write_text("another-password-of-this-user")
        guarded.make(who, rights_of(bench))
        guarded.stop()
        guarded.start()
        guarded.wait_ready()
        bench.send(load_of(5))
        bench.await_consumed()
        assert worker.failure is None
    assert len(bench.copied()) == 10
