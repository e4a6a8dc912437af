"""The stage with state that the runtime is tested with, on a real broker.

`python -m tests.system.counting` runs it as the production worker process does.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import TopicPartition

from schemas.events import DocumentFed, FeedbackGiven
from streams.app.settings import Settings, load
from streams.edge import admin
from streams.flow.stage import Stage
from streams.runtime import kafka
from tests.support.counting import counting, counts, documents, feedback, numbered
from tests.system.harness import Bench, WorkerOf, until

MODULE = "tests.system.counting"


@dataclass
class Counts:
    """Documents and feedback that are sent under a few keys, and how they came out numbered."""

    bench: Bench
    sent: dict[str, int] = field(default_factory=lambda: defaultdict[str, int](int))

    def __post_init__(self) -> None:
        self.prefix = self.bench.prefix
        self.settings = self.bench.settings
        self.stage = counting(self.prefix)
        self._producer = kafka.new_producer(kafka.producer_options(self.settings))
        self.bench.create([self.stage], counts(self.prefix).changelog.name)

    def send(self, count: int, keys: int = 8) -> None:
        """Documents, and feedback to every third, over so many keys in turn."""
        for number in range(count):
            name = f"k{number % keys}"
            self.put(self.said(name) if number % 3 == 2 else self.fed(name))

    def fed(self, name: str, body: str = "") -> DocumentFed:
        return DocumentFed(op="upsert", tenant="t", doc_id=name, body=body)

    def said(self, name: str) -> FeedbackGiven:
        return FeedbackGiven(tenant="t", request_id=name, rating=1)

    def put(self, event: DocumentFed | FeedbackGiven) -> None:
        fed = isinstance(event, DocumentFed)
        topic: Any = documents(self.prefix) if fed else feedback(self.prefix)
        value = self.bench.codec.encode(topic.name, event)
        self._producer.produce(topic.name, value, topic.key(event).encode())
        self.sent[event.doc_id if isinstance(event, DocumentFed) else event.request_id] += 1
        assert self._producer.flush(60) == 0

    def process(self, worker: str = "", **more: Any) -> WorkerOf:
        """A worker process, not started yet; unnamed unless named."""
        return WorkerOf(self.settings.model_copy(update={"worker": worker, **more}), MODULE)

    def lag(self) -> int:
        return admin.lag(self.settings, [self.stage])[self.stage.name]

    def await_consumed(self, timeout: float = 60.0) -> None:
        until(lambda: self.lag() == 0, "everything to be consumed", timeout)

    def numbers(self) -> dict[str, list[int | None]]:
        """What came out, by key, in the order of the log."""
        topic = numbered(self.prefix)
        found: dict[str, list[int | None]] = defaultdict(list)
        for record in self.bench.records(topic):
            event = self.bench.codec.decode(topic, record.value)
            found[event.doc_id].append(event.version)
        return dict(found)

    def assert_numbered(self) -> None:
        """Every record once, and each after those before it."""
        assert self.numbers() == {name: [*range(1, n + 1)] for name, n in self.sent.items()}
        assert not self.bench.dead()

    def files(self) -> list[Path]:
        """The tables of all partitions on this machine."""
        return sorted((self.settings.data / "state").rglob("*.sqlite"))

    def place(self, topic: str, name: str) -> TopicPartition:
        """Where what has this name stands."""
        count = self.settings.partitions
        return TopicPartition(topic, kafka.partition_of(f"t/{name}".encode(), count))


def restored(worker: WorkerOf) -> int:
    """How many changes a worker has read from the changelog, by its log."""
    lines: Iterable[dict[str, Any]] = (
        json.loads(line) for line in worker.log.read_text().splitlines() if line.startswith("{")
    )
    return sum(line["changes"] for line in lines if line["message"] == "state restored")


def main() -> int:
    from streams.app import host, opening

    settings = load()

    def stages(_settings: Settings) -> list[Stage]:
        return [counting(settings.group_prefix)]

    opening.stages = stages  # everything else is the production worker's
    return host.run(settings, ["count"])


if __name__ == "__main__":
    sys.exit(main())
