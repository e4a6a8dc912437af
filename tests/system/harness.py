"""A stage on a real broker: its topics, its workers, what goes in and what came out."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException, Producer, TopicPartition

from schemas.events import DeadLettered, DocumentFed
from streams.app.settings import Settings
from streams.edge import admin, client
from streams.flow.errors import UserError
from streams.flow.port import Opened
from streams.flow.stage import Stage
from streams.flow.topic import Topic
from streams.local.child import Service
from streams.local.worker_process import environment
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.record import Output, Record
from streams.runtime.room import Room
from streams.runtime.spans import DerivedSpans, Spans
from streams.runtime.worker import StageWorker
from tests.system.copying import copies, dead_letters, source

TIMEOUT_S = 60.0


def until(
    condition: Callable[[], Any], what: str, timeout: float = TIMEOUT_S, every: float = 0.02
) -> Any:
    """The first true value of `condition`, asked `every` so many seconds; while the broker is away,
    there is none."""
    deadline = time.monotonic() + timeout
    outage: Exception | None = None
    while True:
        try:
            if found := condition():
                return found
        except (KafkaException, UserError) as error:
            outage = error
        assert time.monotonic() < deadline, (
            f"timed out after {timeout:.0f} s waiting for {what} (last outage: {outage})"
        )
        time.sleep(every)


def led(settings: Settings, names: Sequence[str]) -> bool:
    """Whether each partition of these topics has a leader; raises where one has none yet."""
    with client.reader(settings) as consumer:
        client.from_the_end(consumer, names)
    return True


def fed(doc: int | str, version: int, body: str = "") -> DocumentFed:
    return DocumentFed(op="upsert", tenant="t", doc_id=f"{doc}", version=version, body=body)


def load_of(count: int, keys: int = 8, body: str = "") -> list[DocumentFed]:
    """`count` events over `keys` keys; the versions of each key are 0, 1, 2, ..."""
    return [fed(number % keys, number // keys, body) for number in range(count)]


def header(record: Record, name: str) -> str:
    return next((value or b"").decode() for key, value in record.headers if key == name)


@dataclass
class Bench:
    """One test's topics, groups and data folder on the shared broker."""

    settings: Settings

    def __post_init__(self) -> None:
        self.codec = Codec()
        self.prefix = self.settings.group_prefix
        self.source = source(self.prefix)
        self.copies = copies(self.prefix)
        self.letters = dead_letters(self.prefix)
        group = kafka.plain_consumer_options(self.settings, f"{self.prefix}.copy")
        # Looks at the group without being in it; a transaction left open must not make it wait.
        self._view = kafka.new_consumer(group | {"isolation.level": "read_uncommitted"})
        self._producer: Producer | None = None

    def close(self) -> None:
        self._view.close()

    def create(self, stages: Sequence[Stage], new: str = "") -> None:
        """The topics of these stages, `new` and perhaps others among them."""
        assert (new or self.source.name) in admin.apply_topics(self.settings, stages)

    def produce(
        self,
        value: bytes | DocumentFed | None,
        key: bytes | None = None,
        headers: Iterable[tuple[str, bytes]] = (),
        partition: int = -1,
        topic: str = "",
    ) -> None:
        """Queue a record; an event is encoded, and keyed as its topic says."""
        if isinstance(value, DocumentFed):
            key = key or self.source.key(value).encode()
            value = self.codec.encode(self.source.name, value)
        if self._producer is None:
            self._producer = kafka.new_producer(kafka.producer_options(self.settings))
        self._producer.produce(
            topic or self.source.name, value, key, headers=list(headers), partition=partition
        )
        self._producer.poll(0)

    def send(self, events: Iterable[DocumentFed]) -> None:
        for event in events:
            self.produce(event)
        self.flush()

    def flush(self) -> None:
        assert self._producer is not None
        assert self._producer.flush(TIMEOUT_S) == 0

    def records(self, topic: Topic[Any]) -> list[Record]:
        """Everything that is committed in a topic now."""
        with client.reader(self.settings) as consumer:
            return [kafka.received(each) for each in client.replay(consumer, [topic.name])]

    def copied(self) -> list[DocumentFed]:
        return [self.codec.decode(self.copies, each.value) for each in self.records(self.copies)]

    def dead(self) -> list[DeadLettered]:
        return [self.codec.decode(self.letters, each.value) for each in self.records(self.letters)]

    def lag(self) -> int:
        return self.sent() - self.committed()

    def sent(self) -> int:
        """Records in the stage's source."""
        ends = [self._view.get_watermark_offsets(each, timeout=10) for each in self._places()]
        return sum(high for _, high in ends)

    def committed(self) -> int:
        """Records committed as read so far."""
        # Not by an AdminClient: its list_consumer_group_offsets crashes the process where a
        # coordinator is just coming back (librdkafka 2.16).
        return sum(max(0, each.offset) for each in self._view.committed(self._places(), timeout=40))

    def ahead(self) -> list[str]:
        """What the group has remembered, by partition, of records done behind undone ones."""
        found = self._view.committed(self._places(), timeout=40)
        return [each.metadata for each in found if each.metadata]

    def _places(self) -> list[TopicPartition]:
        return client.places(self._view, [self.source.name])

    def await_consumed(self, timeout: float = TIMEOUT_S) -> None:
        """Wait until everything sent is committed as read."""
        until(lambda: self.lag() == 0, "everything to be consumed", timeout)

    def await_outputs(self, count: int) -> None:
        until(lambda: len(self.records(self.copies)) >= count, f"{count} outputs")

    def assert_copied(self, count: int, keys: int = 8) -> None:
        """Exactly `load_of(count, keys)` came out."""
        self.assert_copied_each(load_of(count, keys))

    def assert_copied_each(self, events: Iterable[DocumentFed]) -> None:
        """Exactly these came out: each once, in order per key."""
        versions: dict[str, list[int]] = defaultdict(list)
        for event in self.copied():
            versions[event.doc_id].append(event.version or 0)
        wanted: dict[str, list[int]] = defaultdict(list)
        for event in events:
            wanted[event.doc_id].append(event.version or 0)
        missed = {key: set(each) - set(versions[key]) for key, each in wanted.items()}
        assert versions == wanted, f"missing: {missed}; dead letters: {self.dead()}"

    def owners(self) -> dict[str, set[int]]:
        """The group's members that have partitions, with those."""
        group = f"{self.prefix}.copy"
        client: Any = kafka.admin(self.settings)
        members = client.describe_consumer_groups([group])[group].result(TIMEOUT_S).members
        owned = {
            each.member_id: {place.partition for place in each.assignment.topic_partitions}
            for each in members
        }
        return {member: partitions for member, partitions in owned.items() if partitions}

    def process(
        self, worker: str = "", concurrency: int = 1, slow: int = 0, **more: Any
    ) -> WorkerOf:
        """A worker process of the copying stage, not started yet; unnamed unless named."""
        settings = self.settings.model_copy(update={"worker": worker, **more})
        return WorkerOf(settings, "tests.system.copying", str(concurrency), str(slow))

    @contextmanager
    def working(
        self,
        stage: Stage,
        spans: Spans | None = None,
        *,
        failing: bool = False,
        room: Room | None = None,
        **more: Any,
    ) -> Generator[StageWorker]:
        """A worker of `stage` in a thread of this process, ready. Stopped on leaving."""
        settings = self.settings.model_copy(update=more)
        worker = StageWorker(
            stage,
            Opened({}),
            settings,
            self.codec,
            spans or DerivedSpans(),
            name="thread",
            static=True,
            room=room,
        )

        def run() -> None:
            try:
                worker.run()
            except BaseException as bug:
                worker.failure = bug

        thread = threading.Thread(target=run)
        thread.start()
        try:
            until(lambda: worker.ready.is_set() or worker.failure, "the worker to be ready")
            yield worker
        finally:
            worker.stop()
            thread.join(TIMEOUT_S)
            assert not thread.is_alive()
        if not failing and worker.failure is not None:
            raise worker.failure


class WorkerOf(Service):
    """A worker process of a stage that `module` runs as the production worker would."""

    _count = 0

    def __init__(self, settings: Settings, module: str, *arguments: str) -> None:
        WorkerOf._count += 1
        name = f"{settings.worker or 'unnamed'}-{WorkerOf._count}"
        super().__init__(name, settings.data / "logs" / f"{name}.log")
        self._settings = settings
        self._module = module
        self._arguments = arguments

    def command(self) -> Sequence[str]:
        return [sys.executable, "-m", self._module, *self._arguments]

    def environment(self) -> dict[str, str]:
        return environment(self._settings)

    def is_ready(self) -> bool:
        return self.alive and any(
            file.read_text() == str(self.pid)
            for file in (self._settings.data / "run").glob("*.ready")
        )

    def signal(self, number: int) -> None:
        assert self.alive
        os.kill(self.pid, number)

    def await_end(self, timeout: float = TIMEOUT_S) -> int:
        """Its exit code, negative for a signal."""
        until(lambda: not self.alive, f"{self.name} to end", timeout)
        assert self.exit_code is not None
        return self.exit_code

    def await_kill(self) -> None:
        assert self.await_end() == -signal.SIGKILL, self.last_fault()


@contextmanager
def feeding(bench: Bench, events: Sequence[DocumentFed], per_second: float) -> Iterator[None]:
    """Send events at an even pace in the background; all are sent on leaving."""
    failures: list[BaseException] = []

    def run() -> None:
        started = time.monotonic()
        try:
            for number, event in enumerate(events):
                bench.produce(event)
                ahead = number / per_second - (time.monotonic() - started)
                if ahead > 0.01:
                    time.sleep(ahead)
            bench.flush()
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(TIMEOUT_S + len(events) / per_second)
    assert not thread.is_alive()
    assert not failures


@contextmanager
def evenly(
    settings: Settings, per_second: float, output: Callable[[int], Output]
) -> Generator[list[int]]:
    """Records are sent at an even pace until leaving; the numbers of those that were."""
    done, sent = threading.Event(), list[int]()
    producer = kafka.new_producer(kafka.producer_options(settings))
    partitions = kafka.Partitions(producer)

    def run() -> None:
        while not done.wait(1 / per_second):
            kafka.send(producer, output(len(sent)), partitions)
            producer.poll(0)
            sent.append(len(sent))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield sent
    finally:
        done.set()
        thread.join()
        assert producer.flush(30) == 0
