"""The changelog of a store at the broker, read by the worker to whom a partition came."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, TypeVar

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import OffsetSpec  # pyright: ignore[reportPrivateImportUsage]

from streams.flow.stage import Stage
from streams.runtime import kafka
from streams.runtime.restoring import Extent, Going, Stretch
from streams.runtime.settings import RuntimeSettings
from streams.runtime.table import Change

log = logging.getLogger("millrace.worker")

T = TypeVar("T")
CALL_S = 10.0
POLL_S = 0.2
AGAIN_S = 0.5
MOST = 500  # messages of one stretch; what the client reads ahead bounds their bytes
# What no waiting mends. All else does: a broker that is away comes back.
_REFUSED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED})


class RefusedError(Exception):
    """The broker does not let this worker read its own state."""


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
        admin: Any = kafka.admin(self._settings)
        place = TopicPartition(self._topic, partition)

        def asked() -> Extent:
            topics = admin.describe_topics(TopicCollection([self._topic]))
            name = f"{topics[self._topic].result(CALL_S).topic_id}/{partition}"
            bounds = [
                # All that was written, committed or not: see `read`.
                admin.list_offsets({place: of}, isolation_level=IsolationLevel.READ_UNCOMMITTED)
                for of in (OffsetSpec.earliest(), OffsetSpec.latest())
            ]
            first, end = (each[place].result(CALL_S).offset for each in bounds)
            return Extent(name, first, end)

        return self._patiently(asked, going)

    def read(self, partition: int, start: int, end: int, going: Going) -> Iterator[Stretch]:
        """Committed changes up to the end, which a transaction still open there holds up.

        Whether that one commits is decided soon: its producer goes on, is fenced, or times out.
        """
        if start >= end:
            return
        with closing(kafka.new_consumer(self._options)) as consumer:
            consumer.assign([TopicPartition(self._topic, partition, start)])
            at = start
            while at < end:
                going()
                first = consumer.poll(POLL_S)
                if first is None:
                    continue
                messages = [first, *consumer.consume(MOST - 1, 0)]
                at = max([at, *map(_end, messages)])
                changes = [_change(each) for each in messages if each.error() is None]
                yield Stretch(changes, at)

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
                if isinstance(error, KafkaException) and error.args[0].code() in _REFUSED:
                    raise RefusedError(f"{self._topic} cannot be read: {said}") from error
                log.warning("state has to wait", extra={"topic": self._topic, "reason": said})
                time.sleep(AGAIN_S)


def _offsets(consumer: Consumer, places: Sequence[TopicPartition]) -> None:
    for each in consumer.committed([*places], CALL_S):
        if each.error is not None:
            raise KafkaException(each.error)


def _end(message: Message) -> int:
    """The offset behind a message; at the end of what can be read, that end."""
    error, offset = message.error(), message.offset() or 0
    if error is None:
        return offset + 1
    if error.code() == KafkaError._PARTITION_EOF:  # pyright: ignore[reportPrivateUsage]
        return offset
    if error.code() in _REFUSED:
        raise RefusedError(f"{message.topic()} cannot be read: {error.str()}")
    log.warning("state has to wait", extra={"topic": message.topic(), "reason": error.str()})
    return 0


def _change(message: Message) -> Change:
    record = kafka.received(message)
    return Change(record.key or b"", record.value, record.timestamp)
