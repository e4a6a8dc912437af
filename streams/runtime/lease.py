"""Which of all processes has what only one may have: the one that reads a topic's one partition.

The broker gives that partition to one member of a group. Who has it keeps it while it lives; the
others stand by. A process that was frozen may have lost it and not know yet: so it is believed no
longer than the broker would have waited for a sign of life.
"""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, KafkaException

from streams.runtime import kafka
from streams.runtime.forbidden import CODES
from streams.runtime.outages import CONSUMER_LOST
from streams.runtime.settings import RuntimeSettings

log = logging.getLogger("millrace.worker")

TICK_S = 0.2
AGAIN_S = 0.5


class Lease:
    """One member of the group `group`; entered, it begins to wait for its turn.

    `held` is true once `taken` was answered by `begin`: what has to be right before anything relies
    on it is done in between, also when it was lost meanwhile and came back.
    """

    def __init__(self, settings: RuntimeSettings, topic: str, group: str, instance: str) -> None:
        self._topic = topic
        self._options = kafka.consumer_options(settings, group, instance)
        self._valid_s = settings.session_timeout_ms / 1000
        self._stopping = threading.Event()
        self._assigned = threading.Event()
        self._times = 0  # how often it was ours
        self.begun = 0  # which of these times may be relied on
        self._seen = time.monotonic()
        self._lost = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"lease of {topic}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def wait(self, timeout: float) -> bool:
        """Whether it is ours, within so many seconds."""
        return self._assigned.wait(timeout)

    def taken(self) -> int:
        """The how many-th time it is ours; 0 while it is not."""
        return self._times if self._assigned.is_set() else 0

    def begin(self, time_: int) -> None:
        """All is ready for this time."""
        self.begun = time_

    def held(self) -> bool:
        """Whether it may be relied on."""
        mine = self._assigned.is_set() and self.begun == self._times
        return mine and time.monotonic() - self._seen < self._valid_s

    def without_s(self) -> float:
        """For how long it has not been ours, though the broker may be there."""
        return 0.0 if self._assigned.is_set() else time.monotonic() - self._lost

    def _run(self) -> None:
        while not self._stopping.is_set():
            consumer = kafka.new_consumer(self._options)
            try:
                consumer.subscribe(
                    [self._topic], on_assign=self._given, on_revoke=self._gone, on_lost=self._gone
                )
                self._keep(consumer)
            except KafkaException as error:
                log.warning("no lease yet", extra={"reason": kafka.reason(error)})
            finally:
                self._gone()
                consumer.close()
            self._stopping.wait(AGAIN_S)

    def _keep(self, consumer: Consumer) -> None:
        while not self._stopping.is_set():
            message = consumer.poll(TICK_S)
            self._seen = time.monotonic()
            error = None if message is None else message.error()
            if error is not None and error.code() in CODES:
                log.error("the lease is not ours to have", extra={"reason": error.str()})
            if error is not None and (error.fatal() or error.code() in CONSUMER_LOST):
                log.warning("the lease is another's of this name", extra={"reason": error.str()})
                return

    def _given(self, _: Consumer, partitions: list[Any]) -> None:
        if partitions and not self._assigned.is_set():
            self._times += 1
            self._seen = time.monotonic()
            self._assigned.set()

    def _gone(self, *_: Any) -> None:
        if self._assigned.is_set():
            self._lost = time.monotonic()
            self._assigned.clear()
