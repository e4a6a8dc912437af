"""Clients of Kafka: their options, and records to and from the runtime's own form."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from streams.flow.errors import UserError
from streams.flow.stage import Stage
from streams.runtime import credentials
from streams.runtime.record import Output, Record
from streams.runtime.refused import Heard, why
from streams.runtime.settings import RuntimeSettings

NETWORK_TIMEOUT_S = 10.0
FOLLOWED = "millrace.broker"  # none of librdkafka's: whose password a client is told of
FIRST_S = 0.5  # before it is looked why there is no answer; then twice as long
_ENDED = KafkaError._TRANSPORT  # pyright: ignore[reportPrivateUsage]
REFUSED_S = 1.0  # who is let in by no broker for so long is not waited for any longer
QUEUE_TIMEOUT_S = 30.0


def _common(settings: RuntimeSettings) -> dict[str, Any]:
    if not settings.bootstrap_servers:
        raise UserError(
            "no broker is configured: run `millrace up` first, or set MILLRACE_BOOTSTRAP_SERVERS"
        )
    return {
        "bootstrap.servers": settings.bootstrap_servers,
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 1000,
        "log_level": 2,  # what librdkafka has to say reaches us as errors
        **({FOLLOWED: settings.broker} if credentials.changes(settings.broker) else {}),
        **credentials.options(settings.broker),
        **settings.kafka,
    }


def consumer_options(
    settings: RuntimeSettings, group: str, instance: str = "", *, joins: bool = False
) -> dict[str, Any]:
    """Options of a stage's consumer.

    A named worker is a static member: its successor takes its partitions over at once, with no
    rebalance and no wait for a session time-out. An unnamed one leaves the group when it stops.
    One that `joins` topics has the same partitions of each; a rebalance then stops all its group.
    """
    options = {
        **_common(settings),
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "range" if joins else "cooperative-sticky",
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": max(500, settings.session_timeout_ms // 4),
        "max.poll.interval.ms": max(settings.max_poll_interval_ms, settings.session_timeout_ms),
        "allow.auto.create.topics": False,
        "fetch.error.backoff.ms": 20,
        # librdkafka reads ahead 64 MB per consumer by default; a process has one for each stage.
        "queued.max.messages.kbytes": 4 * 1024,
        "fetch.queue.backoff.ms": 10,  # once that is full; the default of 1 s is a pause of 1 s
        "fetch.message.max.bytes": 2 * 1024 * 1024,
    }
    return options | {"group.instance.id": instance} if instance else options


def producer_options(settings: RuntimeSettings, transactional_id: str = "") -> dict[str, Any]:
    """Options of a producer; with an id it is transactional, and fences an earlier one of it."""
    options = {
        **_common(settings),
        "enable.idempotence": True,
        "linger.ms": 0,
        # A new transaction is refused while the broker completes the last one; librdkafka then
        # waits this long. Its default of 100 ms made a hop ten times slower.
        "retry.backoff.ms": 2,
        "retry.backoff.max.ms": 20,
        "message.max.bytes": 48 * 1024 * 1024,  # each topic's own cap decides
        "compression.type": "lz4",
        "partitioner": "consistent_random",  # `partition_of` must agree with it
    }
    if not transactional_id:
        return options
    return options | {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": settings.transaction_timeout_ms,
    }


def plain_consumer_options(settings: RuntimeSettings, group: str) -> dict[str, Any]:
    """Options of a reader outside any stage: `assign`ed by hand, committing nothing."""
    return {
        **_common(settings),
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 50,  # how long the end of a partition takes to be told
        "allow.auto.create.topics": False,
        "queued.max.messages.kbytes": 8 * 1024,
    }


def admin(settings: RuntimeSettings, heard: Heard | None = None) -> AdminClient:
    """An admin client, its errors told to `heard`.

    Raises:
        UserError: a setting is wrong, or librdkafka refuses an option.
    """
    options = _common(settings)
    if heard is not None:
        options["error_cb"] = heard.told
    options.pop(FOLLOWED, None)  # it does not live long
    try:
        return AdminClient(options)
    except KafkaException as error:
        raise UserError(f"MILLRACE_KAFKA holds a wrong option: {reason(error)}") from None


def reachable(settings: RuntimeSettings, timeout_s: float = NETWORK_TIMEOUT_S) -> AdminClient:
    """An admin client of a broker that answers.

    Raises:
        UserError: it does not, within `timeout_s`, or it does not let us in.
    """
    heard = Heard()
    client = admin(settings, heard)
    begun, patience_s = time.monotonic(), FIRST_S
    while True:
        left = begun + timeout_s - time.monotonic()
        try:
            client.list_topics(timeout=max(0.1, min(left, patience_s)))
            return client
        except KafkaException as error:
            client.poll(0)  # serves what is told to `heard`
            refused = heard.refused if time.monotonic() - begun > REFUSED_S else None
            if refused is not None or left <= patience_s:
                ended = error.args[0].code() == _ENDED
                said = why(settings, refused, ended=ended) or _away(settings, reason(error))
                raise UserError(said) from None
            patience_s *= 2


def _away(settings: RuntimeSettings, said: str) -> str:
    asks = ""
    if protocol(settings) == "plaintext":
        asks = ", MILLRACE_BROKER__USER and __TLS if it asks who comes"
    return (
        f"the broker at {settings.bootstrap_servers} does not answer ({said}): check "
        f"MILLRACE_BOOTSTRAP_SERVERS{asks}, or run `millrace up`"
    )


def check_counts(client: AdminClient, stages: Iterable[Stage]) -> None:
    """Refuse topics that a stage uses together and that are divided differently.

    Raises:
        UserError: one key would be in partitions of two numbers, so with two workers.
    """
    there = client.list_topics(timeout=NETWORK_TIMEOUT_S).topics
    for stage in stages:
        counts = {
            topic.name: len(there[topic.name].partitions)
            for topic in stage.divided_alike
            if topic.name in there
        }
        if len(set(counts.values())) > 1:
            few, many = (pick(counts, key=lambda name: counts[name]) for pick in (min, max))
            raise UserError(
                f"stage {stage.name} uses {few} of {counts[few]} and {many} of {counts[many]} "
                "partitions, and one key has to be in the same of both: "
                f"give {few} {counts[many]} partitions"
            )


def protocol(settings: RuntimeSettings) -> str:
    """How the broker is spoken to: plaintext, ssl, sasl_plaintext or sasl_ssl."""
    options = {name.lower(): str(value).lower() for name, value in settings.kafka.items()}
    return options.get("security.protocol", settings.broker.protocol)


def open_to(settings: RuntimeSettings) -> str:
    """Who may read and write the broker's topics without a password; nothing where one is asked."""
    if protocol(settings) != "plaintext":
        return ""
    hosts = {each.strip().rpartition(":")[0] for each in settings.bootstrap_servers.split(",")}
    if hosts <= {"127.0.0.1", "localhost", "[::1]", "::1"}:
        return "any user of this machine can read and write its topics (`millrace up --secure`)"
    return "whoever reaches it can read and write its topics: set MILLRACE_BROKER__USER and __TLS"


def reason(error: KafkaException) -> str:
    """What a KafkaException says, without its tuple."""
    return (
        error.args[0].str() if error.args and isinstance(error.args[0], KafkaError) else str(error)
    )


def received(message: Message) -> Record:
    """A consumed message in the runtime's form; headers that cannot be read are left out."""
    headers = headers_of(message)
    # Bytes or None: the consumers have no deserializer.
    key: Any = message.key()
    value: Any = message.value()
    size = sum([len(content) for _, content in headers if content])
    return Record(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.timestamp()[1],
        key,
        value,
        headers,
        size + len(key or b"") + len(value or b""),
    )


def headers_of(message: Message) -> Any:
    """Names and values; none where they cannot be read."""
    try:
        return message.headers() or ()
    except (SystemError, UnicodeError):  # a header's name that is not UTF-8
        return ()


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as librdkafka's default partitioner picks it (CRC-32)."""
    return zlib.crc32(key) % partitions


class Partitions:
    """Partition counts of topics, asked once each."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._counts: dict[str, int] = {}

    def __call__(self, topic: str) -> int:
        """Raises KafkaException where the broker does not answer."""
        count = self._counts.get(topic)
        if count is None:
            found = self._producer.list_topics(topic, timeout=NETWORK_TIMEOUT_S).topics[topic]
            if found.error is not None or not found.partitions:
                unknown = KafkaError(KafkaError.LEADER_NOT_AVAILABLE)
                raise KafkaException(found.error or unknown)
            count = self._counts[topic] = len(found.partitions)
        return count


Delivered = Callable[[KafkaError | None, Message], None]


def send(
    producer: Producer,
    output: Output,
    partitions: Partitions,
    on_delivery: Delivered | None = None,
) -> None:
    """Put one record in the producer's queue, waiting while that is full.

    Raises:
        KafkaException: the queue stayed full, or the record can never be sent.
    """
    topic, key, value, headers, spread, partition = output[:6]
    if spread is not None:
        partition = partition_of(spread, partitions(topic))
    until = 0.0
    while True:
        try:
            # By position as far as they go: names cost a tenth of the call.
            producer.produce(
                topic,
                value,
                key,
                partition,
                on_delivery,
                headers=headers,  # pyright: ignore[reportArgumentType]
            )
            return
        except BufferError:
            until = until or time.monotonic() + QUEUE_TIMEOUT_S
            if time.monotonic() > until:
                full = KafkaError._QUEUE_FULL  # pyright: ignore[reportPrivateUsage]
                raise KafkaException(KafkaError(full)) from None
            producer.poll(0.05)


class _Consumer(Consumer):
    """One that can be told of another password."""


class _Producer(Producer):
    """One that can be told of another password."""


_followed = credentials.Followed()


def new_consumer(options: dict[str, Any]) -> Consumer:
    """A consumer; raises UserError where librdkafka refuses an option."""
    given = {name: value for name, value in options.items() if name != FOLLOWED}
    try:
        made = _Consumer(given)
    except KafkaException as error:
        raise UserError(f"MILLRACE_KAFKA holds a wrong option: {reason(error)}") from None
    _followed.add(made, options.get(FOLLOWED))
    return made


def new_producer(options: dict[str, Any]) -> Producer:
    """A producer; raises UserError where librdkafka refuses an option."""
    given = {name: value for name, value in options.items() if name != FOLLOWED}
    try:
        made = _Producer(given)
    except KafkaException as error:
        raise UserError(f"MILLRACE_KAFKA holds a wrong option: {reason(error)}") from None
    _followed.add(made, options.get(FOLLOWED))
    return made
