"""Topics and users of the cluster's Kafka, as the chart's templates loop over them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from streams.app.rights import Flow, Principal, Right, principals
from streams.app.topic_options import topic_options
from streams.app.topology import topics_of
from streams.flow.stage import Stage
from streams.release.kubernetes.workloads import Workload

PREFIX = "{prefix}"  # of groups and users, in whose place a template puts the values' own
_TYPES = {"topic": "topic", "group": "group", "transactional_id": "transactionalId"}
_OPERATIONS = {
    "read": "Read",
    "write": "Write",
    "describe": "Describe",
    "create": "Create",
    "alter_configs": "AlterConfigs",
}


def topics(stages: Sequence[Stage]) -> list[dict[str, Any]]:
    """Each topic of the flow; `partitions` of 0 are as many as the values say."""
    return [
        {"name": each.name, "partitions": each.partitions, "config": topic_options(each)}
        for each in topics_of(stages)
    ]


def users(flow: Flow, workloads: Sequence[Workload]) -> list[dict[str, Any]]:
    """A user a workload, and those of the edge, with the rights that each needs and no others."""
    known = {stage.name: stage for stage in flow.stages}
    # Who keeps windows of usage is no stage, and has rights by itself.
    together = {
        each.name: [known[name] for name in each.stages] for each in workloads if not each.setting
    }
    kinds = {each.name: "background" if each.background else "questions" for each in workloads}
    return [
        {
            "name": name,
            "kind": kinds.get(name, "edge"),
            "acls": [*acls(each)],
        }
        for each in principals(flow, together)
        for name in [each.name.removeprefix(f"{PREFIX}-")]
    ]


def acls(principal: Principal) -> list[dict[str, Any]]:
    """Its rights as Strimzi writes them: all operations on one resource together."""

    def resource(right: Right) -> tuple[str, str, bool]:
        return right.resource, right.name, right.prefixed

    return [
        {
            "resource": {
                "type": _TYPES[kind],
                "name": name,
                "patternType": "prefix" if prefixed else "literal",
            },
            "operations": [_OPERATIONS[each.operation] for each in rights],
        }
        for (kind, name, prefixed), rights in groupby(
            sorted(principal.rights, key=resource), resource
        )
    ]
