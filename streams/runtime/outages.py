"""What Kafka's errors mean for a session: wait, try again, or make the clients anew."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException

from streams.runtime import kafka

log = logging.getLogger("millrace.worker")

CALL_S = 10.0
DRAIN_S = 20.0  # what a shutdown may take

# Between a rebalance's start and our part in it, the broker refuses offsets of the old generation.
# That is nobody's fault: the next polls bring the new one.
REBALANCING = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
    }
)
FENCED = frozenset(
    {
        KafkaError._FENCED,  # pyright: ignore[reportPrivateUsage]
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.FENCED_INSTANCE_ID,
    }
)
# A consumer that was fenced says so once, in a message; from then on it is silent for ever.
CONSUMER_LOST = frozenset(
    {
        KafkaError._FATAL,  # pyright: ignore[reportPrivateUsage]
        KafkaError.FENCED_INSTANCE_ID,
    }
)


class Fenced(Exception):  # noqa: N818 - a state, not a fault
    """These clients are of no more use: they are closed and made anew."""


class UnheldError(Fenced):
    """What these clients work on is not this process's, or it cannot know."""


class HopelessError(Exception):
    """The broker refuses what this stage writes, again and again."""


def patiently(stopping: threading.Event, call: Callable[[float], object]) -> None:
    """Repeat a transactional call while the broker is away, at a shutdown not for ever.

    Raises:
        KafkaException: the call can never succeed, or a shutdown cannot wait any longer.
    """
    until = 0.0
    while True:
        try:
            call(CALL_S)
            return
        except KafkaException as error:
            if stopping.is_set():
                until = until or time.monotonic() + DRAIN_S
            if not error.args[0].retriable() or (until and time.monotonic() > until):
                raise
            log.warning("the broker does not answer", extra={"reason": kafka.reason(error)})
            stopping.wait(0.2)
