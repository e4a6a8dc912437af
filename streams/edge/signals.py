"""Asking a Debezium connector, by its signal topic, to read tables again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import NewTopic  # pyright: ignore[reportPrivateImportUsage]

from streams.app.settings import Settings
from streams.edge.deliveries import Deliveries
from streams.flow.errors import UserError
from streams.runtime import kafka

TIMEOUT_S = 30.0


def ensure(settings: Settings, topic: str) -> None:
    """Make the topic if it is missing: one partition, since signals are read in order.

    Raises:
        UserError: the broker does not answer, or refuses it.
    """
    client: Any = kafka.reachable(settings, TIMEOUT_S)
    if topic in client.list_topics(timeout=TIMEOUT_S).topics:
        return
    new = NewTopic(topic, num_partitions=1, replication_factor=settings.replication_factor)
    try:
        client.create_topics([new], operation_timeout=TIMEOUT_S)[topic].result(TIMEOUT_S)
    except KafkaException as error:
        raise UserError(f"topic {topic} cannot be created: {kafka.reason(error)}") from None


def snapshot(settings: Settings, topic: str, prefix: str, tables: Sequence[str]) -> None:
    """Ask for an incremental snapshot of these tables; returns once the broker has the request.

    Raises:
        UserError: the broker does not take it.
    """
    data = {"type": "INCREMENTAL", "data-collections": [*tables]}
    signal = {"id": "millrace", "type": "execute-snapshot", "data": data}
    producer = kafka.new_producer(kafka.producer_options(settings))
    deliveries = Deliveries()
    producer.produce(topic, json.dumps(signal).encode(), prefix.encode(), on_delivery=deliveries)
    deliveries.wait(producer, TIMEOUT_S)
