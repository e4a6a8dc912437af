"""Topics of former releases get what promises rest on, and keep what an operator chose."""

from __future__ import annotations

from typing import Any

from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from streams.edge import admin
from streams.runtime import kafka
from tests.system.copying import copying
from tests.system.harness import Bench, until


def test_what_promises_rest_on_is_amended_and_the_rest_is_the_operators(bench: Bench) -> None:
    stages = [copying(bench.prefix)]
    client: Any = kafka.admin(bench.settings)
    assert admin.amend_topics(bench.settings, stages) == []

    chosen = {"compression.type": "producer", "retention.ms": "12345678"}
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in chosen.items()
    ]
    topic = ConfigResource(ResourceType.TOPIC, bench.source.name, incremental_configs=entries)
    client.incremental_alter_configs([topic])[topic].result(10)

    def told(name: str) -> str:
        return client.describe_configs([topic])[topic].result(10)[name].value

    # A broker tells of a change once the controller's word of it has come.
    until(lambda: told("retention.ms") == "12345678", "what the operator chose")
    amended = [f"{bench.source.name}: compression.type=uncompressed"]
    assert admin.amend_topics(bench.settings, stages) == amended
    until(lambda: told("compression.type") == "uncompressed", "what was amended")
    assert told("retention.ms") == "12345678"
    assert admin.amend_topics(bench.settings, stages) == []


def test_topics_that_are_not_there_are_nothing_to_amend(bench: Bench) -> None:
    assert admin.amend_topics(bench.settings, [copying("not-there")]) == []
