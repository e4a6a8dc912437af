"""A compacted topic as a table in this process: the newest of each key, followed by a thread."""

from __future__ import annotations

import logging
import threading
from typing import Any, Generic, Self, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from streams.flow.errors import Reject, UserError
from streams.flow.topic import Topic
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.settings import RuntimeSettings

E = TypeVar("E")
POLL_S, AGAIN_S, NETWORK_S = 0.5, 2.0, 10.0
QUICK_MS, PATIENT_MS = 50, 2000
log = logging.getLogger("millrace.following")


class Following(Generic[E]):
    """Opens nothing until `open`. What was read stays known while the broker is away."""

    def __init__(self, settings: RuntimeSettings, topic: Topic[E], codec: Codec) -> None:
        self._settings, self._topic, self._codec = settings, topic, codec
        self._found: dict[bytes, E] = {}
        self._ended, self._level = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def open(self) -> Self:
        """Begin to follow, once; safe to call again."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._follow, name=f"follow {self._topic.name}", daemon=True
                )
                self._thread.start()
        return self

    def close(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(NETWORK_S)

    def level(self, timeout_s: float) -> bool:
        """Whether all was read that was there, waiting for it so long."""
        return self._level.wait(timeout_s)

    def get(self, key: str) -> E | None:
        return self._found.get(key.encode())

    def all(self) -> list[E]:
        return [*self._found.copy().values()]

    def _follow(self) -> None:
        while not self._ended.is_set():
            try:
                self._read()
            except (KafkaException, UserError) as error:
                log.warning("%s cannot be followed: %s", self._topic.name, error)
                self._ended.wait(AGAIN_S)

    def _read(self) -> None:
        """Twice: quickly until all that was there is read, and from there on patiently.

        The end of a partition is told after a fetch that waited in vain. Short waits tell it soon;
        for as long as a process lives they would be most of what an idle broker has to do.
        """
        at: dict[int, int] = {}
        for wait_ms, until in ((QUICK_MS, self._level), (PATIENT_MS, self._ended)):
            self._take(at, wait_ms, until)

    def _take(self, at: dict[int, int], wait_ms: int, until: threading.Event) -> None:
        """Read on from these offsets, which move with it; an event is always told at once."""
        group = f"{self._settings.group_prefix}.follower"
        options = kafka.plain_consumer_options(self._settings, group)
        consumer = kafka.new_consumer(options | {"fetch.wait.max.ms": wait_ms})
        try:
            left = self._assigned(consumer, at)
            while not (until.is_set() or self._ended.is_set()):
                message = consumer.poll(POLL_S)
                if message is None:
                    continue
                error, partition = message.error(), message.partition() or 0
                if error is None:
                    key, value = message.key(), message.value()
                    self._note(key, value)  # pyright: ignore[reportArgumentType] - bytes
                    at[partition] = (message.offset() or 0) + 1
                elif error.code() == KafkaError._PARTITION_EOF:  # pyright: ignore[reportPrivateUsage]
                    left.discard(partition)
                    if not left:
                        self._level.set()
                elif error.fatal():
                    raise KafkaException(error)
        finally:
            consumer.close()

    def _assigned(self, consumer: Consumer, at: dict[int, int]) -> set[int]:
        name = self._topic.name
        there = consumer.list_topics(name, timeout=NETWORK_S).topics[name]
        if there.error is not None:
            raise UserError(f"topic {name} is missing: run `millrace topics apply`")
        places = [(each, at.get(each, OFFSET_BEGINNING)) for each in there.partitions]
        consumer.assign([TopicPartition(name, *place) for place in places])
        return {*there.partitions}

    def _note(self, key: bytes | None, value: bytes | None) -> None:
        if key is None:
            return
        if value is None:
            self._found.pop(key, None)
            return
        try:
            event: Any = self._codec.decode(self._topic, value)
        except Reject as why:
            log.error("a record of %s is none: %s", self._topic.name, why)
            return
        self._found[key] = event
