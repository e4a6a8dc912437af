"""A broker that asks who comes and allows what is written down: rights and secrets of a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.app import permitted
from streams.app.rights import Flow, Right, of_stage
from streams.app.settings import Settings
from streams.edge import acls, transactions
from streams.flow.errors import UserError
from streams.local import users
from streams.runtime import kafka
from tests.support.guarded import Guarded
from tests.system.copying import copying
from tests.system.harness import Bench, load_of, until

SHORT_S = 1.6


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with Guarded(tmp_path_factory.mktemp("guarded")) as broker:
        yield broker


@pytest.fixture
def bench(guarded: Guarded, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """As the broker's own user, who may do everything."""
    name = f"s{abs(hash(request.node.name)) % 10**9}"
    admin = guarded.being(users.ADMIN).model_copy(update={"data": tmp_path, "group_prefix": name})
    bench = Bench(admin)
    bench.create([copying(name)])
    yield bench
    bench.close()


def rights_of(bench: Bench) -> list[Right]:
    stage = copying(bench.prefix)
    return [*of_stage(Flow([stage], bench.prefix), stage)]


def test_a_stage_works_under_its_own_principal(guarded: Guarded, bench: Bench) -> None:
    stage = copying(bench.prefix)
    me = guarded.make(f"{bench.prefix}-copy", rights_of(bench)).broker
    permitted.check(bench.settings.model_copy(update={"broker": me}), [stage], [stage])
    bench.send(load_of(50))
    with bench.working(stage, broker=me):
        bench.await_consumed()
    bench.assert_copied(50)
    assert acls.apply(guarded.being(users.ADMIN), []) == []


@pytest.mark.parametrize("number", range(5))
def test_a_right_that_was_taken_is_named_before_a_record_is_taken(
    guarded: Guarded, bench: Bench, number: int
) -> None:
    stage, who = copying(bench.prefix), f"{bench.prefix}-copy"
    rights = rights_of(bench)
    right = rights[number] if number < 4 else rights[-1]
    guarded.make(who, rights)
    me = guarded.make(who, [each for each in rights if each != right]).broker
    settings = bench.settings.model_copy(update={"broker": me})
    bench.send(load_of(3))
    kind = right.resource.replace("_", " ")
    said = f"{who} lacks the right {right.operation.upper()} on the {kind} {right.name}"
    with pytest.raises(UserError, match=said) as told:
        permitted.check(settings, [stage], [stage])
        with bench.working(stage, broker=me):
            pass
    assert "millrace topics acl --apply" in str(told.value)
    assert bench.committed() == 0 and bench.copied() == []


def test_a_right_to_write_that_is_taken_meanwhile_ends_the_worker_by_name(
    guarded: Guarded, bench: Bench
) -> None:
    stage, who = copying(bench.prefix), f"{bench.prefix}-copy"
    rights = rights_of(bench)
    me = guarded.make(who, rights).broker
    taken = Right("topic", bench.copies.name, "write")
    with bench.working(stage, broker=me, failing=True) as worker:
        guarded.make(who, [each for each in rights if each != taken])
        bench.send(load_of(3))
        until(lambda: worker.failure, "the worker to end")
    assert f"lacks the right WRITE on the topic {bench.copies.name}" in str(worker.failure)
    assert bench.committed() == 0


def lets_in(settings: Settings) -> bool:
    kafka.reachable(settings, SHORT_S)
    return True


def test_whoever_has_no_password_or_a_wrong_one_is_told_which_setting_to_mend(
    guarded: Guarded, tmp_path: Path
) -> None:
    nobody = guarded.settings.model_copy(update={"bootstrap_servers": guarded.bootstrap_servers})
    with pytest.raises(UserError, match=r"MILLRACE_BROKER__USER and __TLS if it asks"):
        lets_in(nobody)
    file = tmp_path / "password"
    file.write_text("wrong")
    me = guarded.make("me")
    wrong = me.broker.model_copy(update={"password_file": file})
    with pytest.raises(
        UserError, match=r"does not accept user me .* MILLRACE_BROKER__PASSWORD_FILE"
    ):
        lets_in(me.model_copy(update={"broker": wrong}))
    assert lets_in(me)


def test_open_transactions_are_told_where_users_are_asked_too(
    guarded: Guarded, bench: Bench
) -> None:
    stranger = kafka.new_producer(kafka.producer_options(bench.settings, "a stranger's"))
    stranger.init_transactions(30)
    stranger.begin_transaction()
    stranger.produce(bench.source.name, b"x")
    stranger.flush(10)

    def open_ones() -> list[str]:
        found = transactions.foreign(bench.settings, [copying(bench.prefix)], 0)
        return [each.transactional_id for each in found]

    until(lambda: open_ones() == ["a stranger's"], "it to be told")
    transactions.abort(bench.settings, "a stranger's")
    assert open_ones() == []
