"""Bringing a store that records make up to date with its log, and keeping note of how far it is.

What a consumer group has committed is said: its outputs stand in the log. What a store holds is
another matter: it may be another host's, a copy of last week, or empty. So before a session works
on a partition, all that is committed there and not in the store is processed once more, in silence.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import OffsetSpec  # pyright: ignore[reportPrivateImportUsage]

from streams.flow.mirror import Place, Reflected, Reflecting
from streams.runtime import kafka
from streams.runtime.in_flight import Progress
from streams.runtime.orders import standing
from streams.runtime.record import Record
from streams.runtime.settings import RuntimeSettings

log = logging.getLogger("millrace.worker")

POLL_S = 0.2
CALL_S = 10.0
MOST = 200  # records at once: a question in work beside it waits for no more
AGAIN_S = 0.2

Going = Callable[[], None]
"""Asked now and then by what may take long; raises where it is for nothing."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What there is of a partition: of which log, from which offset, to which."""

    log: str
    first: int
    end: int


def extents(settings: RuntimeSettings, topics: Sequence[str]) -> dict[Place, Extent]:
    """Of all partitions of these topics.

    Raises:
        KafkaException, TimeoutError: the broker does not answer.
    """
    admin: Any = kafka.admin(settings)
    there = admin.list_topics(timeout=CALL_S)
    described = admin.describe_topics(TopicCollection([*topics]))
    logs = {
        name: f"{there.cluster_id}/{described[name].result(CALL_S).topic_id}" for name in topics
    }
    places = [TopicPartition(name, n) for name in topics for n in there.topics[name].partitions]
    # All that was written, committed or not.
    first, end = (
        {
            (place.topic, place.partition): future.result(CALL_S).offset
            for place, future in admin.list_offsets(
                dict.fromkeys(places, spec), isolation_level=IsolationLevel.READ_UNCOMMITTED
            ).items()
        }
        for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
    )
    return {place: Extent(logs[place[0]], first[place], end[place]) for place in first}


def committed(
    settings: RuntimeSettings, group: str, places: Sequence[Place]
) -> dict[Place, Progress]:
    """How far a group is; transactions that are not over are waited for.

    Raises:
        KafkaException: the broker does not answer, or they are not over yet.
    """
    asked = [TopicPartition(*place) for place in places]
    with closing(kafka.new_consumer(kafka.plain_consumer_options(settings, group))) as consumer:
        found = consumer.committed(asked, CALL_S)
    known: dict[Place, Progress] = {}
    for each in found:
        if each.error is not None:
            raise KafkaException(each.error)
        if each.offset >= 0:
            known[each.topic, each.partition] = Progress.read(each.offset, each.metadata)
    return known


def stretches(
    options: dict[str, Any], place: Place, start: int, end: int, going: Going
) -> Iterator[tuple[list[Record], int]]:
    """Committed records from `start` to before `end`, and the offset behind each stretch."""
    with closing(kafka.new_consumer(options)) as consumer:
        consumer.assign([TopicPartition(*place, start)])
        at = start
        while at < end:
            going()
            first = consumer.poll(POLL_S)
            if first is None:
                continue
            messages = [first, *consumer.consume(MOST - 1, 0)]
            at = max([at, *map(_behind, messages)])
            yield [kafka.received(each) for each in messages if each.error() is None], at


def _behind(message: Message) -> int:
    """The offset behind a message; at the end of what can be read, that end."""
    error, offset = message.error(), message.offset() or 0
    if error is None:
        return offset + 1
    if error.code() == KafkaError._PARTITION_EOF:  # pyright: ignore[reportPrivateUsage]
        return offset
    log.warning("the log cannot be read yet", extra={"reason": error.str()})
    return 0


class Mirrored:
    """A store and how far it reflects the log. Its stage's sessions share it.

    `process` is the stage's processing: records are given to it, and what comes of them beside the
    store is let go. `whole` says whether by now nothing is lacking of what a store that was not
    whole may have lacked.
    """

    def __init__(
        self,
        store: Reflecting,
        process: Callable[[Sequence[Record]], Sequence[Record]],
        settings: RuntimeSettings,
        whole: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store = store
        self._process = process
        self._settings = settings
        self._whole = whole
        self._lock = threading.Lock()

    def bring(self, group: str, place: Place, progress: Progress, going: Going) -> int:
        """Apply what counts as read and is not in the store; returns how many records that was.

        Raises:
            KafkaException: the broker does not say what was set aside.
        """
        known = self._store.reflects().get(place)
        if known is None or progress.end <= known.offset:
            return 0
        began, done, told = time.monotonic(), 0, 0.0
        options = kafka.plain_consumer_options(self._settings, group)
        # What was set aside is no part of the store, and may be what ends this process.
        aside = standing(self._settings, group, [place])[place]
        for records, at in stretches(options, place, known.offset, progress.end, going):
            mine = [
                each for each in records if each.offset in progress and each.offset not in aside
            ]
            self._apply(mine, going)
            done += len(mine)
            self._note({place: min(at, progress.position)})
            if time.monotonic() - told > 10.0:
                told = time.monotonic()
                self._tell(place, done, began, of=progress.end - known.offset)
        self._tell(place, done, began, of=done)
        return done

    def settled(self, progress: Mapping[Place, Progress]) -> None:
        """So far these partitions are committed, and all of that is in the store."""
        self._note({place: each.position for place, each in progress.items()})

    def _note(self, ends: Mapping[Place, int]) -> None:
        with self._lock:
            known = self._store.reflects()
            whole = self._whole()
            self._store.reflect(
                {
                    place: Reflected(known[place].log, end, known[place].whole or whole)
                    for place, end in ends.items()
                    if place in known and end > known[place].offset
                }
            )

    def _apply(self, records: Sequence[Record], going: Going) -> None:
        waiting = records
        while waiting:
            going()
            try:
                waiting = self._process(waiting)
            except Exception:
                if len(waiting) == 1:
                    # It was done with all the same: by a dead letter, or by hand.
                    record = waiting[0]
                    place = {"topic": record.topic, "partition": record.partition}
                    log.exception("not applied again", extra=place | {"offset": record.offset})
                    return
                for record in waiting:
                    self._apply([record], going)
                return
            if waiting:
                time.sleep(AGAIN_S)

    def _tell(self, place: Place, done: int, began: float, *, of: int) -> None:
        seconds = round(time.monotonic() - began, 1)
        told = {"topic": place[0], "partition": place[1], "records": done, "of": of}
        log.info("the store is brought up to date", extra=told | {"seconds": seconds})
