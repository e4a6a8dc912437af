"""One transaction: the outputs of some records, and how far their partitions are read."""

from __future__ import annotations

import time
from functools import partial

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from streams.runtime import kafka
from streams.runtime.context import Context
from streams.runtime.forbidden import TOPIC, forbidden
from streams.runtime.in_flight import Batch, Place, Progress
from streams.runtime.outages import patiently
from streams.runtime.record import Output, Record
from streams.runtime.refusals import Refusals
from streams.runtime.state import Keeper

STUCK_S = 60.0  # a call that may take seconds has not returned


class Writing:
    """A session's transactions. Its loop owns it."""

    def __init__(
        self, context: Context, consumer: Consumer, producer: Producer, keeper: Keeper | None
    ) -> None:
        self._settings = context.settings
        self._stopping = context.stopping
        self._reach = context.reach
        self._consumer = consumer
        self._producer = producer
        self._keeper = keeper
        self._partitions = kafka.Partitions(producer)
        self._call_began = 0.0
        self.refusals = Refusals()

    def stuck(self) -> bool:
        """Whether a call has not returned for so long that it never will (asked by a thread)."""
        began = self._call_began
        return bool(began) and time.monotonic() - began > STUCK_S

    def commit(self, batch: Batch, *, watched: bool = False) -> None:
        """All of a batch. What of it a topic refuses is remembered if `watched`; copies always."""
        producer, reach = self._producer, self._reach
        self.refusals.clear()
        producer.begin_transaction()
        for record in batch.records:
            for output in record.outputs:
                told = None
                if watched or output.copy or output.partition >= 0:
                    told = partial(self._told, record, output)
                try:
                    if output.copy:
                        self._partitions(output.topic)  # to a missing one would be sent for long
                    kafka.send(producer, output, self._partitions, told)
                except KafkaException as error:
                    self.refusals.add(record, output, error.args[0])
                    raise
        reach("after_produce")
        self._send_offsets(batch.progress)
        reach("after_offsets")
        reach("before_commit")
        patiently(self._stopping, producer.commit_transaction)
        reach("after_commit")

    def note(self, progress: dict[Place, Progress]) -> None:
        """How far partitions are read, and what is noted of them."""
        self.refusals.clear()
        self._producer.begin_transaction()
        self._send_offsets(progress)
        patiently(self._stopping, self._producer.commit_transaction)

    def abort(self) -> None:
        """Raises ForbiddenError where it was because a topic of ours may not be written."""
        patiently(self._stopping, self._producer.abort_transaction)
        if topic := self.refusals.forbidden():
            raise forbidden(self._settings, TOPIC, topic, "WRITE")

    def _send_offsets(self, progress: dict[Place, Progress]) -> None:
        offsets = [
            TopicPartition(*place, each.position, each.metadata())
            for place, each in progress.items()
        ]
        metadata = self._consumer.consumer_group_metadata()

        def send_offsets(timeout: float) -> None:
            # librdkafka does not keep to this time-out (its issue 5456).
            self._call_began = time.monotonic()
            try:
                self._producer.send_offsets_to_transaction(offsets, metadata, timeout)
            finally:
                self._call_began = 0.0

        patiently(self._stopping, send_offsets)

    def _told(
        self, record: Record, output: Output, error: KafkaError | None, message: Message
    ) -> None:
        if error is not None:
            self.refusals.add(record, output, error)
        elif output.partition >= 0 and self._keeper is not None:
            self._keeper.written(message.partition() or 0, (message.offset() or 0) + 1)
