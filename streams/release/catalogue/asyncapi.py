"""The topics as an AsyncAPI 3 document: keys, headers, payloads, and who writes and reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas import catalog, topics
from streams.app.topology import topics_of
from streams.flow.stage import Stage
from streams.flow.topic import Topic

VERSION = "3.0.0"
AVRO = "application/vnd.apache.avro;version=1.9.0"
BINDING = {"bindingVersion": "0.5.0"}
HOUR_MS = 3_600_000
Object = dict[str, Any]

_HEADERS = {
    "ce_id": "The event's id: it follows from its cause, so a replay gives the same.",
    "ce_type": "`io.millrace.` and the event's name.",
    "ce_source": "`/millrace/` and the stage that wrote it.",
    "ce_specversion": "Of CloudEvents.",
    "ce_time": "When it was written (RFC 3339).",
    "content-type": "Of the payload.",
    "correlationid": "What all events of one question or change have in common.",
    "causationid": "The id of the event that caused it.",
    "traceparent": "Its span in the trace (W3C Trace Context).",
}

# What no stage writes.
_WRITERS = {
    topics.DOCS_REINDEX.name: "`millrace reindex`",
    topics.DOCS_SOURCES.name: "`millrace follow`",
    topics.INDEX_OWNERS.name: "whoever has the index",
    topics.RAG_BUDGETS.name: "the process `usage`",
    topics.CONTROL_TENANTS.name: "`millrace tenant`",
}


def asyncapi(stages: Sequence[Stage], version: str, prefix: str) -> Object:
    """The document; `prefix` is what consumer groups begin with."""
    found = topics_of(stages)
    return {
        "asyncapi": VERSION,
        "id": "urn:io:millrace",
        "info": {
            "title": "Millrace",
            "version": version,
            "description": "Documents that change and questions that keep coming become cited "
            "answers, through these topics. Edge topics take JSON as well as Avro.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/avro",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "variables": {"bootstrap": {"default": "localhost:9092"}},
            }
        },
        "channels": {topic.name: _channel(topic) for topic in found},
        "operations": _operations(stages, {topic.name for topic in found}, prefix),
        "components": {
            "messages": {topic.name: _message(topic) for topic in found},
            "schemas": {
                "headers": {
                    "type": "object",
                    "properties": {
                        name: {"type": "string", "description": said}
                        for name, said in _HEADERS.items()
                    },
                }
            },
        },
    }


def _channel(topic: Topic[Any]) -> Object:
    kept: Object = {"cleanup.policy": _cleanup(topic)}
    if "delete" in kept["cleanup.policy"]:
        kept["retention.ms"] = topic.retention_hours * HOUR_MS
    kept["max.message.bytes"] = topic.max_bytes
    written_by = f"written by {_WRITERS.get(topic.name, 'stages')}"
    whose = "people and programs produce to it" if topic.edge else written_by
    return {
        "address": topic.name,
        "description": f"{_doc(topic)} Bulk: nobody waits for it." if topic.bulk else _doc(topic),
        "summary": f"{topic.event.__name__}; {whose}",
        "messages": {topic.event.__name__: {"$ref": f"#/components/messages/{topic.name}"}},
        "bindings": {"kafka": {"topic": topic.name, "topicConfiguration": kept, **BINDING}},
    }


def _cleanup(topic: Topic[Any]) -> list[str]:
    if not topic.compacted:
        return ["delete"]
    return ["compact", "delete"] if topic.expires else ["compact"]


def _message(topic: Topic[Any]) -> Object:
    name = topic.event.__name__
    key = (topic.key.__doc__ or "What the event is about.").strip().splitlines()[0]
    return {
        "name": name,
        "title": name,
        "summary": _doc(topic),
        "contentType": "application/json" if topic.edge else "application/avro",
        "headers": {"$ref": "#/components/schemas/headers"},
        "payload": {"schemaFormat": AVRO, "schema": catalog.self_contained(name)},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, **BINDING}},
    }


def _doc(topic: Topic[Any]) -> str:
    return str(catalog.declaration(topic.event.__name__)["doc"])


def _operations(stages: Sequence[Stage], known: set[str], prefix: str) -> Object:
    """One for each topic that a stage reads or writes; its state and dead letters are written."""
    made: Object = {}
    for stage in stages:
        for each in stage.subscriptions:
            for topic in each.topics:
                group = {"type": "string", "const": f"{prefix}.{each.group}"}
                made[f"{each.group}.receive.{topic.name}"] = {
                    "action": "receive",
                    "channel": {"$ref": f"#/channels/{topic.name}"},
                    "bindings": {"kafka": {"groupId": group, **BINDING}},
                }
        for name in written(stage, known):
            made[f"{stage.name}.send.{name}"] = {
                "action": "send",
                "channel": {"$ref": f"#/channels/{name}"},
            }
    return made


def written(stage: Stage, known: set[str]) -> list[str]:
    """The names of the topics that a stage writes; of a family those that are there."""
    names = list[str]()
    for topic in (*stage.writes, *stage.changelogs, stage.dead_letters):
        family = sorted(name for name in known if name.startswith(f"{topic.name}."))
        names += [topic.name] if topic.suffix is None else family
    return [*dict.fromkeys(names)]
