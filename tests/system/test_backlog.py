"""Many versions of few long documents, fed at once: what they cost, and that kills lose none."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from processors.documents.chunk import chunk
from processors.documents.ingest import IngestConfig, Place, ingest
from processors.needs import CONVERTER, COUNTER
from schemas import topics
from schemas.events import DocumentFed
from streams.app import config as app_config
from streams.app.ports import RedisSettings, open_these
from streams.app.settings import Settings
from streams.flow.topic import Topic
from streams.local.supervisor import Stack
from tests.system.drill import TENANT, Edge, expected, fed, pause, searchable
from tests.system.faults import Killer
from tests.system.harness import until
from tests.system.test_replay import WORKERS, acknowledged, await_rest

WORDS = 130  # of a paragraph, which makes about one chunk


@dataclass(frozen=True)
class History:
    """How much is fed at once, and what is killed meanwhile."""

    documents: int
    versions: int
    chunks: tuple[int, int]
    kills: int
    drain_s: float = 240.0


CI = History(8, 160, (15, 40), kills=3)
# What is embedded before the newest versions have come so far is bounded by time, not by a share:
# a third of the least must be more than half a second of the model's.
COSTLY = History(16, 240, (30, 70), kills=0)
FULL = History(60, 1600, (40, 150), kills=20, drain_s=600.0)
COST = 1.3
only_on_demand = pytest.mark.skipif(
    os.environ.get("DRILL") != "full", reason="takes 10 minutes: run `make drill`"
)


def changes(history: History, rng: random.Random) -> list[dict[str, Any]]:
    """Versions in random order over the documents; each has nothing in common with another."""
    lengths = [rng.randint(*history.chunks) for _ in range(history.documents)]
    events: list[dict[str, Any]] = []
    for seq in range(1, history.versions + 1):
        number = rng.randrange(history.documents)
        # Every document has a version, and lives in the end.
        left = history.versions - seq
        number = left if left < history.documents else number
        event: dict[str, Any] = {"path": f"{number}.md", "seq": seq, "op": "u"}
        if rng.random() < 0.05 and left >= history.documents:
            event["op"] = "d"
        else:
            event["content"] = _body(lengths[number], f"r{seq}", rng)
        events.append(event)
    return events


def _body(chunks: int, revision: str, rng: random.Random) -> str:
    vocabulary = [f"word{n}" for n in range(200)]
    return "\n\n".join(
        f"# Section {n} of {revision}\n\n"
        + " ".join([*rng.choices(vocabulary, k=WORDS // 4), f"{revision}."])
        for n in range(chunks)
    )


def texts_of(events: Sequence[dict[str, Any]], settings: Settings) -> int:
    """Different texts in the chunks of the last version of each document."""
    final = {event["path"]: event for event in events}
    hashes: set[str] = set()
    with ExitStack() as stack:
        ports = open_these(settings, stack, CONVERTER, COUNTER)
        policy = app_config.chunking_policy(settings)
        for event in final.values():
            record, place = DocumentFed(**fed(event)), Place(0, 0, keyed=True)
            for change in ingest(record, place, config=IngestConfig(), converter=ports[CONVERTER]):
                for made in chunk(change, counter=ports[COUNTER], policy=policy):
                    hashes |= {each.text_hash for each in made.chunks}
    return len(hashes)


def embedded(settings: Settings) -> int:
    """Different texts that the model saw: the cache keeps the vectors of each."""
    client: Any = redis.Redis.from_url(settings.of(RedisSettings).url)
    with client:
        return sum(1 for _ in client.scan_iter(f"vec:{TENANT}:*", count=1000))


def feed(edge: Edge, topic: Topic[Any], events: Sequence[dict[str, Any]]) -> None:
    for event in events:
        edge.put(topic.name, f"{TENANT}/{event['path']}", fed(event))
    edge.flush()


@pytest.mark.parametrize(
    ("history", "topic"),
    [
        pytest.param(COSTLY, topics.DOCS_FEED, id="short"),
        *(
            pytest.param(FULL, topic, id=topic.name, marks=[pytest.mark.drill, only_on_demand])
            for topic in (topics.DOCS_FEED, topics.DOCS_FEED_BULK)
        ),
    ],
)
def test_a_backlog_of_versions_costs_little_more_than_the_last_of_each(
    history: History, topic: Topic[Any], tmp_path: Path
) -> None:
    events = changes(history, random.Random(1))
    with Stack(Settings(data=tmp_path, redis={"cache_mb": 256})) as stack:
        edge, begun = Edge(stack.settings), time.monotonic()
        with edge.at_once():  # or its first versions would be worked on before the last is there
            feed(edge, topic, events)
        until(lambda: len(acknowledged(edge)) >= len(events), "all to be told", history.drain_s)
        took = time.monotonic() - begun
        await_rest(stack.settings)
        cost, least = embedded(stack.settings), texts_of(events, stack.settings)
        print(f"{len(events)} versions in {took:.0f} s: {cost} texts embedded, {least} at least")
        assert Counter(acknowledged(edge)) == Counter((e["path"], e["seq"]) for e in events)
        assert searchable(stack.settings) == expected(events, stack.settings)
        assert not [*edge.records(topics.DOCS_DLQ.name)]
    assert cost <= COST * least


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(CI, id="short"),
        pytest.param(FULL, id="full", marks=[pytest.mark.drill, only_on_demand]),
    ],
)
def test_a_backlog_in_both_lanes_under_kills_ends_in_its_last_state(
    history: History, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    events = changes(history, rng)
    with Stack(Settings(data=tmp_path, redis={"cache_mb": 256})) as stack:
        edge, killer, begun = Edge(stack.settings), Killer(stack, tmp_path), time.monotonic()
        for at in range(0, len(events), 40):
            feed(edge, rng.choice([topics.DOCS_FEED, topics.DOCS_FEED_BULK]), events[at : at + 40])
        for _ in range(history.kills):
            pause(rng, 4.0)
            killer.kill(rng.choice(WORKERS[:2]))
        killer.await_recovery()
        until(lambda: len(acknowledged(edge)) >= len(events), "all to be told", history.drain_s)
        await_rest(stack.settings)
        print(f"SEED={seed} {Counter(killer.kills)}: all in {time.monotonic() - begun:.0f} s")
        assert Counter(acknowledged(edge)) == Counter((e["path"], e["seq"]) for e in events)
        assert searchable(stack.settings) == expected(events, stack.settings)
        assert not [*edge.records(topics.DOCS_DLQ.name)]
