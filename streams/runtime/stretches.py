"""Reading what is committed in a partition, from one place to another, by no group's consumer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import OffsetSpec  # pyright: ignore[reportPrivateImportUsage]

from streams.flow.mirror import Place
from streams.runtime import kafka
from streams.runtime.record import Record
from streams.runtime.settings import RuntimeSettings

log = logging.getLogger("millrace.worker")

CALL_S = 10.0
POLL_S = 0.2
MOST = 200  # records at once: a question in work beside it waits for no more
# What no waiting mends. All else does: a broker that is away comes back.
REFUSED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED})

Going = Callable[[], None]
"""Asked now and then by what may take long; raises where it is for nothing."""


class RefusedError(Exception):
    """The broker does not let this worker read what it has to."""


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


def stretches(
    options: dict[str, Any], place: Place, start: int, end: int, going: Going
) -> Iterator[tuple[list[Record], int]]:
    """Committed records from `start` to before `end`, and the offset behind each stretch.

    A transaction still open there holds it up. Whether that one commits is decided soon: its
    producer goes on, is fenced, or times out.

    Raises:
        RefusedError: the topic may not be read.
    """
    if start >= end:
        return
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
    if error.code() in REFUSED:
        raise RefusedError(f"{message.topic()} cannot be read: {error.str()}")
    log.warning("the log cannot be read yet", extra={"reason": error.str()})
    return 0
