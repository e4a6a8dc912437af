"""The index belongs to a place in the log: one that is behind, foreign, newer, or not there."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from processors.questions.retrieve import REMEDY
from streams.app.settings import Settings
from streams.flow.errors import UserError
from streams.flow.mirror import Reflected
from streams.local.broker import Broker
from streams.runtime import orders
from tests.system.harness import until
from tests.system.hosts import VECTORS, Hosts, made, texts


@pytest.fixture
def hosts(broker: Broker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Hosts]:
    """Of a cluster that all tests share: each has a tenant, and groups, of its own."""
    yield Hosts(
        Settings(
            data=tmp_path,
            bootstrap_servers=broker.bootstrap_servers,
            group_prefix=request.node.name[:60],
            session_timeout_ms=2000,
        )
    )


def test_an_empty_folder_and_an_older_copy_are_brought_up_before_anything_is_answered(
    hosts: Hosts, tmp_path: Path
) -> None:
    hosts.feed(made("one", f"{n}", 1, f"text {n}") for n in range(20))
    with hosts.host(tmp_path / "a"):
        hosts.await_acknowledged("one", 20)
        shutil.copytree(tmp_path / "a", tmp_path / "copy")  # of one that is at work
        hosts.feed([made("one", "0", 2, "new"), made("one", "1", 2, "")])
        hosts.await_acknowledged("one", 22)
    now = {f"{n}": f"text {n}" for n in range(2, 20)} | {"0": "new"}
    with hosts.begun(tmp_path / "b") as (_, empty):
        assert texts(empty, "one") == now
    with hosts.begun(tmp_path / "copy") as (_, copy):
        assert texts(copy, "one") == now
    (tmp_path / "a").rename(tmp_path / "moved")
    with hosts.begun(tmp_path / "moved") as (_, moved):
        assert texts(moved, "one") == now
    assert len(hosts.acknowledged("one")) == 22, "nothing is acknowledged twice"


def test_what_was_set_aside_is_gone_past_when_another_copy_is_brought_up(
    hosts: Hosts, tmp_path: Path
) -> None:
    hosts.feed(made("two", f"{n}", 1, f"text {n}") for n in range(3))
    hosts.feed([made("two", "deadly", 1, "deadly"), made("two", "3", 1, "text 3")])
    with hosts.host(tmp_path / "a"):
        hosts.await_acknowledged("two", 5)
    place, offset = hosts.at("two", "deadly")
    orders.leave(hosts.settings, f"{hosts.settings.group_prefix}.index")(place, offset)
    with hosts.begun(tmp_path / "b") as (_, store):
        assert texts(store, "two") == {f"{n}": f"text {n}" for n in range(4)}


def test_what_the_log_no_longer_has_is_missed_until_it_is_reindexed(
    hosts: Hosts, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hosts.feed([made("three", "a", 1, "a"), made("three", "b", 1, "b"), made("four", "x", 1, "x")])
    with hosts.host(tmp_path / "a"):
        hosts.await_acknowledged("three", 2)
        hosts.await_acknowledged("four", 1)
        shutil.copytree(tmp_path / "a", tmp_path / "copy")
        hosts.feed([made("three", "a", 2, "new"), made("three", "b", 2, "")])
        hosts.await_acknowledged("three", 4)
    hosts.forget_the_log()

    with hosts.begun(tmp_path / "copy") as (_, restored):
        assert restored.lacking.of("three") == 1
        assert texts(restored, "three") == {"a": "a"}, "a delete is known without its record"
        assert restored.lacking.of("four") == 0, "another tenant's questions go on"
        assert any(getattr(each, "remedy", "") == REMEDY for each in caplog.records)
    with hosts.host(tmp_path / "copy") as again:
        assert again.lacking.of("three") == 1, "a restart does not make it forget"
        hosts.feed([made("three", "a", 2, "new")])  # as `reindex` does
        until(lambda: again.lacking.of("three") == 0, "it to come back")
        assert texts(again, "three") == {"a": "new"}


def test_one_host_has_the_index_and_another_takes_over_where_it_dies(
    hosts: Hosts, tmp_path: Path
) -> None:
    hosts.feed(made("five", f"{n}", 1, f"text {n}") for n in range(5))
    with ExitStack() as stack:
        with hosts.host(tmp_path / "a", "a") as first:
            hosts.await_acknowledged("five", 5)
            second, _ = hosts.owning(tmp_path / "b", "b")
            waiting = threading.Event()
            began = threading.Thread(target=second.stand_by, args=(stack, waiting.set))
            began.start()
            assert waiting.wait(30), "it stands by"
            assert texts(first, "five").keys() == {f"{n}" for n in range(5)}
            assert not second.held()
        began.join(30)
        assert not began.is_alive(), "its turn has come"
        assert not second.held(), "but it has yet to bring up what it has"


def test_an_index_of_another_cluster_is_refused_with_the_remedy(
    hosts: Hosts, tmp_path: Path
) -> None:
    with hosts.begun(tmp_path / "a") as (_, store):
        places = store.reflects()
        others = {p: Reflected(f"other/{e.log}", e.offset) for p, e in places.items()}
        store.reflect(others)
    with pytest.raises(UserError, match=r"cluster other, and this is .*reindex --scan"):
        hosts.begun(tmp_path / "a").__enter__()


def test_an_index_that_is_newer_than_the_log_is_refused_with_the_remedy(
    hosts: Hosts, tmp_path: Path
) -> None:
    with hosts.begun(tmp_path / "a") as (_, store):
        place = VECTORS.name, 0
        store.reflect({place: Reflected(store.reflects()[place].log, 10**6)})
    with pytest.raises(UserError, match=r"newer than the log.*1,000,000.*reindex --scan"):
        hosts.begun(tmp_path / "a").__enter__()
