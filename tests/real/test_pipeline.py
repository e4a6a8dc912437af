"""The running pipeline over a real OpenSearch beside the embedded shard, by settings alone."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.opensearch.client import Client
from connectors.opensearch.index import OpenSearchIndex
from infra.local.opensearch import OpenSearchServer
from tests.real.pipeline import TENANT, Running, running
from tests.system.cli import Cli
from tests.system.drill import pause
from tests.system.faults import Killer
from tests.system.harness import until

ALIAS = "millrace-pipeline"
QUESTION = "What is the foreign ATM fee of the Meridian card?"
FEE = "The foreign ATM fee of the Meridian card is 2.5 percent."
LOANS = "A loan is repaid in 60 instalments."
KILLS = 5


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pipeline")


@pytest.fixture(scope="module")
def run(opensearch: OpenSearchServer, data: Path) -> Iterator[Running]:
    index = {"name": "pipeline", "lexical": "opensearch"}
    there = {"url": opensearch.url, "replicas": 0}
    with running(data, index=index, opensearch=there) as run:
        yield run


@pytest.fixture
def words(run: Running, opensearch: OpenSearchServer) -> Iterator[OpenSearchIndex]:
    client = Client(opensearch.url, away_s=0.1)
    yield OpenSearchIndex(client, ALIAS, "pipeline")
    client.close()


@pytest.fixture
def cli(run: Running, opensearch: OpenSearchServer, data: Path) -> Cli:
    named = {"MILLRACE_INDEX__NAME": "pipeline", "MILLRACE_INDEX__LEXICAL": "opensearch"}
    return Cli(data, named | {"MILLRACE_OPENSEARCH__URL": opensearch.url})


def said(words: OpenSearchIndex) -> dict[str, str]:
    return {chunk.doc_id: chunk.text for chunk in words.scan(TENANT)}


def verified(cli: Cli, *words: str, code: int = 0) -> tuple[dict[str, list[int]], Any]:
    """Of each store how many chunks are missing, extra and stale; and all that was said."""
    told = cli.json("index", "verify", *words, code=code)
    counts = {
        name: [each["missing"], each["extra"], each["stale"]]
        for name, each in told["stores"].items()
    }
    return counts, told


CLEAN = {"opensearch": [0, 0, 0], "edge": [0, 0, 0]}


def answered(run: Running, degraded: list[str]) -> None:
    answer = run.ask(QUESTION, deadline_ms=10_000)
    assert (answer.status, answer.degraded) == ("answered", degraded)
    assert "2.5" in answer.answer and answer.citations[0].doc_id == "cards"


def test_a_store_that_is_away_is_done_without_and_catches_up(
    run: Running, words: OpenSearchIndex, opensearch: OpenSearchServer
) -> None:
    run.feed("cards", 1, FEE)
    run.feed("loans", 1, LOANS)
    until(lambda: said(words) == {"cards": FEE, "loans": LOANS}, "both to be in OpenSearch")
    answered(run, degraded=[])

    away = ["retrieve: lexical unavailable"]
    os.kill(opensearch.pid, signal.SIGSTOP)  # it takes connections, and says nothing
    answered(run, degraded=away)
    os.kill(opensearch.pid, signal.SIGCONT)
    until(lambda: not run.ask(QUESTION).degraded, "it to be asked again")

    opensearch.kill()
    answered(run, degraded=away)
    run.feed("cards", 2, FEE.replace("2.5", "3.5"))  # waits: nothing is acknowledged by half
    run.feed("loans", 2, None)
    opensearch.start()
    opensearch.wait_ready()

    until(lambda: said(words) == {"cards": FEE.replace("2.5", "3.5")}, "it to catch up")
    until(lambda: not run.ask(QUESTION).degraded, "it to be asked again, without a restart")
    assert "3.5" in run.ask(QUESTION).answer


def test_what_was_done_to_a_store_behind_its_back_is_found_and_mended(
    run: Running, words: OpenSearchIndex, cli: Cli
) -> None:
    for name in ("lost", "altered", "kept"):
        run.feed(name, 1, f"What is {name} is told here.")
    until(lambda: {"lost", "altered", "kept"} <= said(words).keys(), "them to be searchable")
    until(lambda: verified(cli)[1]["waiting"] == 0, "all to be acknowledged")
    assert verified(cli)[0] == CLEAN

    ids = {chunk.doc_id: chunk.chunk_id for chunk in words.scan(TENANT)}
    given: dict[str, Any] = {"timeout_s": 30, "refresh": "true"}
    source = words._call("GET", f"_doc/{ids['altered']}", timeout_s=30)["_source"]
    source["payload"]["text"] = "Somebody else says this."
    words._call("DELETE", f"_doc/{ids['lost']}", **given)
    words._call("PUT", f"_doc/{ids['altered']}", source, **given)
    source["payload"] |= {"doc_id": "unknown"}
    words._call("PUT", "_doc/11111111-1111-4111-8111-111111111111", source, **given)

    counts, told = verified(cli, code=1)
    assert counts == CLEAN | {"opensearch": [1, 1, 1]}
    assert told["concerned"] == [f"{TENANT}/{name}" for name in ("altered", "lost", "unknown")]
    assert verified(cli, "--repair")[1]["repaired"] == 3
    assert verified(cli)[0] == CLEAN
    assert said(words)["lost"] == "What is lost is told here."


def test_killed_at_any_moment_of_its_work_both_stores_end_as_the_log_says(
    run: Running, words: OpenSearchIndex, cli: Cli, data: Path
) -> None:
    seed = random.randrange(1000)
    print(f"seed {seed}")
    rng, killer, last = random.Random(seed), Killer(run.stack, data), dict[str, str | None]()
    for number in range(KILLS):
        for _ in range(60):
            name = f"d{rng.randrange(40)}"
            parts = [f"Part {n} of version {number}." for n in range(rng.randrange(1, 5))]
            body = None if rng.random() < 0.2 else "\n\n".join(f"# {p}\n\n{p}" for p in parts)
            last[name] = body
            run.feed(name, 1 + len(killer.kills) * 1000 + _, body)
        pause(rng, 1.0)
        killer.kill("up-index")
    killer.await_recovery()
    until(lambda: verified(cli)[1]["waiting"] == 0, "all to be acknowledged", 120)
    assert verified(cli)[0] == CLEAN
    there = {name for name in said(words) if name.startswith("d")}
    assert there == {name for name, body in last.items() if body is not None}
