"""Topics of former releases get what promises rest on, and keep what an operator chose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from streams.app import opening
from streams.app.settings import Settings
from streams.app.topic_options import DAY_MS, topic_options
from streams.app.topology import topics_of
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


def test_the_docs_say_of_every_topic_when_deleted_text_has_left_it() -> None:
    page = (Path(__file__).parents[3] / "docs" / "deletion.md").read_text()
    said = dict(re.findall(r"^\| `([a-z.]+)` \| ([^|]+) \|", page, re.MULTILINE))
    stages = opening.stages(Settings())
    found = {topic.name: days(topic_options(topic)) for topic in topics_of(stages)}
    rows = "\n".join(f"| `{name}` | {gone} |" for name, gone in found.items())
    assert said == found, f"docs/deletion.md has to say:\n{rows}"


def days(options: dict[str, str]) -> str:
    """A record goes with its segment, which ends a day after it began."""
    assert {*admin.RELIED_ON} >= {"cleanup.policy", "max.compaction.lag.ms", "segment.ms"}
    policy = options.get("cleanup.policy", "delete")
    last = int(options.get("retention.ms", 0)) + int(options.get("segment.ms", 0))
    kept = "" if policy == "compact" else f"{last / DAY_MS:g} days"
    if "compact" not in policy:
        return kept
    lag = int(options["max.compaction.lag.ms"]) / DAY_MS
    return " or ".join(filter(None, [f"{lag:g} day, with the next record", kept]))
