"""Bringing a store that records make up to date with its log, and keeping note of how far it is.

What a consumer group has committed is said: its outputs stand in the log. What a store holds is
another matter: it may be another host's, a copy of last week, or empty. So before a session works
on a partition, all that is committed there and not in the store is processed once more, in silence.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

from confluent_kafka import KafkaException, TopicPartition

from streams.flow.mirror import Place, Reflected, Reflecting
from streams.runtime import kafka
from streams.runtime.in_flight import Progress
from streams.runtime.orders import standing
from streams.runtime.record import Record
from streams.runtime.settings import RuntimeSettings
from streams.runtime.stretches import CALL_S, Going, stretches

log = logging.getLogger("millrace.worker")

AGAIN_S = 0.2


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
