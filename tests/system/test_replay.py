"""The drill: open histories are replayed while a stack is killed, frozen and filled.

At once: changes in both lanes, files to convert, questions of sessions, feedback. What is
searchable in the end is exactly what the histories say, deleted text is in no file of the index,
and every question and feedback has come to exactly one end, in its order.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas import topics
from streams.app import opening
from streams.app.settings import Settings
from streams.edge import admin
from streams.local.supervisor import Stack
from streams.local.worker_process import environment
from streams.runtime.codec import Codec
from tests.system.drill import Edge, expected, pause, searchable
from tests.system.faults import Disk, Killer, said
from tests.system.harness import until
from tests.system.workload import MARK, Event, Outcome, workload

WORKERS = ("up-documents", "up-index", "up-questions")
STORES = ("redis", "redis-kept")
ERASED = "deleted text has left the folder"


@dataclass(frozen=True)
class Drill:
    """How much is given (events of 0: all), and what is done to the stack meanwhile."""

    events: int
    bulk: int
    files: int
    questions: int
    worker_kills: int
    store_kills: int
    broker_kills: int
    freezes: int = 0
    full_disks: int = 0
    erased_s: float = 20.0  # a rewrite of the index begins after half of it
    drain_s: float = 120.0

    @property
    def kills(self) -> int:
        return self.worker_kills + self.store_kills + self.broker_kills

    def strikes(self, rng: random.Random) -> list[str]:
        """What happens, in its order."""
        found = ["worker"] * self.worker_kills + ["store"] * self.store_kills
        found += ["freeze"] * self.freezes + ["disk"] * self.full_disks
        rng.shuffle(found)
        for number in range(self.broker_kills):  # at even distances: each takes a while
            found.insert((number + 1) * len(found) // (self.broker_kills + 1), "broker")
        return found


CI = Drill(300, 40, 4, 40, worker_kills=5, store_kills=1, broker_kills=1)
KILLS = int(os.environ.get("KILLS") or 200)
FULL = Drill(
    *(21 * KILLS, 3 * KILLS, KILLS // 5, 2 * KILLS),
    worker_kills=KILLS - KILLS // 5 - max(1, KILLS // 30),
    store_kills=KILLS // 5,
    broker_kills=max(1, KILLS // 30),
    freezes=max(1, KILLS // 66),
    full_disks=max(1, KILLS // 66),
    erased_s=60.0,
    drain_s=600.0,
)
# All of the open history in ten minutes, under fewer kills.
WHOLE = Drill(0, 40, 4, 40, worker_kills=20, store_kills=0, broker_kills=0, drain_s=600.0)
only_on_demand = pytest.mark.skipif(
    os.environ.get("DRILL") != "full", reason="takes 15 to 20 minutes: run `make drill`"
)


@pytest.mark.parametrize(
    "drill",
    [
        pytest.param(CI, id="short"),
        pytest.param(WHOLE, id="whole", marks=[pytest.mark.drill, only_on_demand]),
        pytest.param(FULL, id="full", marks=[pytest.mark.drill, only_on_demand]),
    ],
)
def test_histories_replayed_under_faults_end_in_exactly_their_live_set(
    drill: Drill, shared_data: Path, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    work = workload(
        shared_data,
        rng,
        events=drill.events,
        bulk=drill.bulk,
        files=drill.files,
        questions=drill.questions,
    )
    settings = Settings(
        data=tmp_path,
        redis={"cache_mb": 64},
        index={"erased_hours": drill.erased_s / 3600},
        disk_floor_mb=Disk.floor_mb(tmp_path) if drill.full_disks else 512,
    )
    begun = time.monotonic()

    with Stack(settings) as stack:
        edge, killer = Edge(stack.settings), Killer(stack, tmp_path)
        disk, full = Disk(stack.settings), 0
        strikes = drill.strikes(rng)
        steps = len(strikes) + 1  # the last slices are given after the last strike
        for step in range(steps):
            work.put(edge, step, steps, rng)
            killer.thaw()
            if step == len(strikes):
                break
            pause(rng, 2.0)
            match strikes[step]:
                case "worker":
                    killer.kill_one(WORKERS, rng)
                case "store":
                    killer.kill_one(STORES, rng)
                case "broker":
                    killer.kill("broker")
                case "freeze":
                    killer.freeze(WORKERS, rng)
                case _:
                    disk.fill(lambda: pause(rng, 5.0))
                    full += 1
        edge.flush()
        given_after = time.monotonic() - begun
        killer.thaw(wait=True)
        killer.await_recovery()

        until(lambda: Outcome.of(edge).ready_for(work), "everything to end", drill.drain_s, every=3)
        await_rest(stack.settings)
        gone = {MARK.format(each["seq"]) for each in work.bulk} - living(work.bulk)
        until(lambda: not marks_in(tmp_path / "index", gone), "deleted text to go", 120, every=1)
        rewrites = until(lambda: said(tmp_path, [ERASED]), "the index to be written anew")
        outcome = Outcome.of(edge)
        found, wanted = searchable(stack.settings), expected(work.changes, stack.settings)
        replayed = subprocess.run(
            [sys.executable, "-m", "streams.cli", "index", "verify"],
            env=environment(stack.settings),
            capture_output=True,
            text=True,
            check=False,
        )

    print(
        f"SEED={seed} kills={Counter(killer.kills)} frozen={killer.thawed} full disks={full}"
        f" rewrites={rewrites} changes={len(work.changes)} documents={len(found)}"
        f" chunks={sum(len(chunks) for _, chunks in found.values())} questions={work.questions}"
        f" given in {given_after:.0f} s, all in {time.monotonic() - begun:.0f} s"
    )
    assert len(killer.kills) == drill.kills
    assert len(killer.thawed) == drill.freezes
    assert full == drill.full_disks
    assert gone
    outcome.assert_nothing_lost_doubled_or_reordered(work)
    assert {doc: version for doc, (version, _) in found.items()} == {
        doc: version for doc, (version, _) in wanted.items()
    }
    assert found == wanted
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr


def living(events: Sequence[Event]) -> set[str]:
    """The marks of what is not deleted or replaced."""
    final = {event["path"]: event for event in events}
    return {MARK.format(each["seq"]) for each in final.values() if each["op"] != "d"}


def marks_in(folder: Path, marks: Collection[str]) -> set[str]:
    """Which of them some file has, whatever it is."""
    wanted = re.compile(b"|".join(mark.encode() for mark in marks))
    try:
        files = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    except FileNotFoundError:  # a rewrite ends just now
        return {*marks}
    return {each.decode() for data in files for each in wanted.findall(data)}


def acknowledged(edge: Edge) -> list[tuple[str, int]]:
    """Which versions docs.indexed says are done."""
    codec = Codec()
    records = edge.records(topics.DOCS_INDEXED.name)
    events = [codec.decode(topics.DOCS_INDEXED, record.value) for record in records]
    return [(event.document.doc_id, event.document.version) for event in events if event.last]


def await_rest(settings: Settings) -> None:
    """Wait until no stage has anything to read; transaction markers are one a partition at most."""
    stages = opening.stages(settings)
    until(lambda: max(admin.lag(settings, stages).values()) <= settings.partitions, "rest")
