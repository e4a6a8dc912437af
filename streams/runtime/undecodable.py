"""Batches that cannot be unpacked: a reader goes past them and says which offsets.

librdkafka asks for the same batch again for ever, and says each time that it cannot be unpacked: it
is damaged, or a bomb that would unpack to more than a client takes.
"""

from __future__ import annotations

import logging

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.runtime import kafka

log = logging.getLogger("millrace.worker")

CODES = frozenset(
    {
        KafkaError._BAD_COMPRESSION,  # pyright: ignore[reportPrivateUsage]
        KafkaError._BAD_MSG,  # pyright: ignore[reportPrivateUsage]
    }
)
CERTAIN = 3  # times that the same was said


class Undecodable:
    """What one consumer met of them, and where it went on."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._told: dict[tuple[str, int], tuple[int, int]] = {}  # from where on, and how often
        self._next: dict[tuple[str, int], int] = {}

    def passed(self, message: Message) -> int | None:
        """The offset that the reader has just gone past, where a message tells of such a batch."""
        error = message.error()
        if error is None or error.code() not in CODES:
            return None
        place = message.topic() or "", message.partition() or 0
        # All offsets of a batch have its first one's error.
        offset = max(message.offset() or 0, self._next.get(place, 0))
        at, times = self._told.get(place, (offset, 0))
        times = times + 1 if at == offset else 1
        self._told[place] = offset, times
        if times < CERTAIN and offset != self._next.get(place):
            return None
        try:
            self._consumer.seek(TopicPartition(*place, offset + 1))
        except KafkaException as failure:
            log.warning("cannot go past it yet", extra={"reason": kafka.reason(failure)})
            return None
        self._next[place] = offset + 1
        topic, partition = place
        log.error(
            "a batch cannot be unpacked, and is gone past",
            extra={
                "topic": topic,
                "partition": partition,
                "offset": offset,
                "reason": error.str(),
            },
        )
        return offset
