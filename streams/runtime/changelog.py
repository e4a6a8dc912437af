"""The changelog of a store at the broker, read by the worker to whom a partition came."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TypeVar

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.flow.stage import Stage
from streams.runtime import kafka
from streams.runtime.record import Record
from streams.runtime.restoring import Stretch
from streams.runtime.settings import RuntimeSettings
from streams.runtime.stretches import (
    CALL_S,
    REFUSED,
    Extent,
    Going,
    RefusedError,
    extents,
    stretches,
)
from streams.runtime.table import Change

log = logging.getLogger("millrace.worker")

T = TypeVar("T")
AGAIN_S = 0.5


class KafkaChangelog:
    """A changelog at the broker. Clients are made for each restoring: there are few."""

    def __init__(self, stage: Stage, settings: RuntimeSettings) -> None:
        assert stage.store is not None
        self._topic = stage.store.changelog.name
        self._reads = [topic.name for topic in stage.reads]
        self._settings = settings
        self._options = kafka.plain_consumer_options(
            settings, f"{settings.group_prefix}.{stage.subscriptions[0].group}"
        )

    def extent(self, partition: int, going: Going) -> Extent:
        """See `Changelog`.

        The group's offsets are asked for first. That waits for transactions that commit some and
        are not over; and from then on the group takes no more of whoever was its member before us.
        So whatever counts as read has its change before the end that is asked for next.
        """
        inputs = [TopicPartition(name, partition) for name in self._reads]
        with closing(kafka.new_consumer(self._options)) as consumer:
            self._patiently(lambda: _offsets(consumer, inputs), going)
        every = self._patiently(lambda: extents(self._settings, [self._topic]), going)
        found = every[self._topic, partition]
        # A file of another partition's must not be taken for this one's.
        return replace(found, log=f"{found.log}/{partition}")

    def read(self, partition: int, start: int, end: int, going: Going) -> Iterator[Stretch]:
        """Committed changes up to the end."""
        place = self._topic, partition
        for records, at in stretches(self._options, place, start, end, going):
            yield Stretch([*map(_change, records)], at)

    def _patiently(self, call: Callable[[], T], going: Going) -> T:
        """Ask until there is an answer.

        Raises:
            GoneError: the partition goes first.
            RefusedError: there will be none.
        """
        while True:
            going()
            try:
                return call()
            except (KafkaException, TimeoutError) as error:
                said = kafka.reason(error) if isinstance(error, KafkaException) else "no answer"
                if isinstance(error, KafkaException) and error.args[0].code() in REFUSED:
                    raise RefusedError(f"{self._topic} cannot be read: {said}") from error
                log.warning("state has to wait", extra={"topic": self._topic, "reason": said})
                time.sleep(AGAIN_S)


def _offsets(consumer: Consumer, places: Sequence[TopicPartition]) -> None:
    for each in consumer.committed([*places], CALL_S):
        if each.error is not None:
            raise KafkaException(each.error)


def _change(record: Record) -> Change:
    return Change(record.key or b"", record.value, record.timestamp)
