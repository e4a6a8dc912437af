"""Who may do what, read off the declarations of stages alone: what is rendered is held to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from processors import needs
from streams.app import opening
from streams.app.ports import openers
from streams.app.settings import load
from streams.flow.stage import Stage
from streams.release.kubernetes import chart

Allowed = set[tuple[str, str, str, str]]
"""Kind of resource, its name, literal or prefix, operation."""
SPEAKING = {"encoder", "opensearch", "qdrant", "redis", "reranker", "tiers"}


def whole() -> list[Stage]:
    """The stages that the chart can have: whatever tiers and models there are."""
    return opening.stages(chart.with_models(chart.for_any_model(load()))[1])


# Topics that a port reads by itself, with no group: whoever needs it has to be let in.
FOLLOWED = {needs.SUSPENSIONS: "control.tenants", needs.PURSE: "rag.budgets"}


def allowed(stages: Sequence[Stage], every: Sequence[Stage], prefix: str, *, here: bool) -> Allowed:
    """What a process of these stages does at the broker."""
    found: Allowed = set()
    for stage in stages:
        written = {topic.name for topic in (*stage.writes, stage.dead_letters)}
        read = {topic.name for topic in stage.reads}
        read |= {name for port, name in FOLLOWED.items() if port in stage.needs}
        state = {topic.name for topic in stage.changelogs}
        for family in (topic.name for topic in stage.writes if topic.suffix is not None):
            written.remove(family)
            written |= {t.name for each in every for t in each.reads if t.name.startswith(family)}
        groups = {f"{prefix}.{each.group}" for each in stage.subscriptions}
        found |= {("transactionalId", f"{group}/", "prefix", "Write") for group in groups}
        groups |= {f"{group}.aside" for group in groups}
        if stage.mirror is not None and here:
            owners = stage.mirror.owners.name
            state |= {owners}
            read |= {stage.mirror.acknowledged.name}
            groups |= {f"{prefix}.{owners}"}
            found |= {("group", f"{prefix}.lacking", "literal", "Describe")}
        if needs.PRESSURE in stage.needs:  # it looks how far those behind it are
            behind = [each for each in every if each.promise is not None and each is not stage]
            found |= {("group", f"{prefix}.{each.name}", "literal", "Describe") for each in behind}
            looked = {topic.name for each in behind for topic in each.reads} - read - written
            found |= {("topic", name, "literal", "Describe") for name in looked}
        found |= {("topic", name, "literal", "Read") for name in read | state}
        found |= {("topic", name, "literal", "Write") for name in written | state}
        found |= {("group", name, "literal", "Read") for name in groups}
    return found


def counting(prefix: str) -> Allowed:
    """What who keeps windows of usage does there: Faust makes the topics of its tables itself."""
    tables = [f"{prefix}.usage-{name}-changelog" for name in ("days", "sliding", "spent")]
    return {
        ("topic", "rag.usage", "literal", "Read"),
        ("topic", "rag.budgets", "literal", "Write"),
        ("topic", "rag.dlq", "literal", "Write"),
        ("group", f"{prefix}.usage", "literal", "Read"),
        *(("topic", name, "literal", op) for name in tables for op in ("Read", "Write", "Create")),
    }


def rendered(acls: Iterable[Mapping[str, Any]]) -> Allowed:
    """The same, of a KafkaUser."""
    return {
        (of["type"], of["name"], of["patternType"], operation)
        for each in acls
        for of in [each["resource"]]
        for operation in each["operations"]
    }


def spoken_to(stages: Sequence[Stage]) -> set[str]:
    """The servers beside the broker that a process of these stages needs."""
    sections = {
        section.section
        for stage in stages
        for opener in openers(stage.needs, stage.name)
        for section in opener.sections
    }
    return sections & SPEAKING
