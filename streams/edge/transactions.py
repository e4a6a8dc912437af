"""Open transactions of others, which hold up every reader of what was written after them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaException

from streams.app.settings import Settings
from streams.app.topology import topics_of
from streams.edge import wire
from streams.flow.errors import UserError
from streams.flow.stage import Stage
from streams.runtime import kafka

ABORT_S = 30.0
OLD_S = 20.0  # ours take milliseconds


@dataclass(frozen=True, slots=True)
class Foreign:
    """A transaction that is none of ours, open for so many seconds."""

    transactional_id: str
    seconds: float
    places: list[str]  # topic/partition, of the flow's


def foreign(settings: Settings, stages: Sequence[Stage], least_s: float = OLD_S) -> list[Foreign]:
    """Those on topics of the flow that have been open for `least_s` seconds, oldest first.

    Raises:
        UserError: the brokers cannot be asked.
    """
    if kafka.protocol(settings) != settings.broker.protocol:
        raise UserError(
            "open transactions cannot be asked for where MILLRACE_KAFKA says how: set "
            "MILLRACE_BROKER__*, or use Kafka's own `kafka-transactions.sh find-hanging`"
        )
    names = {topic.name for topic in topics_of(stages)}
    brokers = kafka.reachable(settings).list_topics(timeout=kafka.NETWORK_TIMEOUT_S).brokers
    now = time.time()
    found: list[Foreign] = []
    for broker in brokers.values():
        try:
            ongoing = wire.ongoing(broker.host or "", broker.port, settings.broker)
        except (OSError, ValueError) as error:
            raise UserError(f"open transactions cannot be asked for: {error}") from None
        for each in ongoing:
            places = [f"{topic}/{number}" for topic, number in each.places if topic in names]
            seconds = now - each.started / 1000
            own = each.transactional_id.startswith(f"{settings.group_prefix}.")
            if places and not own and seconds >= least_s:
                found.append(Foreign(each.transactional_id, seconds, places))
    return sorted(found, key=lambda each: -each.seconds)


def abort(settings: Settings, transactional_id: str) -> None:
    """End an open transaction: its producer is fenced, and what it wrote is never seen.

    Raises:
        UserError: the broker does not answer, or does not allow it.
    """
    options = kafka.producer_options(settings, transactional_id)
    try:
        kafka.new_producer(options).init_transactions(ABORT_S)
    except KafkaException as error:
        raise UserError(
            f"the transaction of {transactional_id} cannot be aborted: {kafka.reason(error)}"
        ) from None
