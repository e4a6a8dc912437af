"""Every right of every principal, tried at a real authorizer: what it has works, all else does not.

Each is tried as Kafka's clients do it: a record written, read, an offset committed or asked for, a
transaction begun, a topic made. Nothing is asked of the broker about rights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import NewTopic

from streams.app import opening, rights
from streams.app.rights import Flow, Principal
from streams.app.settings import Settings
from streams.app.topology import topics_of
from streams.edge import admin
from streams.flow.stage import Stage
from streams.local import scram, users
from streams.runtime import kafka
from tests.support.guarded import Guarded
from tests.system.harness import until

TIMEOUT_S = 30.0
DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
FOREIGN = "somebody.else"


@dataclass(frozen=True)
class Cluster:
    """A broker with all topics and principals of the flow, each by itself."""

    broker: Guarded
    stages: list[Stage]
    principals: list[Principal]

    @property
    def topics(self) -> list[str]:
        return [*(topic.name for topic in topics_of(self.stages)), FOREIGN]

    def named(self, resource: str) -> list[str]:
        found = {r.name for each in self.principals for r in each.rights if r.resource == resource}
        return sorted(found - {rights.ANY})

    def being(self, principal: Principal) -> Settings:
        return self.broker.being(principal.name)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Guarded(tmp_path_factory.mktemp("rights")) as broker:
        chief = broker.being(users.ADMIN)
        stages = opening.stages(chief)
        admin.apply_topics(chief, stages)
        client: Any = kafka.admin(chief)
        client.create_topics([NewTopic(FOREIGN, 1, 1)])[FOREIGN].result(TIMEOUT_S)
        found = rights.principals(Flow.of(chief, stages), rights.by_stage(stages))
        scram.secure(chief, found)
        cluster = Cluster(broker, stages, found)
        write(chief, cluster.topics)  # so that there is something to read
        yield cluster


STAGES = "ingest chunk embed index admit rewrite retrieve rerank generate.extractive meter remember"
PRINCIPALS = (*STAGES.split(), "rekey", "feedback", "asker", "feeder", "operator", "scaler")


@pytest.fixture(params=PRINCIPALS)
def principal(request: pytest.FixtureRequest, cluster: Cluster) -> Principal:
    names = {each.name.removeprefix("millrace-"): each for each in cluster.principals}
    assert names.keys() == set(PRINCIPALS), "each is tried"
    return names[request.param]


def may(principal: Principal, resource: str, *operations: str) -> set[str]:
    """What it may do so, as its rights say; a name that is a beginning ends in *."""
    return {
        each.name + "*" * each.prefixed
        for each in principal.rights
        if each.resource == resource and each.operation in operations
    }


def allowed(names: Sequence[str], patterns: set[str]) -> set[str]:
    return {
        name
        for name in names
        if any(
            name.startswith(each[:-1]) if each.endswith("*") else name == each for each in patterns
        )
    }


def write(settings: Settings, topics: Sequence[str]) -> set[str]:
    """Those that took a record."""
    options = kafka.producer_options(settings) | {"enable.idempotence": False}
    producer = kafka.new_producer(options)
    took: set[str] = set()
    refused: list[int] = []

    def told(error: KafkaError | None, message: Any) -> None:
        if error is None:
            took.add(message.topic())
        else:
            refused.append(error.code())

    for topic in topics:
        producer.produce(topic, b"x", b"k", partition=0, on_delivery=told)
    assert producer.flush(TIMEOUT_S) == 0
    assert len(took) + len(refused) == len(topics) and set(refused) <= DENIED
    return took


def hidden(consumer: Consumer, topic: str) -> bool:
    error = consumer.list_topics(topic, TIMEOUT_S).topics[topic].error
    return error is not None and error.code() in DENIED


def read(settings: Settings, group: str, topics: Sequence[str]) -> set[str]:
    """Those that gave a record."""
    options = kafka.plain_consumer_options(settings, group) | {"enable.partition.eof": False}
    consumer = kafka.new_consumer(options | {"isolation.level": "read_uncommitted"})
    gave: set[str] = set()
    # Of a topic that it may not even look at, librdkafka tells nothing when it is to be read.
    refused = {topic for topic in topics if hidden(consumer, topic)}

    def settled() -> bool:
        message = consumer.poll(0.1)
        topic = None if message is None else message.topic()
        error = None if message is None else message.error()
        if topic and error is not None:
            assert error.code() in DENIED, error
            refused.add(topic)
        elif topic:
            gave.add(topic)
        return gave | refused >= {*topics}

    consumer.assign([TopicPartition(topic, 0, 0) for topic in {*topics} - refused])
    until(settled, "each topic to give a record or none")
    consumer.close()
    assert not gave & refused
    return gave


def groups_that(call: Callable[[str], Future[Any]], names: Sequence[str]) -> set[str]:
    """Those with which a call goes through."""
    found: set[str] = set()
    for start in range(0, len(names), 16):
        asked = {name: call(name) for name in names[start : start + 16]}
        for name, future in asked.items():
            try:
                places = future.result(TIMEOUT_S).topic_partitions
            except KafkaException as error:
                assert error.args[0].code() in DENIED, error
                continue
            errors = [place.error for place in places if place.error is not None]
            assert {error.code() for error in errors} <= DENIED, errors
            if not errors:
                found.add(name)
    return found


def transacts(settings: Settings, name: str) -> bool:
    try:
        kafka.new_producer(kafka.producer_options(settings, name)).init_transactions(TIMEOUT_S)
    except KafkaException as error:
        assert error.args[0].code() in DENIED, error
        return False
    return True


def test_it_writes_its_own_topics_and_no_others(cluster: Cluster, principal: Principal) -> None:
    assert write(cluster.being(principal), cluster.topics) == may(principal, "topic", "write")


def test_it_reads_its_own_topics_and_no_others(cluster: Cluster, principal: Principal) -> None:
    group = next(iter(may(principal, "group", "read", "describe"))).replace("*", "g")
    found = read(cluster.being(principal), group, cluster.topics)
    assert found == may(principal, "topic", "read")


def test_it_commits_as_its_own_groups_and_no_others(cluster: Cluster, principal: Principal) -> None:
    client: Any = kafka.admin(cluster.being(principal))
    groups = [*(name + "g" * name.endswith("/") for name in cluster.named("group")), FOREIGN]
    # A place that it may not read would be refused for the topic, not for the group.
    readable = may(principal, "topic", "read")
    committing = may(principal, "group", "read")

    def commit(group: str) -> Future[Any]:
        place = TopicPartition(min(readable, default=FOREIGN), 0, 0)
        asked = ConsumerGroupTopicPartitions(group, [place])
        futures = client.alter_consumer_group_offsets([asked], request_timeout=TIMEOUT_S)
        return cast("Future[Any]", futures[group])

    if readable:
        assert groups_that(commit, groups) == allowed(groups, committing)
    else:
        assert not committing

    def look(group: str) -> Future[Any]:
        asked = [ConsumerGroupTopicPartitions(group)]
        futures = client.list_consumer_group_offsets(asked, request_timeout=TIMEOUT_S)
        return cast("Future[Any]", futures[group])

    seeing = may(principal, "group", "read", "describe")
    assert groups_that(look, groups) == allowed(groups, seeing)


def test_it_begins_its_own_transactions_and_no_others(
    cluster: Cluster, principal: Principal
) -> None:
    settings = cluster.being(principal)
    names = [f"{begin}w" for begin in cluster.named("transactional_id")]
    # Beside its own: what only begins alike, and a stranger's.
    names += [name.replace("/", ".other/") for name in names[:2]] + [FOREIGN]
    with ThreadPoolExecutor(8) as pool:
        done = pool.map(lambda name: transacts(settings, name), names)
    begun = {name for name, went in zip(names, done, strict=True) if went}
    mine = may(principal, "transactional_id", "write")
    assert begun == ({*names} if rights.ANY in mine else allowed(names, mine))


def test_it_makes_changes_and_removes_no_topics_but_for_the_operator(
    cluster: Cluster, principal: Principal
) -> None:
    client: Any = kafka.admin(cluster.being(principal))
    mine = may(principal, "topic", "create")
    for name in ("docs.feed", FOREIGN):
        made = client.create_topics([NewTopic(name, 1, 1)], validate_only=False)[name]
        with pytest.raises(KafkaException) as refused:
            made.result(TIMEOUT_S)
        exists = refused.value.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
        assert exists == (name in mine), (name, refused.value)
        with pytest.raises(KafkaException) as kept:
            client.delete_topics([name])[name].result(TIMEOUT_S)
        assert kept.value.args[0].code() in DENIED
    # The broker refuses, of which librdkafka makes an empty list.
    seen = client.describe_acls(_everything()).result(TIMEOUT_S)
    assert not seen, "nobody but the broker's own user sees rights"
    chief: Any = kafka.admin(cluster.broker.being(users.ADMIN))
    assert chief.describe_acls(_everything()).result(TIMEOUT_S)


def _everything() -> Any:
    from confluent_kafka.admin import (
        AclBindingFilter,
        AclOperation,
        AclPermissionType,
        ResourcePatternType,
        ResourceType,
    )

    nothing: Any = None
    return AclBindingFilter(
        ResourceType.ANY,
        nothing,
        ResourcePatternType.ANY,
        nothing,
        nothing,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )


def test_whoever_is_nobody_is_not_let_in(cluster: Cluster) -> None:
    servers = cluster.broker.bootstrap_servers
    for options in ({}, {"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN",
                         "sasl.username": "millrace-asker", "sasl.password": "x"}):  # fmt: skip
        known: dict[str, Any] = {"bootstrap.servers": servers, "log_level": 0, **options}
        with pytest.raises(KafkaException):
            Producer(known).list_topics(timeout=2)
        consumer = Consumer(known | {"group.id": "g"})
        with pytest.raises(KafkaException):
            consumer.list_topics(timeout=2)
        consumer.close()
