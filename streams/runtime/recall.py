"""Records read again, whose bytes were let go while they waited: the log has them anyway."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.runtime import kafka
from streams.runtime.record import Record
from streams.runtime.settings import RuntimeSettings

log = logging.getLogger("millrace.worker")

POLL_S = 0.5
NEAR = 200  # records to read over rather than to begin a new fetch behind them
# Of what follows a record in the log nothing may be wanted: little of it is read ahead.
_LITTLE = {
    "queued.max.messages.kbytes": 1024,
    "fetch.wait.max.ms": 50,
    "enable.partition.eof": False,
}


class Recall:
    """Reads single records again; thread-safe. Its consumer is made when first needed."""

    def __init__(self, settings: RuntimeSettings, group: str) -> None:
        self._options = kafka.plain_consumer_options(settings, group) | _LITTLE
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._consumer: Consumer | None = None
        self._next = ("", 0, 0)  # topic, partition and offset

    def __call__(self, record: Record) -> bool:
        """Give a record its value again, as long as that takes; false where this closes first.

        A record that the topic's retention has removed meanwhile stays without.
        """
        with self._lock:
            if self._closed.is_set():
                return False
            consumer = self._consumer = self._consumer or kafka.new_consumer(self._options)
            topic, partition, offset = self._next
            here = (topic, partition) == (record.topic, record.partition)
            if not here or not offset <= record.offset < offset + NEAR:
                consumer.assign([TopicPartition(record.topic, record.partition, record.offset)])
            while not self._closed.is_set():
                if self._read(consumer, record):
                    return True
            return False

    def _read(self, consumer: Consumer, record: Record) -> bool:
        """Whether the next message settles what the record's value is."""
        message = consumer.poll(POLL_S)
        if message is None:
            return False
        if (error := message.error()) is not None:
            log.warning("a record cannot be read again yet", extra={"reason": error.str()})
            return False
        found = kafka.received(message)
        if (found.topic, found.partition) != (record.topic, record.partition):
            return False  # of the former assignment
        if found.offset < record.offset:
            return False
        self._next = (found.topic, found.partition, found.offset + 1)
        if found.offset == record.offset:
            record.value = found.value
            return True
        log.error(
            "a record left its topic before it was worked on: retention is too short",
            extra={"topic": record.topic, "partition": record.partition, "offset": record.offset},
        )
        return True

    def close(self) -> None:
        self._closed.set()
        with self._lock, suppress(KafkaException):
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None
