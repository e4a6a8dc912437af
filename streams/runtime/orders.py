"""Orders of an operator: records that a stage shall set aside, as `dlq skip` leaves them.

They stand where the stage's progress stands, at the broker, for whichever worker and host comes
next: as offsets of a consumer group beside the stage's own, which no member ever joins.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any, cast

from confluent_kafka import KafkaException, TopicPartition

from streams.runtime import kafka
from streams.runtime.in_flight import Place
from streams.runtime.settings import RuntimeSettings
from streams.runtime.suspects import Orders

log = logging.getLogger("millrace.worker")

TIMEOUT_S = 10.0
MOST = 12  # of one partition; a broker takes 4,096 bytes of metadata
LONGEST = 200


def orders(settings: RuntimeSettings, group: str) -> Orders:
    """Asks which records of some partitions `group` shall set aside; none where nobody answers."""

    def asked(places: Iterable[Place]) -> dict[Place, dict[int, str]]:
        try:
            return standing(settings, group, places)
        except KafkaException as error:
            log.warning("orders cannot be read", extra={"reason": kafka.reason(error)})
            return {}

    return asked


def standing(
    settings: RuntimeSettings, group: str, places: Iterable[Place]
) -> dict[Place, dict[int, str]]:
    """The orders for these partitions: offsets, and why.

    Raises:
        KafkaException: the broker does not answer.
    """
    consumer = kafka.new_consumer(kafka.plain_consumer_options(settings, _beside(group)))
    try:
        found = consumer.committed([TopicPartition(*place) for place in places], TIMEOUT_S)
    finally:
        consumer.close()
    return {(each.topic, each.partition): _read(each.metadata) for each in found}


def give(settings: RuntimeSettings, group: str, place: Place, offset: int, why: str) -> None:
    """Add an order; the oldest of a partition make room for it.

    Raises:
        KafkaException: the broker does not answer.
    """
    known = standing(settings, group, [place])[place] | {offset: why[:LONGEST]}
    kept = list(known.items())[-MOST:]
    consumer = kafka.new_consumer(kafka.plain_consumer_options(settings, _beside(group)))
    try:
        said = TopicPartition(*place, offset, json.dumps(kept))
        consumer.commit(offsets=[said], asynchronous=False)
    finally:
        consumer.close()


def _beside(group: str) -> str:
    return f"{group}.aside"


def _read(metadata: str | None) -> dict[int, str]:
    try:
        said: Any = json.loads(metadata or "[]")
        return {int(offset): str(why) for offset, why in cast("list[tuple[int, str]]", said)}
    except (ValueError, TypeError):
        return {}
