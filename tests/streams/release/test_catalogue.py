"""The catalogue has every part of the flow, and nothing in it points nowhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from fastavro import schema as avro_schema

from schemas import catalog
from streams.app import opening
from streams.app.settings import load
from streams.app.topology import topics_of
from streams.release.catalogue.asyncapi import asyncapi, written
from streams.release.catalogue.entities import entities
from streams.release.observing.objectives import edges

STAGES = opening.stages(load())
TOPICS = {topic.name: topic for topic in topics_of(STAGES)}
DOCUMENT = asyncapi(STAGES, "0", "millrace")
ENTITIES = [*entities(STAGES, edges(None))]
NAME = re.compile(r"[a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?")  # of an entity, as Backstage has it


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def test_every_topic_is_a_channel_with_its_event_as_avro() -> None:
    assert DOCUMENT["channels"].keys() == TOPICS.keys()
    for name, topic in TOPICS.items():
        message = DOCUMENT["components"]["messages"][name]
        assert message["name"] == topic.event.__name__
        schema = message["payload"]["schema"]
        parsed = avro_schema.parse_schema(json.loads(json.dumps(schema)), named_schemas={})
        assert parsed["name"] == f"{catalog.NAMESPACE}.{topic.event.__name__}"  # type: ignore[call-overload, index]
        assert message["bindings"]["kafka"]["key"]["description"]
        kept = DOCUMENT["channels"][name]["bindings"]["kafka"]["topicConfiguration"]
        assert ("compact" in kept["cleanup.policy"]) == topic.compacted


def test_who_reads_and_writes_is_as_the_topology_says() -> None:
    operations = DOCUMENT["operations"]
    read = {
        (each["bindings"]["kafka"]["groupId"]["const"], each["channel"]["$ref"])
        for each in operations.values()
        if each["action"] == "receive"
    }
    assert read == {
        (f"millrace.{each.group}", f"#/channels/{topic.name}")
        for stage in STAGES
        for each in stage.subscriptions
        for topic in each.topics
    }
    sent = {name.split(".send.")[1] for name in operations if ".send." in name}
    assert sent == {name for stage in STAGES for name in written(stage, {*TOPICS})}
    assert any(name.startswith("rag.generate.") for name in sent), "a family is each of its topics"
    said = {name: each["summary"] for name, each in DOCUMENT["channels"].items()}
    by_stages = {name for name, words in said.items() if words.endswith("; written by stages")}
    assert by_stages == {name for name in sent if not TOPICS[name].edge}
    assert said["docs.sources"].endswith("; written by `millrace follow`")


def test_every_reference_of_the_document_leads_somewhere() -> None:
    for reference in {*references(DOCUMENT)}:
        found: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_every_stage_topic_store_and_model_is_an_entity_that_somebody_owns() -> None:
    by_kind: dict[str, dict[str, Any]] = {}
    for each in ENTITIES:
        name = each["metadata"]["name"]
        assert NAME.fullmatch(name) and len(name) <= 63
        assert name not in by_kind.setdefault(each["kind"], {}), f"{name} twice"
        by_kind[each["kind"]][name] = each["spec"]
    assert by_kind["Component"].keys() == {stage.name for stage in STAGES}
    resources = by_kind["Resource"]
    assert resources.keys() >= TOPICS.keys()
    kinds = {spec["type"] for spec in resources.values()}
    assert kinds == {"kafka-topic", "store", "model", "data-source"}
    for each in ENTITIES:
        spec = each["spec"]
        assert each["kind"] == "Group" or spec["owner"] in by_kind["Group"]
        for needed in spec.get("dependsOn", ()):
            assert needed.removeprefix("resource:") in resources
    for stage in STAGES:
        needed = {
            n.removeprefix("resource:") for n in by_kind["Component"][stage.name]["dependsOn"]
        }
        assert needed >= {topic.name for topic in stage.reads} | {stage.dead_letters.name}
    (system,) = (each for each in ENTITIES if each["kind"] == "System")
    assert len(system["metadata"]["annotations"]) == len(edges(None)), "each promise stands there"
