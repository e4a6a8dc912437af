"""Records that a stage shall set aside: orders of an operator (`dlq skip`), and its own.

A stage whose records make a store leaves an order for each that it gave up because it kills the
process: what brings another copy of the store up to date must go past it too.

They stand where the stage's progress stands, at the broker, for whichever worker and host comes
next: as offsets of a consumer group beside the stage's own, which no member ever joins.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any, cast

from confluent_kafka import KafkaException, TopicPartition

from streams.runtime import kafka
from streams.runtime.in_flight import Place
from streams.runtime.settings import RuntimeSettings

Orders = Callable[[Iterable[Place]], dict[Place, dict[int, str]]]
"""Which offsets of partitions are to be set aside, and why."""

log = logging.getLogger("millrace.worker")

TIMEOUT_S = 10.0
MOST_BYTES = 3_900  # of one partition's; a broker takes 4,096 bytes of metadata
LONGEST = 200
GIVEN_UP = "it ended the process"


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
    consumer = kafka.new_consumer(kafka.plain_consumer_options(settings, beside(group)))
    try:
        found = consumer.committed([TopicPartition(*place) for place in places], TIMEOUT_S)
    finally:
        consumer.close()
    return {(each.topic, each.partition): _read(each.metadata) for each in found}


def give(settings: RuntimeSettings, group: str, place: Place, offset: int, why: str) -> None:
    """Add an order; the oldest of a partition make room for it, a dozen or a hundred.

    Raises:
        KafkaException: the broker does not answer.
    """
    known = standing(settings, group, [place])[place] | {offset: why[:LONGEST]}
    kept = list(known.items())
    while len(json.dumps(kept)) > MOST_BYTES:
        del kept[0]
    consumer = kafka.new_consumer(kafka.plain_consumer_options(settings, beside(group)))
    try:
        said = TopicPartition(*place, offset, json.dumps(kept))
        consumer.commit(offsets=[said], asynchronous=False)
    finally:
        consumer.close()


def leave(settings: RuntimeSettings, group: str) -> Callable[[Place, int], None]:
    """Gives orders of the stage itself; one that cannot be left is told."""

    def left(place: Place, offset: int) -> None:
        try:
            give(settings, group, place, offset, GIVEN_UP)
        except KafkaException as error:
            told = {"topic": place[0], "partition": place[1], "offset": offset}
            log.error(
                "a record that ends the process may be met again by another host's index",
                extra=told | {"reason": kafka.reason(error)},
            )

    return left


def beside(group: str) -> str:
    """The group whose offsets hold the orders for `group`."""
    return f"{group}.aside"


def _read(metadata: str | None) -> dict[int, str]:
    try:
        said: Any = json.loads(metadata or "[]")
        return {int(offset): str(why) for offset, why in cast("list[tuple[int, str]]", said)}
    except (ValueError, TypeError):
        return {}
