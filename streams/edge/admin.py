"""What operators do to topics and groups: create, compare, measure lag."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, cast

from confluent_kafka import (
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import (
    AlterConfigOpType,  # pyright: ignore[reportPrivateImportUsage]
    ConfigEntry,  # pyright: ignore[reportPrivateImportUsage]
    ConfigResource,  # pyright: ignore[reportPrivateImportUsage]
    NewTopic,  # pyright: ignore[reportPrivateImportUsage]
    OffsetSpec,  # pyright: ignore[reportPrivateImportUsage]
    ResourceType,  # pyright: ignore[reportPrivateImportUsage]
)

from schemas.topics import RAG_ANSWERS
from streams.app.settings import Settings
from streams.app.topic_options import topic_options
from streams.app.topology import topics_of
from streams.flow.errors import UserError
from streams.flow.stage import Stage
from streams.flow.topic import Topic
from streams.runtime import kafka

TIMEOUT_S = 30.0
# Of a topic's options those that a promise rests on: what is kept for ever, when deleted text goes,
# what bombs are refused.
RELIED_ON = (
    "cleanup.policy",
    "compression.type",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "segment.ms",
)


def apply_topics(settings: Settings, stages: Sequence[Stage]) -> list[str]:
    """Create the topics that are missing; returns their names.

    Raises:
        UserError: the broker does not answer, or refuses a topic.
    """
    client: Any = kafka.reachable(settings, TIMEOUT_S)
    wanted = _wanted(settings, stages)
    there = client.list_topics(timeout=TIMEOUT_S).topics
    missing = [topic for topic in wanted if topic.name not in there]
    if not missing:
        return []
    new = [
        NewTopic(
            topic.name,
            num_partitions=topic.partitions or settings.partitions,
            replication_factor=settings.replication_factor,
            config=topic_options(topic),
        )
        for topic in missing
    ]
    futures = cast(
        "dict[str, Future[None]]", client.create_topics(new, operation_timeout=TIMEOUT_S)
    )
    created: list[str] = []
    for name, future in futures.items():
        try:
            future.result(TIMEOUT_S)
            created.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise UserError(f"topic {name} cannot be created: {kafka.reason(error)}") from None
    return created


def amend_topics(settings: Settings, stages: Sequence[Stage]) -> list[str]:
    """Give topics of another release what `RELIED_ON` says; returns `TOPIC: NAME=VALUE` of each.

    What else an operator has changed, such as how long records are kept, is theirs.

    Raises:
        UserError: the broker does not answer, or refuses a change.
    """
    client: Any = kafka.reachable(settings, TIMEOUT_S)
    options = {topic.name: topic_options(topic) for topic in _wanted(settings, stages)}
    there = client.list_topics(timeout=TIMEOUT_S).topics
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in options if name in there]
    if not asked:
        return []
    changes: list[ConfigResource] = []
    amended: list[str] = []
    for resource, future in client.describe_configs(asked).items():
        found = _result(future, f"the settings of {resource.name} cannot be read")
        wrong = {
            name: value
            for name, value in options[resource.name].items()
            if name in RELIED_ON and found[name].value != value
        }
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in wrong.items()
        ]
        if entries:
            topic = ResourceType.TOPIC
            changes.append(ConfigResource(topic, resource.name, incremental_configs=entries))
            amended += [f"{resource.name}: {name}={value}" for name, value in wrong.items()]
    if changes:
        for resource, future in client.incremental_alter_configs(changes).items():
            _result(future, f"the settings of {resource.name} cannot be changed")
    return sorted(amended)


def _wanted(settings: Settings, stages: Sequence[Stage]) -> list[Topic[Any]]:
    return [*topics_of(stages), *(reply_topic(name) for name in settings.reply_topics)]


def _result(future: Future[Any], failed: str) -> Any:
    try:
        return future.result(TIMEOUT_S)
    except KafkaException as error:
        raise UserError(f"{failed}: {kafka.reason(error)}") from None


def reply_topic(name: str) -> Topic[Any]:
    """A topic that requests may name in `reply_to`: answers, as on rag.answers."""
    return Topic(name, RAG_ANSWERS.event, RAG_ANSWERS.key, RAG_ANSWERS.retention_hours)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a consumer group stands: another `read` says that it moved."""

    behind: int  # offsets it has yet to read, as a scaler counts them; 0 once all is read
    read: frozenset[tuple[str, int, int, str]]  # partitions with what is committed of each


def lag(settings: Settings, stages: Sequence[Stage]) -> dict[str, int]:
    """Records that each consumer group has yet to read, in flow order.

    Raises:
        UserError: the broker does not answer.
    """
    return {group: each.behind for group, each in standings(settings, stages).items()}


def standings(settings: Settings, stages: Sequence[Stage]) -> dict[str, Standing]:
    """How each consumer group stands, in flow order.

    Raises:
        UserError: the broker does not answer.
    """
    client: Any = kafka.reachable(settings)
    found: dict[str, Standing] = {}
    ends = _ends(client, sorted({topic.name for stage in stages for topic in stage.reads}))
    for each in (each for stage in stages for each in stage.subscriptions):
        names = {topic.name for topic in each.topics}
        places = [place for place in ends if place[0] in names]
        committed = _committed(settings, f"{settings.group_prefix}.{each.group}", places)
        at = {(topic, partition): offset for topic, partition, offset, _ in committed}
        behind = sum(max(0, ends[place] - at.get(place, 0)) for place in places)
        found[each.group] = Standing(behind, frozenset(committed))
    return found


def ends(settings: Settings, names: Sequence[str]) -> dict[tuple[str, int], int]:
    """The end of each partition of these topics; none of those that are not there.

    Raises:
        UserError: the broker does not answer.
    """
    return _ends(kafka.reachable(settings), names)


def _ends(client: Any, names: Sequence[str]) -> dict[tuple[str, int], int]:
    """The end of each partition of these topics, of all that was written."""
    there = client.list_topics(timeout=TIMEOUT_S).topics
    wanted = {
        TopicPartition(name, partition): OffsetSpec.latest()
        for name in names
        if name in there
        for partition in there[name].partitions
    }
    if not wanted:
        return {}
    futures = cast("dict[TopicPartition, Future[Any]]", client.list_offsets(wanted))
    return {
        (place.topic, place.partition): future.result(TIMEOUT_S).offset
        for place, future in futures.items()
    }


def _committed(
    settings: Settings, group: str, places: Sequence[tuple[str, int]]
) -> list[tuple[str, int, int, str]]:
    """What a group has committed: topic, partition, offset, and what was done beyond that.

    Asked by a consumer that never joins: AdminClient's call for it ends the process where a
    coordinator is just coming back (librdkafka 2.16). Uncommitted transactions are not waited for.
    """
    if not places:
        return []
    options = kafka.plain_consumer_options(settings, group)
    consumer = kafka.new_consumer(options | {"isolation.level": "read_uncommitted"})
    try:
        asked = [TopicPartition(*place) for place in places]
        found = consumer.committed(asked, timeout=TIMEOUT_S)
    except KafkaException as error:
        raise UserError(f"the lag of {group} cannot be read: {kafka.reason(error)}") from None
    finally:
        consumer.close()
    return [(p.topic, p.partition, p.offset, p.metadata or "") for p in found if p.offset >= 0]
