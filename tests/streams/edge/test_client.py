"""Reading topics from outside: what a client of the broker says is a sentence with a remedy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.edge import client
from streams.flow.errors import UserError


class Broker:
    """A consumer's, of one topic with two partitions; each read of an end may be refused first."""

    def __init__(self, *refusals: int) -> None:
        self._refusals = [*refusals]
        self.assigned: list[tuple[str, int, int]] = []

    def list_topics(self, timeout: float) -> Any:
        assert timeout > 0
        return SimpleNamespace(topics={"t": SimpleNamespace(partitions=[0, 1])})

    def get_watermark_offsets(self, place: TopicPartition, timeout: float) -> tuple[int, int]:
        assert timeout > 0
        if self._refusals:
            raise KafkaException(KafkaError(self._refusals.pop(0)))
        return 0, 7 + place.partition

    def assign(self, places: list[TopicPartition]) -> None:
        self.assigned = [(each.topic, each.partition, each.offset) for each in places]


def read(broker: Broker) -> None:
    client.from_the_end(cast("Consumer", broker), ["t"])


def test_a_topic_that_was_just_made_is_read_once_it_is_led() -> None:
    new = KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.LEADER_NOT_AVAILABLE
    broker = Broker(*new, KafkaError.NOT_LEADER_FOR_PARTITION)
    read(broker)
    assert broker.assigned == [("t", 0, 7), ("t", 1, 8)]


def test_a_partition_that_is_never_led_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "NETWORK_S", 0.1)
    broker = Broker(*[KafkaError.LEADER_NOT_AVAILABLE] * 100)
    with pytest.raises(UserError, match=r"partition 0 of t cannot be read .*are its brokers up"):
        read(broker)


def test_what_is_refused_for_good_is_said_at_once() -> None:
    broker = Broker(KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN)
    with pytest.raises(UserError, match=r"cannot be read .*authoriz.*doctor"):
        read(broker)
    assert broker._refusals, "it was not asked again"
