"""Workers follow the lag: the chart, the real KEDA, a real broker, real worker processes.

With SCALING_RESULTS a file's name, what was seen is written there.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from streams.app import opening
from streams.app.settings import Settings
from streams.edge import admin, client
from streams.local.broker import Broker
from streams.runtime import kafka
from tests.infra import keda
from tests.infra.check_chart import CHART, EXAMPLES
from tests.infra.check_cluster import helm
from tests.infra.control_plane import ControlPlane, cluster
from tests.infra.pods import Pods
from tests.infra.strict import definitions

PARTITIONS = 4
DOCUMENTS, PER_SECOND = 6000, 200
STAGES = ("ingest", "chunk")
STAYS_S = 20.0  # at zero, with all markers behind it
TEXT = "A fee is due on the first day of each quarter. " * 20


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    with cluster(tmp_path / "cluster") as plane:
        plane.apply(definitions())
        keda.controllers(plane)
        keda.start(plane)
        yield plane


@dataclass
class Seen:
    """Lag, replicas and ready workers by the second, of each stage."""

    settings: Settings
    plane: ControlPlane
    pods: Pods
    began: float = field(default_factory=time.monotonic)
    rows: list[tuple[float, int, int, int, int, int, int]] = field(default_factory=list)

    def look(self) -> None:
        """One more row."""
        found = admin.lag(self.settings, self.stages)
        at = time.monotonic() - self.began
        row = [round(at, 1)]
        for name in STAGES:
            behind = sum(n for group, n in found.items() if group.partition(".")[0] == name)
            row += [behind, self.replicas(name), self.pods.ready(name)]
        self.rows.append(tuple(row))  # type: ignore[arg-type]
        assert self.pods.failure is None, self.pods.failure

    def __post_init__(self) -> None:
        self.stages = [s for s in opening.stages(self.settings) if s.name in STAGES]

    def replicas(self, name: str) -> int:
        where = f"/apis/apps/v1/namespaces/rag-ingestion/statefulsets/m-{name}"
        return self.plane.get(where)["spec"]["replicas"]

    def first(self, column: int, least: int = 1) -> float:
        """When a column had that for the first time."""
        return next(row[0] for row in self.rows if row[column] >= least)

    def written(self) -> str:
        names = ["seconds", *(f"{s} {w}" for s in STAGES for w in ("lag", "replicas", "ready"))]
        lines = [names, *([f"{each:g}" for each in row] for row in self.rows)]
        return "".join(",".join(line) + "\n" for line in lines)


def _feed(settings: Settings, start: int, count: int) -> None:
    producer = kafka.new_producer(kafka.producer_options(settings))
    for number in range(start, start + count):
        event = {"op": "upsert", "tenant": "t", "doc_id": f"{number}", "version": 1, "body": TEXT}
        producer.produce("docs.feed", json.dumps(event).encode(), f"t/{number}".encode())
    assert producer.flush(30) == 0


def test_replicas_follow_the_lag_and_go_to_zero_when_all_is_read(
    plane: ControlPlane, broker: Broker, tmp_path: Path
) -> None:
    settings = Settings(
        data=tmp_path, bootstrap_servers=broker.bootstrap_servers, partitions=PARTITIONS
    )
    admin.apply_topics(settings, opening.stages(settings))
    sets = {
        "kafka.bootstrapServers": broker.bootstrap_servers,
        "kafka.partitions": PARTITIONS,
        "scaling.pollingInterval": 2,
        "scaling.cooldownPeriod": 10,
        "index.storage": "10Gi",
        **{f"stages.{name}.{key}": n for name in STAGES for key, n in (("min", 0), ("max", 4))},
    }
    said = [f"--set={key}={value}" for key, value in sets.items()]
    done = helm(plane, "install", "m", str(CHART), "-f", str(EXAMPLES / "medium.yaml"), *said)
    assert done.returncode == 0, done.stderr
    with Pods(plane, STAGES) as pods:
        seen = Seen(settings, plane, pods)
        plane.await_(lambda: [seen.replicas(n) for n in STAGES] == [0, 0], "nobody to be there")
        seen.began = loaded = time.monotonic()
        sent = 0
        while sent < DOCUMENTS:
            due = min(DOCUMENTS, int((time.monotonic() - loaded + 1) * PER_SECOND))
            _feed(settings, sent, due - sent)
            sent = due
            seen.look()
            time.sleep(0.5)

        def gone() -> bool:
            seen.look()
            time.sleep(0.5)
            return seen.rows[-1][1:] == (0, 0, 0, 0, 0, 0)

        plane.await_(gone, "all to be read and everybody to go", 400)
        quiet = time.monotonic()
        while time.monotonic() - quiet < STAYS_S:
            seen.look()
            time.sleep(1)
    if name := os.environ.get("SCALING_RESULTS"):
        Path(name).write_text(seen.written())
    assert max(row[2] for row in seen.rows) >= 3, "replicas followed the lag"
    assert max(row[2] for row in seen.rows) <= PARTITIONS
    assert all(row[1:] == (0, 0, 0, 0, 0, 0) for row in seen.rows[-10:]), "and stayed away"
    with client.reader(settings) as consumer:
        changes = [*client.replay(consumer, ["docs.changes", "docs.changes.bulk"])]
    assert len({each.key() for each in changes}) == len(changes) == DOCUMENTS
    print(
        f"first replica after {seen.first(2):.1f} s, first ready after {seen.first(3):.1f} s, "
        f"lag at most {max(row[1] for row in seen.rows)}"
    )
