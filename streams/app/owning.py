"""Who has the index, and what must be right before it answers.

A shard is a folder of one machine. One process of all has the index: it alone reads what is to be
indexed, and answers from it. Before it does, its shard is held against the log: a foreign one is
refused, one that is behind is brought up. Where the log no longer has what that takes, questions of
the tenants concerned wait until `millrace reindex` has brought it back.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TypeVar

from confluent_kafka import KafkaException

from processors.ports import ChunkStore
from processors.questions.retrieve import REMEDY
from schemas.events import IndexOwned
from streams.app import lacking
from streams.app.settings import Settings
from streams.app.stores import IndexSettings
from streams.flow.errors import UserError
from streams.flow.mirror import Mirror, Place, Reflected
from streams.flow.port import Opened
from streams.flow.stage import Stage
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.lease import Lease
from streams.runtime.mirroring import Mirrored, committed
from streams.runtime.processing import Processing
from streams.runtime.record import now_ms
from streams.runtime.spans import DerivedSpans
from streams.runtime.stretches import CALL_S, Extent, extents
from streams.runtime.telemetry import StageMetrics

log = logging.getLogger("millrace.host")

AGAIN_S = 0.5
# So long after it was lost, another has it: this process ends, and lets the shard's folder go.
GIVEN_UP = 3  # times the session's time-out
T = TypeVar("T")


def _mirroring(stages: Sequence[Stage]) -> tuple[Stage, Mirror] | None:
    return next(((each, each.mirror) for each in stages if each.mirror is not None), None)


class Owning:
    """One process's part in it. The constructor opens nothing."""

    def __init__(
        self, settings: Settings, stage: Stage, mirror: Mirror, name: str, *, static: bool
    ) -> None:
        self._settings = settings
        self._stage = stage
        self._mirror = mirror
        self._name = name
        group = f"{settings.group_prefix}.{mirror.owners.name}"
        instance = f"{group}.{name}" if static else ""
        self._lease = Lease(settings, mirror.owners.name, group, instance)
        self._bring: Callable[[int], None] = lambda _: None
        self.mirrored: Mirrored | None = None

    def stand_by(self, stack: ExitStack, waiting: Callable[[], None]) -> None:
        """Return once the index is ours; `waiting` is called once if that is not at once.

        Raises:
            UserError: the topic that says whose it is is not there.
        """
        topic = self._mirror.owners.name
        if topic not in kafka.reachable(self._settings).list_topics(timeout=CALL_S).topics:
            raise UserError(f"topic {topic} is not there: run `millrace topics apply`")
        stack.enter_context(self._lease)
        # Of a predecessor that was killed the broker hears nothing for so long.
        if self._lease.wait(1.5 * self._settings.session_timeout_ms / 1000):
            return
        log.info("another process has the index: stands by", extra={"worker": self._name})
        waiting()
        while not self._lease.wait(60.0):
            pass

    def begin(self, ports: Opened, codec: Codec) -> None:
        """Bring the shard to where the log is.

        Raises:
            UserError: it is of another cluster, or newer than the log.
        """
        store: ChunkStore = ports[self._mirror.port]
        settings = self._settings
        metrics = StageMetrics(self._stage.name)
        process = Processing(self._stage, ports, codec, settings, metrics, DerivedSpans())
        whole = False

        def is_whole() -> bool:
            return whole and not len(store.lacking)

        self.mirrored = mirrored = Mirrored(store, process, settings, is_whole)

        def bring(time_: int) -> None:
            nonlocal whole
            whole = False
            self._bring_up(store, mirrored, codec)
            whole = True
            self._announce(codec)
            self._lease.begin(time_)

        self._bring = bring
        self.look()

    def held(self) -> bool:
        return self._lease.held()

    def look(self) -> None:
        """Asked now and then, of the thread that may take its time: is it ours again, or lost?"""
        taken = self._lease.taken()
        if taken and taken != self._lease.begun:
            self._bring(taken)

    def given_up(self) -> bool:
        """Whether another has it for good."""
        return self._lease.without_s() > GIVEN_UP * self._settings.session_timeout_ms / 1000 and (
            _answers(self._settings)
        )

    def _going(self) -> None:
        pass

    def _bring_up(self, store: ChunkStore, mirrored: Mirrored, codec: Codec) -> None:
        settings = self._settings
        names = [topic.name for topic in self._stage.reads]
        found = patiently(lambda: extents(settings, names))
        before = store.reflects()
        _check(store.where, before, found)
        begun = {place: _begun(before.get(place), extent) for place, extent in found.items()}
        store.reflect(begun)
        for each in self._stage.subscriptions:
            group = f"{settings.group_prefix}.{each.group}"
            places = [place for place in found if place[0] in {t.name for t in each.topics}]
            read = patiently(lambda g=group, p=places: committed(settings, g, p))
            for place, progress in read.items():
                mirrored.bring(group, place, progress, self._going)
        if all(each.whole for each in begun.values()):
            return
        ends = patiently(lambda: extents(settings, [self._mirror.acknowledged.name]))
        missing = lacking.find(store, settings, codec, ends, self._going)
        store.lacking.expect(missing)
        if missing:
            log.error(
                "the index lacks documents: questions of their tenants wait",
                extra={
                    "index": store.where,
                    "documents": len(missing),
                    "some": lacking.told([*missing]),
                    "remedy": REMEDY,
                },
            )
            return
        now = store.reflects()
        store.reflect({place: Reflected(now[place].log, now[place].offset) for place in found})

    def _announce(self, codec: Codec) -> None:
        """Say who has it, for `status`; nothing depends on that."""
        event = IndexOwned(
            index=self._settings.of(IndexSettings).name,
            worker=self._name,
            host=socket.gethostname(),
            owned_at=now_ms(),
        )
        topic = self._mirror.owners
        producer = kafka.new_producer(kafka.producer_options(self._settings))
        producer.produce(topic.name, codec.encode(topic.name, event), topic.key(event).encode())
        producer.flush(AGAIN_S)


def owning(
    settings: Settings, every: Sequence[Stage], here: Sequence[Stage], name: str
) -> Owning | None:
    """What a process of the stages `here` has to do with the index; None where that is nothing.

    Raises:
        UserError: it would answer from an index that it does not keep.
    """
    found = _mirroring(every)
    if found is None or not settings.of(IndexSettings).here:  # a server is anybody's
        return None
    stage, mirror = found
    concerned = [each.name for each in here if mirror.port.name in {n.name for n in each.needs}]
    if not concerned:
        return None
    if stage.name not in {each.name for each in here}:
        raise UserError(
            f"{', '.join(concerned)} reads the index that {stage.name} writes, a folder of one "
            f"process: run both in one, `millrace run {stage.name} {' '.join(concerned)}`"
        )
    return Owning(settings, stage, mirror, name, static=bool(settings.worker))


def _check(where: str, before: Mapping[Place, Reflected], found: Mapping[Place, Extent]) -> None:
    """Refuse a shard that is not of this log.

    Raises:
        UserError: so it is.
    """
    anew = (
        f"give this worker the folder that belongs to it, or move {where} away: an empty one is "
        f"filled from the log, and `millrace reindex --scan` brings what the log no longer has"
    )
    for place, each in before.items():
        extent = found.get(place)
        name = f"{place[0]}/{place[1]}"
        if extent is None or extent.log != each.log:
            cluster = "" if extent is None else extent.log.partition("/")[0]
            other = each.log.partition("/")[0]
            what = f"cluster {other}, and this is {cluster}" if other != cluster else "another one"
            raise UserError(
                f"the index in {where} was made of {name} of {what}: {anew}"
                if extent is not None
                else f"the index in {where} was made of {name}, which is not there: {anew}"
            )
        if each.offset > extent.end:
            raise UserError(
                f"the index in {where} is newer than the log: it holds {name} up to "
                f"{each.offset:,}, which ends at {extent.end:,}: {anew}"
            )


def _begun(before: Reflected | None, extent: Extent) -> Reflected:
    """From where on a partition has to be applied."""
    if before is None:
        return Reflected(extent.log, extent.first, whole=extent.first == 0)
    if before.offset < extent.first:
        return Reflected(extent.log, extent.first, whole=False)
    return before


def patiently(call: Callable[[], T]) -> T:
    """What the broker answers, once it does."""
    while True:
        try:
            return call()
        except (KafkaException, TimeoutError) as error:
            said = kafka.reason(error) if isinstance(error, KafkaException) else "no answer"
            log.warning("the index has to wait", extra={"reason": said})
            time.sleep(AGAIN_S)


def _answers(settings: Settings) -> bool:
    try:
        kafka.reachable(settings, 2.0)
    except UserError:
        return False
    return True
