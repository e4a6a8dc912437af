"""How long a question that is admitted now would wait for those before it.

Each consumer group on a question's way says how far it is, and at what pace it went while something
always waited: a stage that is idle shows how much is asked, and not how much it can do.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self, cast

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import (
    OffsetSpec,  # pyright: ignore[reportPrivateImportUsage]
)
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


Look = Callable[[], Mapping[str, Seen]]
"""What is seen now of each stage's group."""


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
    def short(self) -> bool:
        """Whether next to nothing waited when it was last looked at."""
        return not self._seen

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
    """A `Pressure`, by what is seen of each stage's group.

    It is looked at only while questions come or wait: at rest a broker is asked nothing. Stages of
    one name before a point are tiers: a question passes one of them.
    """

    def __init__(self, opened: Callable[[ExitStack], Look], names: Iterable[str]) -> None:
        self._opened = opened
        self._lines = {name: Line() for name in names}
        self._looked, self._wait = 0.0, 0.0
        self._asked, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="pressure", daemon=True)

    def open(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        self._ended.set()
        self._asked.set()
        self._thread.join(NETWORK_S)

    def wait_s(self) -> float:
        self._asked.set()
        return self._wait if time.monotonic() - self._looked < STALE_S else 0.0

    def _watch(self) -> None:
        while self._asked.wait() and not self._ended.is_set():
            try:
                with ExitStack() as stack:
                    look = self._opened(stack)
                    while self._wanted():
                        self._note(look())
            except (KafkaException, TimeoutError, UserError) as error:
                log.warning("how long questions wait is not known: %s", error)
                self._ended.wait(STALE_S)

    def _wanted(self) -> bool:
        """Wait for the next look; False: there is none."""
        if all(line.short for line in self._lines.values()):
            self._asked.wait()
        self._asked.clear()
        return not self._ended.wait(LOOK_S)

    def _note(self, seen: Mapping[str, Seen]) -> None:
        for name, each in seen.items():
            self._lines[name].note(each)
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


def groups(settings: RuntimeSettings, stages: Sequence[Stage], stack: ExitStack) -> Look:
    """What the broker says of these stages' groups, asked by consumers that never join them.

    Raises:
        KafkaException: it does not answer.
    """
    client: Any = kafka.admin(settings)
    there = client.list_topics(timeout=NETWORK_S).topics
    places: dict[str, list[TopicPartition]] = {}
    consumers: dict[str, Consumer] = {}
    for stage in stages:
        group = f"{settings.group_prefix}.{stage.name}"
        options: Any = kafka.plain_consumer_options(settings, group)
        # Offsets that are being committed must not make it wait: under load there always are some.
        consumers[stage.name] = kafka.new_consumer(
            options | {"isolation.level": "read_uncommitted"}
        )
        stack.callback(consumers[stage.name].close)
        places[stage.name] = [
            TopicPartition(topic.name, each)
            for topic in stage.reads
            for each in there[topic.name].partitions
        ]

    def bounds(which: Any) -> dict[tuple[str, int], int]:
        asked = {each: which for mine in places.values() for each in mine}
        found = client.list_offsets(asked, request_timeout=NETWORK_S)  # of all in one request
        return {(p.topic, p.partition): f.result(NETWORK_S).offset for p, f in found.items()}

    begins = bounds(OffsetSpec.earliest())

    def look() -> dict[str, Seen]:
        ends, seen = bounds(OffsetSpec.latest()), dict[str, Seen]()
        for name, mine in places.items():
            read = behind = 0
            for place in consumers[name].committed([*mine], timeout=NETWORK_S):
                at = (place.topic, place.partition)
                begun = max(place.offset, begins[at])  # below zero: nothing is committed yet
                read += begun
                behind += max(0, ends[at] - begun)
            seen[name] = Seen(time.monotonic(), read, behind)
        return seen

    return look


def pressure(sections: Sections, opening: Opening) -> Pressure:
    """What waits on a question's way behind `admit`; nothing, without a broker or where told."""
    settings = cast("Settings", sections)
    if not settings.bootstrap_servers or not settings.shed:
        return Calm()

    def opened() -> Watched:
        from streams.app.opening import stages

        way = [each for each in stages(settings) if each.promise and each.name != "admit"]
        opener = partial(groups, settings, way)
        made = Watched(opener, [each.name for each in way]).open()
        opening.stack.callback(made.close)
        return made

    return opening.once("pressure", opened)
