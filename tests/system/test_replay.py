"""The drill: a real change history is replayed while workers and the broker are killed.

What is searchable in the end is exactly what the history says, and every question asked meanwhile
has exactly one answer.
"""

from __future__ import annotations

import json
import lzma
import os
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas import topics
from streams.app import opening
from streams.app.settings import Settings
from streams.edge import admin
from streams.local.supervisor import Stack
from streams.runtime.codec import Codec
from tests.system.drill import TENANT, Edge, Killer, expected, fed, pause, searchable
from tests.system.harness import until

WORKERS = ("up-documents", "up-index", "up-questions")
QUESTIONS = (
    "Which versions of sodiumoxide are patched?",
    "What does a use after free allow?",
    "Is there a denial of service in a parser?",
    "What is the airspeed of an unladen swallow?",
)


@dataclass(frozen=True)
class Drill:
    """How much is replayed (0: all), and what is killed meanwhile."""

    events: int
    worker_kills: int
    broker_kills: int
    questions: int = 50
    drain_s: float = 120.0


CI = Drill(events=600, worker_kills=6, broker_kills=1)
FULL = Drill(events=0, worker_kills=50, broker_kills=2, drain_s=600.0)
only_on_demand = pytest.mark.skipif(
    os.environ.get("DRILL") != "full", reason="takes 6 to 10 minutes: run `make drill`"
)


@pytest.mark.parametrize(
    "drill",
    [
        pytest.param(CI, id="short"),
        pytest.param(FULL, id="full", marks=[pytest.mark.drill, only_on_demand]),
    ],
)
def test_a_history_replayed_under_kills_ends_in_exactly_its_live_set(
    drill: Drill, shared_data: Path, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    with lzma.open(shared_data / "cdc_rustsec" / "events.jsonl.xz", "rt") as lines:
        history = [json.loads(line) for line in lines][: drill.events or None]
    asked = [f"q{number}" for number in range(drill.questions)]
    begun = time.monotonic()

    with Stack(Settings(data=tmp_path, redis={"cache_mb": 64})) as stack:
        edge, killer = Edge(stack.settings), Killer(stack, tmp_path)
        strikes = [rng.choice(WORKERS) for _ in range(drill.worker_kills)]
        for number in range(drill.broker_kills):
            place = (number + 1) * len(strikes) // (drill.broker_kills + 1)
            strikes.insert(place, "broker")
        steps = len(strikes) + 1  # the last slice is fed after the last kill
        for step in range(steps):
            for event in history[step * len(history) // steps : (step + 1) * len(history) // steps]:
                edge.put(topics.DOCS_FEED.name, f"{TENANT}/{event['path']}", fed(event))
            for request in asked[step * len(asked) // steps : (step + 1) * len(asked) // steps]:
                query = rng.choice(QUESTIONS)
                question = {"request_id": request, "tenant": TENANT, "query": query}
                edge.put(topics.RAG_REQUESTS.name, request, question | {"deadline_ms": 3_600_000})
            if step < len(strikes):
                pause(rng, 2.0)
                killer.kill(strikes[step])
        edge.flush()
        fed_after = time.monotonic() - begun
        killer.await_recovery()

        until(lambda: len(acknowledged(edge)) >= len(history), "acknowledgements", drill.drain_s)
        until(lambda: len(answered(edge)) >= len(asked), "answers", drill.drain_s)
        await_rest(stack.settings)
        acknowledgements, answers = acknowledged(edge), answered(edge)
        closings = closed(edge)
        found = searchable(stack.settings)
        wanted = expected(history, stack.settings)
        dead = [*edge.records(topics.DOCS_DLQ.name), *edge.records(topics.RAG_DLQ.name)]

    print(
        f"SEED={seed} kills={Counter(killer.kills)} events={len(history)} documents={len(found)}"
        f" chunks={sum(len(chunks) for _, chunks in found.values())} questions={len(asked)}"
        f" fed in {fed_after:.0f} s, all in {time.monotonic() - begun:.0f} s"
    )
    assert killer.kills == strikes
    assert not dead
    assert Counter(acknowledgements) == Counter((each["path"], each["seq"]) for each in history)
    assert found.keys() == wanted.keys()
    assert {doc: version for doc, (version, _) in found.items()} == {
        doc: version for doc, (version, _) in wanted.items()
    }
    assert found == wanted
    assert Counter(request for request, _ in answers) == Counter(asked) == Counter(closings)
    assert {status for _, status in answers} <= {"answered", "abstained"}


def acknowledged(edge: Edge) -> list[tuple[str, int]]:
    """Which versions docs.indexed says are done."""
    codec = Codec()
    records = edge.records(topics.DOCS_INDEXED.name)
    events = [codec.decode(topics.DOCS_INDEXED, record.value) for record in records]
    return [(event.document.doc_id, event.document.version) for event in events if event.last]


def answered(edge: Edge) -> list[tuple[str, str]]:
    """Request id and status of all answers."""
    codec = Codec()
    records = edge.records(topics.RAG_ANSWERS.name)
    events = [codec.decode(topics.RAG_ANSWERS, record.value) for record in records]
    return [(event.request_id, event.status) for event in events]


def closed(edge: Edge) -> list[str]:
    """Request id of every question that closed, as often as it did."""
    codec = Codec()
    records = edge.records(topics.RAG_CLOSED.name)
    return [codec.decode(topics.RAG_CLOSED, each.value).answer.request_id for each in records]


def await_rest(settings: Settings) -> None:
    """Wait until no stage has anything to read; transaction markers are one a partition at most."""
    stages = opening.stages(settings)
    until(lambda: max(admin.lag(settings, stages).values()) <= settings.partitions, "rest")
