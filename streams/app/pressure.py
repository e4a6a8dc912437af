"""How long a question that is admitted now would wait for those before it.

Each consumer group on a question's way says how far it is, and at what pace it went while something
always waited: a stage that is idle shows how much is asked, and not how much it can do.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast

from confluent_kafka import Consumer, KafkaException, TopicPartition
from prometheus_client import Gauge

from processors.ports import Pressure
from streams.flow.errors import UserError
from streams.flow.port import Opening
from streams.flow.stage import Stage
from streams.runtime import kafka
from streams.runtime.settings import RuntimeSettings
from streams.runtime.telemetry import REGISTRY

if TYPE_CHECKING:
    from streams.app.settings import Settings
    from streams.app.stores import Sections

LOOK_S = 0.5  # between two looks at the groups
WINDOW_S = 10.0  # over which a pace is measured: several batches of the slowest stage
BUSY_S = 2.0  # in which something always waited, before a pace is believed
FEW = 16  # offsets: so much is in work even where nothing waits
STALE_S = 10.0  # after which what was seen says nothing any more
NETWORK_S = 5.0
log = logging.getLogger("millrace.pressure")

WAIT = Gauge(
    "millrace_expected_wait_seconds",
    "Of a question that is admitted now, for those before it.",
    registry=REGISTRY,
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A group at one moment: offsets that it has read, and that it has yet to read."""

    at: float  # seconds, of whichever clock
    read: int
    behind: int


class Line:
    """What waits before one group, and the pace at which it gets shorter."""

    def __init__(self) -> None:
        self._seen: deque[Seen] = deque()
        self._moved = Seen(0, 0, 0)  # when it had last read something
        self._pace = 0.0  # offsets a second; 0: not known

    def note(self, seen: Seen) -> None:
        if seen.behind <= FEW:
            self._seen.clear()  # a pace is one while something always waits
            return
        if not self._seen or seen.read > self._seen[-1].read:
            self._moved = seen
        self._seen.append(seen)
        while seen.at - self._seen[0].at > WINDOW_S:
            self._seen.popleft()
        first, moved = self._seen[0], self._moved
        # Until it last moved: a stage whose worker starts anew goes on at its pace.
        if moved.at - first.at >= BUSY_S and moved.read > first.read:
            self._pace = (moved.read - first.read) / (moved.at - first.at)

    @property
    def wait_s(self) -> float:
        """Until what is written now is read; 0 where that is not known."""
        seen = self._seen
        if not seen or not self._pace or seen[-1].at - seen[0].at < BUSY_S:
            return 0.0
        return seen[-1].behind / self._pace


class Calm:
    """A `Pressure` where nobody waits for anybody."""

    def wait_s(self) -> float:
        return 0.0


class Watched:
    """A `Pressure`, by what the broker says of the groups of these stages.

    Stages of one name before a point are tiers: a question passes one of them.
    """

    def __init__(self, settings: RuntimeSettings, stages: Sequence[Stage]) -> None:
        self._settings = settings
        self._topics = {each.name: [topic.name for topic in each.reads] for each in stages}
        self._lines = {each.name: Line() for each in stages}
        self._looked, self._wait = 0.0, 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="pressure", daemon=True)

    def open(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        self._ended.set()
        self._thread.join(NETWORK_S)

    def wait_s(self) -> float:
        return self._wait if time.monotonic() - self._looked < STALE_S else 0.0

    def _watch(self) -> None:
        while not self._ended.is_set():
            try:
                with ExitStack() as stack:
                    self._look(stack)
            except (KafkaException, UserError) as error:
                log.warning("how long questions wait is not known: %s", error)
                self._ended.wait(STALE_S)

    def _look(self, stack: ExitStack) -> None:
        """Look again and again, by a consumer of each group that never joins it."""
        consumers: dict[str, Consumer] = {}
        places: dict[str, list[TopicPartition]] = {}
        for name, read in self._topics.items():
            group = f"{self._settings.group_prefix}.{name}"
            options: Any = kafka.plain_consumer_options(self._settings, group)
            consumers[name] = kafka.new_consumer(options | {"isolation.level": "read_uncommitted"})
            stack.callback(consumers[name].close)
            places[name] = _places(consumers[name], read)
        while not self._ended.wait(LOOK_S):
            for name, line in self._lines.items():
                line.note(_seen(consumers[name], places[name]))
            self._wait = waiting({name: line.wait_s for name, line in self._lines.items()})
            self._looked = time.monotonic()
            WAIT.set(self._wait)


def waiting(by_stage: Mapping[str, float]) -> float:
    """In all, of one after the other, and of the tiers of a stage the longest."""
    longest: dict[str, float] = {}
    for name, wait in by_stage.items():
        way = name.partition(".")[0]
        longest[way] = max(wait, longest.get(way, 0.0))
    return sum(longest.values())


def _places(consumer: Consumer, names: Sequence[str]) -> list[TopicPartition]:
    found: list[TopicPartition] = []
    for name in names:
        there = consumer.list_topics(name, timeout=NETWORK_S).topics[name]
        found += [TopicPartition(name, each) for each in there.partitions]
    return found


def _seen(consumer: Consumer, places: Sequence[TopicPartition]) -> Seen:
    committed = consumer.committed([*places], timeout=NETWORK_S)
    read = behind = 0
    for place in committed:
        low, high = consumer.get_watermark_offsets(place, timeout=NETWORK_S)
        at = max(place.offset, low)  # below zero: nothing is committed yet
        read += at
        behind += max(0, high - at)
    return Seen(time.monotonic(), read, behind)


def pressure(sections: Sections, opening: Opening) -> Pressure:
    """What waits on a question's way behind `admit`; nothing, without a broker or where told."""
    settings = cast("Settings", sections)
    if not settings.bootstrap_servers or not settings.shed:
        return Calm()

    def opened() -> Watched:
        from streams.app.opening import stages

        way = [each for each in stages(settings) if each.promise and each.name != "admit"]
        made = Watched(settings, way).open()
        opening.stack.callback(made.close)
        return made

    return opening.once("pressure", opened)
