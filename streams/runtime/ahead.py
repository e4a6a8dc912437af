"""Reading ahead: of what waits in a stage's topics, keys and stamps are seen before its turn."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.runtime import kafka
from streams.runtime.in_flight import Place
from streams.runtime.record import Record
from streams.runtime.settings import RuntimeSettings
from streams.runtime.versions import MOST_KEYS, Versions

log = logging.getLogger("millrace.worker")

AT_ONCE = 200
# Only headers are looked at, but whole records come.
_LITTLE = {"queued.max.messages.kbytes": 1024, "fetch.wait.max.ms": 50}


class ReadAhead:
    """Goes through a backlog once, by a consumer of its own that is in no group.

    While there is no backlog it reads nothing. The stage's loop owns it.
    """

    def __init__(self, settings: RuntimeSettings, group: str, versions: Versions) -> None:
        self._options = kafka.plain_consumer_options(settings, group) | _LITTLE
        self._versions = versions
        self._consumer: Consumer | None = None
        self._at: dict[Place, int] = {}  # partitions that are read ahead: from where on
        self._far = False

    @property
    def reading(self) -> bool:
        return bool(self._at) and not self._far

    def taken(self, records: Iterable[Record]) -> None:
        """These come in hand; what stands behind them may supersede them."""
        self._versions.note((record.key, record.headers) for record in records)

    def look(self, stands: Mapping[Place, tuple[int, int]]) -> None:
        """Told now and then how far each partition is taken, and where it ends."""
        behind = {place: taken for place, (taken, end) in stands.items() if taken < end}
        if not behind:
            self._stop()
            return
        wanted = {place: max(taken, self._at.get(place, 0)) for place, taken in behind.items()}
        overtaken = any(self._at.get(place) != at for place, at in wanted.items())
        if overtaken or wanted.keys() != self._at.keys():
            self._at = wanted
            self._assign()
        self._far = sum(self._at[place] - taken for place, taken in behind.items()) > MOST_KEYS

    def read(self) -> None:
        """Look at what has come, without waiting."""
        if self._consumer is None or not self.reading:
            return
        seen = [each for each in self._consumer.consume(AT_ONCE, 0) if each.error() is None]
        for message in seen:
            place = (message.topic() or "", message.partition() or 0)
            if place in self._at:
                self._at[place] = (message.offset() or 0) + 1
        named: Any = ((each.key(), kafka.headers_of(each)) for each in seen)
        self._versions.note(named)

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _assign(self) -> None:
        if self._consumer is None:
            self._consumer = kafka.new_consumer(self._options)
        self._consumer.assign([TopicPartition(*place, at) for place, at in self._at.items()])

    def _stop(self) -> None:
        if self._at and self._consumer is not None:
            self._at = {}
            try:
                self._consumer.unassign()
            except KafkaException as error:
                log.debug("not unassigned", extra={"reason": kafka.reason(error)})
