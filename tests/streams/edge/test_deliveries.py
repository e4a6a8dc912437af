"""A command says of a record that it was written once the broker has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, Producer

from streams.edge.deliveries import Deliveries
from streams.flow.errors import UserError


class Refusing:
    """A producer, as librdkafka's is, whose broker lets nobody write to a topic."""

    def __init__(self, told: Callable[[Any, Any], None], code: int | None, left: int = 0) -> None:
        self._told, self._code, self._left = told, code, left

    def topic(self) -> str:
        return "control.tenants"

    def flush(self, patience_s: float) -> int:
        self._told(None if self._code is None else KafkaError(self._code), self)
        return self._left


def wait(code: int | None, left: int = 0) -> None:
    deliveries = Deliveries()
    deliveries.wait(cast("Producer", Refusing(deliveries, code, left)), 1.0)


def test_what_the_broker_refuses_is_told_by_topic_though_nothing_is_left_to_send() -> None:
    with pytest.raises(UserError, match=r"takes no record of control\.tenants: .*[Aa]uthorization"):
        wait(KafkaError.TOPIC_AUTHORIZATION_FAILED)


def test_what_is_left_to_send_is_not_delivered_and_what_it_has_is() -> None:
    with pytest.raises(UserError, match="1 records are not delivered"):
        wait(None, left=1)
    wait(None)
