"""The drill of change capture: a table changes at random while everything on the way is killed.

What is searchable in the end is exactly what the table holds.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from connectors.opensearch.client import Client
from connectors.opensearch.index import OpenSearchIndex
from infra.local.java import JavaServer
from infra.local.opensearch import OpenSearchServer
from processors.ports import StoredChunk
from streams.app import capturing
from streams.edge import signals
from tests.real.change_capture import World, world
from tests.real.workload import SCHEMA, SOURCES, Truth, Workload, delays, quantile
from tests.system.drill import pause
from tests.system.faults import Killer
from tests.system.harness import until

WORKERS = ("up-documents", "up-index")


@dataclass(frozen=True)
class Stores:
    """Settings of the stack, servers to be killed, and what a second store holds."""

    sections: Mapping[str, Any] = field(default_factory=dict[str, Any])
    servers: Mapping[str, JavaServer] = field(default_factory=dict[str, JavaServer])
    scan: Callable[[str], Iterable[StoredChunk]] | None = None


@dataclass(frozen=True)
class Drill:
    """How many changes, and how often each is killed meanwhile."""

    changes: int
    kills: int
    idle: int
    loaded: int
    per_second: float = 40.0
    drain_s: float = 120.0


SHORT = Drill(changes=300, kills=1, idle=20, loaded=100)
FULL = Drill(changes=5_000, kills=5, idle=60, loaded=1_200, drain_s=900.0)
only_on_demand = pytest.mark.skipif(
    os.environ.get("DRILL") != "full", reason="takes 7 to 20 minutes: run `make drill`"
)


@pytest.fixture(params=["embedded", "opensearch"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """What the index is made of: the default, or words in OpenSearch beside it."""
    if request.param == "embedded":
        yield Stores()
        return
    server: OpenSearchServer = request.getfixturevalue("opensearch")
    name = f"notes-{request.node.callspec.id}".replace("[", "-").replace("]", "")
    client = Client(server.url)
    yield Stores(
        {
            "index": {"name": name, "lexical": "opensearch"},
            "opensearch": {"url": server.url, "replicas": 0},
        },
        {"opensearch": server},
        OpenSearchIndex(client, f"millrace-{name}", name).scan,
    )
    client.close()


@pytest.mark.parametrize(
    "drill",
    [
        pytest.param(SHORT, id="short"),
        pytest.param(FULL, id="full", marks=[pytest.mark.drill, only_on_demand]),
    ],
)
def test_a_table_under_kills_ends_as_the_index(
    drill: Drill, stores: Stores, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    with (
        world(tmp_path, SOURCES, SCHEMA, redis={"cache_mb": 32}, **stores.sections) as running,
        ExitStack() as stack,
    ):
        truth = Truth(running, stack)
        (bank,) = capturing.followed(running.settings)
        signals.ensure(running.settings, bank.database.signals)
        capturing.apply(running.settings, bank)
        work = Workload(running, rng)
        agree(running, truth, 60)
        idle = measured(running, truth, drill, lambda: one_by_one(running, truth, work, drill.idle))
        loaded = measured(running, truth, drill, lambda: work.run(drill.loaded, drill.per_second))
        killed = strike(running, work, drill, stores, rng)
        agree(running, truth, drill.drain_s)
        if stores.scan is not None:
            scan, wanted = stores.scan, truth.documents()
            until(lambda: documents(scan("retail")) == wanted, "the other store", 60)
        letters = running.letters()
        print(
            f"SEED={seed} changes={dict(work.done)} cut off={work.cut_off} kills={dict(killed)} "
            f"documents={len(truth.documents())}\ncommit to searchable, idle: {told(idle)}\n"
            f"commit to searchable, at {drill.per_second:.0f}/s: {told(loaded)}"
        )
    assert work.done.total() == drill.changes
    parts = ("connect", "postgres", *WORKERS, *stores.servers)
    assert all(killed[name] >= drill.kills for name in parts)
    assert [letter.reason for letter in letters] == []


def one_by_one(running: World, truth: Truth, work: Workload, count: int) -> None:
    """Each change once the one before it is searchable."""
    for _ in range(count):
        work.run(1)
        agree(running, truth, 30)


def measured(
    running: World, truth: Truth, drill: Drill, do: Callable[[], None]
) -> list[tuple[float, bool]]:
    """Seconds from commit to searchable of what `do` changes."""
    begun = int(time.time() * 1000)
    do()
    agree(running, truth, drill.drain_s)
    return [*delays(running, begun)]


def strike(
    running: World, work: Workload, drill: Drill, stores: Stores, rng: random.Random
) -> Counter[str]:
    """The rest of the changes, while each part on the way is killed again and again."""
    killer = Killer(running.stack, running.settings.data)
    kills = Counter[str]()
    servers = {"connect": running.connect, "postgres": running.postgres, **stores.servers}
    targets = [*WORKERS, *servers] * drill.kills
    rng.shuffle(targets)
    left = drill.changes - drill.idle - drill.loaded
    failures: list[BaseException] = []

    def change() -> None:
        try:
            work.run(left, left / (4.0 * len(targets)))
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=change)
    thread.start()
    for target in targets:
        pause(rng, 3.0)
        if target in WORKERS:
            killer.kill(target)
        else:
            server = servers[target]
            until(server.is_ready, f"{target} to be at work", 180)
            server.kill()
            pause(rng, 1.0)
            server.start()
        kills[target] += 1
    thread.join(600)
    assert not thread.is_alive()
    assert not failures, failures
    for server in servers.values():
        server.wait_ready()
    killer.await_recovery()
    return kills


def agree(running: World, truth: Truth, timeout: float) -> None:
    """Wait until the texts of the index are those of the table."""

    def same() -> bool:
        try:
            wanted = truth.documents()
        except psycopg.OperationalError:
            return False
        return running.documents() == wanted

    until(same, "the index to be as the table is", timeout)


def documents(chunks: Iterable[StoredChunk]) -> dict[str, list[str]]:
    """Each document's chunks, in order."""
    found: dict[str, dict[int, str]] = {}
    for each in chunks:
        found.setdefault(each.doc_id, {})[each.ordinal] = each.text
    return {doc: [text for _, text in sorted(of.items())] for doc, of in found.items()}


def told(found: list[tuple[float, bool]]) -> str:
    """Of all, and of those within the tenant's quota of a minute."""
    live = [seconds for seconds, bulk in found if not bulk]
    kinds = {"within the quota": live, "all": [seconds for seconds, _ in found]}
    return "; ".join(
        f"{what}: p50 {quantile(values, 0.5) * 1000:.0f} ms, "
        f"p99 {quantile(values, 0.99) * 1000:.0f} ms of {len(values)}"
        for what, values in kinds.items()
    )
