"""What a bench runs on: a temporary data folder with a broker, or the whole stack, on it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (
    NewTopic,  # pyright: ignore[reportPrivateImportUsage]
    OffsetSpec,  # pyright: ignore[reportPrivateImportUsage]
)

from evaluation.bench.report import Say
from streams.app.ports import RedisSettings
from streams.app.settings import Settings, load
from streams.local import state as stack_state
from streams.local.daemon import detach
from streams.local.prepare import Prepared
from streams.local.supervisor import Stack
from streams.runtime import kafka

TOPIC_TIMEOUT_S = 120.0  # an overloaded machine


@contextmanager
def data_folder() -> Generator[Path]:
    """An empty folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="millrace-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def own_settings(folder: Path, **chosen: object) -> Settings:
    """The user's settings, but on this folder, with a broker and a Redis of its own."""
    own: dict[str, object] = {"data": folder, "bootstrap_servers": "", "worker": ""}
    own |= {"redis": {"url": "", "port": 0}, "http_port": 0, "kafka_port": 0}
    return load(own | chosen)


def nothing(_: Settings) -> Prepared:
    """No topics and no workers."""
    return Prepared([], [])


@contextmanager
def broker(folder: Path, say: Say) -> Generator[Settings]:
    """A broker and nothing else; the settings hold its address."""
    # A Redis of somebody else's that no one asks: so none is started.
    stack = Stack(own_settings(folder, redis={"url": "redis://localhost:0"}), prepared=nothing)
    say("starting a broker")
    stack.start()
    try:
        yield stack.settings
    finally:
        stack.stop()


@contextmanager
def whole_stack(folder: Path, say: Say, **chosen: object) -> Generator[Settings]:
    """The stack exactly as `millrace up --detach` runs it; the settings hold its addresses."""
    settings = own_settings(folder, **chosen)
    try:
        detach(settings, lambda phase: say(f"the stack: {phase}"))
        state = stack_state.read_state(folder)
        assert state is not None, "a stack that is ready has written down where it is"
        found = settings.model_copy(update={"bootstrap_servers": state.bootstrap_servers})
        yield found.having(RedisSettings, url=state.redis_url, kept_url=state.kept_url)
    finally:
        say("stopping the stack")
        stack_state.down(settings)


def of_processes(settings: Settings, asked: Callable[[psutil.Process], float]) -> dict[str, float]:
    """What is asked of each process of the running stack, the supervisor included, by its name."""
    found: dict[str, float] = {}
    for each in stack_state.status(settings)["processes"]:
        with suppress(psutil.Error):
            found[each["name"]] = asked(psutil.Process(each["pid"]))
    return found


def cpu_seconds(process: psutil.Process) -> float:
    """What a process and those of its children that have ended have used so far."""
    times = process.cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def make_topics(settings: Settings, names: Iterable[str]) -> None:
    """Create topics as the pipeline's are: so many partitions, one replica.

    Raises:
        KafkaException: the broker refuses one, or does not lead it in time.
    """
    admin: Any = kafka.reachable(settings)
    names = list(names)
    new = [NewTopic(name, settings.partitions, settings.replication_factor) for name in names]
    for made in admin.create_topics(new).values():
        made.result(TOPIC_TIMEOUT_S)
    # A broker leads a new partition a moment after it says that the topic is there.
    latest = OffsetSpec.latest()
    ends = {TopicPartition(name, n): latest for name in names for n in range(settings.partitions)}
    until = time.monotonic() + TOPIC_TIMEOUT_S
    while True:
        try:
            for end in admin.list_offsets(ends).values():
                end.result(TOPIC_TIMEOUT_S)
            return
        except KafkaException:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
