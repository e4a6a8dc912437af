"""The flow as entities of a Backstage catalogue: who owns what, and what rests on what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from streams.app.topology import topics_of
from streams.flow.stage import Area, Stage
from streams.flow.topic import Topic
from streams.release.catalogue.asyncapi import written
from streams.release.kubernetes.workloads import sections_of
from streams.release.observing.objectives import Edge
from streams.release.observing.stage_rules import BACKGROUND_WAIT_S, WAIT_S, depth

Entity = dict[str, Any]
OURS, SYSTEM, API = "millrace.io", "millrace", "millrace-events"
FED = "fed-documents"
AREAS: tuple[Area, ...] = ("ingestion", "retrieval", "generation", "platform")
# What sections of the settings are about; others, such as limits of converters, are nobody else.
STORES = frozenset({"redis", "index", "qdrant", "opensearch"})
MODELS = frozenset({"embedding", "reading", "encoder", "reranker", "tiers", "generation"})


def entities(stages: Sequence[Stage], promises: Sequence[Edge]) -> Iterator[Entity]:
    """Every entity: groups, the system, its API, and each topic, stage, store, model and source."""
    topics = topics_of(stages)
    known = {topic.name for topic in topics}
    for area in AREAS:
        team: Entity = {"type": "team", "children": []}
        yield _entity("Group", owner(area), f"Who runs {area}.", team)
    promised = {f"{OURS}/{each.name.replace('_', '-')}": _promise(each) for each in promises}
    yield _entity(
        "System",
        SYSTEM,
        "Changing documents in, cited answers out, as one event-streaming pipeline.",
        {"owner": owner("platform")},
        promised,
    )
    yield _entity(
        "API",
        API,
        "The topics with their events: what may be produced and consumed.",
        _owned("platform", "asyncapi") | {"definition": {"$text": "./asyncapi.yaml"}},
    )
    writers = {name: stage for stage in stages for name in written(stage, known)}
    for topic in topics:
        yield _topic(topic, writers.get(topic.name))
    used: dict[str, Area] = {}
    for stage in stages:
        for section in sorted(sections_of(stage) & (STORES | MODELS)):
            used.setdefault(section, stage.place.area)
        yield _stage(stage, known)
    for section, area in sorted(used.items()):
        kind = "store" if section in STORES else "model"
        said = f"A {kind}, as [{section}] of the settings says."
        yield _resource(section, said, kind, area)
    for name in (FED, *sources(topics)):
        yield _resource(name, "Where documents come from.", "data-source", "ingestion")


def owner(area: Area) -> str:
    """The group that answers for an area."""
    return f"rag-{area}"


def sources(topics: Sequence[Topic[Any]]) -> list[str]:
    """Databases whose change feeds are read, by their topics' names."""
    return [f"source-{topic.name}" for topic in topics if topic.read or topic.read_avro]


def _stage(stage: Stage, known: set[str]) -> Entity:
    wait = BACKGROUND_WAIT_S if stage.place.background else WAIT_S
    topics = [*(topic.name for topic in stage.reads), *written(stage, known)]
    needed = [*dict.fromkeys(topics), *sorted(sections_of(stage) & (STORES | MODELS))]
    return _entity(
        "Component",
        stage.name,
        f"The stage `{stage.name}`: a consumer group that scales by its lag.",
        _owned(stage.place.area, "service")
        | {"consumesApis": [API], "dependsOn": [f"resource:{name}" for name in needed]},
        {
            f"{OURS}/lag": depth(stage.name),
            f"{OURS}/told-after-seconds": str(wait),
            f"{OURS}/process": stage.place.process,
        },
    )


def _topic(topic: Topic[Any], writer: Stage | None) -> Entity:
    area: Area = "platform" if writer is None else writer.place.area
    kept = "newest of each key" if topic.compacted else f"{topic.retention_hours} h"
    notes = {f"{OURS}/event": topic.event.__name__, f"{OURS}/kept": kept}
    made = _resource(topic.name, f"Carries {topic.event.__name__}.", "kafka-topic", area, notes)
    if topic.name == "docs.feed":
        made["spec"]["dependsOn"] = [f"resource:{FED}"]
    if topic.read or topic.read_avro:
        made["spec"]["dependsOn"] = [f"resource:source-{topic.name}"]
    return made


def _promise(edge: Edge) -> str:
    return f"{edge.said} within {edge.within_s:g} s in {edge.share:.1%} of cases"


def _owned(area: Area, kind: str) -> Entity:
    return {"type": kind, "lifecycle": "production", "owner": owner(area), "system": SYSTEM}


def _resource(
    name: str, said: str, kind: str, area: Area, notes: dict[str, str] | None = None
) -> Entity:
    spec = {"type": kind, "owner": owner(area), "system": SYSTEM}
    return _entity("Resource", name, said, spec, notes)


def _entity(
    kind: str, name: str, said: str, spec: Entity, notes: dict[str, str] | None = None
) -> Entity:
    about: Entity = {"name": name, "description": said}
    if notes:
        about["annotations"] = notes
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": kind,
        "metadata": about,
        "spec": spec,
    }
