"""The schema of the chart's values: what is not known is refused by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streams.app.ports import SECTIONS
from streams.app.settings import known_variables
from streams.app.variables import BETWEEN, PREFIX, TABLES, entry_patterns, secret_fields
from streams.release.kubernetes.values import AREAS
from streams.release.kubernetes.workloads import PEERS, Workload

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
QUANTITY: Schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"}
TO: Schema = {"type": "array", "items": {"type": "object"}}
PORTS: Schema = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "integer", "minimum": 1, "maximum": 65535},
}
KINDS = ("questions", "background", "edge")  # of users, by whom quotas are given
# What the chart itself says to each worker.
SAID = frozenset(
    PREFIX + name
    for name in (
        "BOOTSTRAP_SERVERS", "CONFIG", "DATA", "FAILPOINT", "GROUP_PREFIX", "HTTP_HOST",
        "HTTP_PORT", "OBSERVE", "PARTITIONS", "POLICIES", "REPLICATION_FACTOR", "WORKER",
    )
)  # fmt: skip
# Whole variables that hold a password beside those of a section that are secret by their type.
HIDDEN = frozenset(
    {PREFIX + "KAFKA", PREFIX + "REDIS__URL", PREFIX + "REDIS__KEPT_URL", PREFIX + "ANSWERS__URL"}
)


def object_of(properties: Mapping[str, Schema], *required: str) -> Schema:
    """An object of these fields and no others."""
    made: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {**properties},
    }
    return made | ({"required": [*required]} if required else {})


def count(least: int) -> Schema:
    return {"type": "integer", "minimum": least}


def hidden_variables() -> list[str]:
    """Variables that hold secrets: they are references, never values."""
    secret = {
        f"{PREFIX}{name}{BETWEEN}{field}".upper()
        for name, section in SECTIONS.items()
        if name not in TABLES
        for field in secret_fields(section)
    }
    return sorted(HIDDEN | secret)


def schema(workloads: Sequence[Workload]) -> Schema:
    """JSON Schema, as helm reads it."""
    hidden = hidden_variables()
    plain = sorted(known_variables() - {*hidden} - SAID)
    limits = object_of(
        dict.fromkeys(("cpu", "memory", "ephemeral-storage", "nvidia.com/gpu"), QUANTITY),
        "cpu", "memory",
    )  # fmt: skip
    stage = object_of(
        {
            "min": count(0),
            "max": count(1),
            "lagThreshold": count(1),
            "resources": object_of({"requests": limits, "limits": limits}, "requests", "limits"),
            "nodeSelector": {"type": "object", "additionalProperties": TEXT},
            "tolerations": {"type": "array", "items": {"type": "object"}},
        },
        "min", "max", "lagThreshold", "resources",
    )  # fmt: skip
    peer = object_of({"to": TO, "ports": PORTS}, "to", "ports")
    reference = object_of({"name": TEXT, "key": TEXT}, "name", "key")
    quotas = object_of(
        dict.fromkeys(
            ("producerByteRate", "consumerByteRate", "requestPercentage", "controllerMutationRate"),
            count(0),
        )
    )
    strimzi = object_of(
        {
            "enabled": FLAG,
            "cluster": TEXT | {"minLength": 1},
            "namespace": TEXT | {"minLength": 1},
            "quotas": object_of(dict.fromkeys(KINDS, quotas), *KINDS),
        },
        "enabled", "cluster", "namespace", "quotas",
    )  # fmt: skip
    server = object_of(
        {
            "namespace": TEXT | {"minLength": 1},
            "labels": {"type": "object", "additionalProperties": TEXT, "minProperties": 1},
            "also": {"type": "array", "items": TEXT},
        },
        "namespace", "labels",
    )  # fmt: skip
    mesh = object_of(
        {
            "enabled": FLAG,
            "trustDomain": TEXT | {"minLength": 1},
            "monitoring": {"type": "array", "items": TEXT},
            "servers": object_of(dict.fromkeys(("kafka", "registry", *sorted(PEERS)), server)),
        },
        "enabled", "trustDomain", "monitoring", "servers",
    )  # fmt: skip
    by_area = object_of(dict.fromkeys(AREAS, TEXT), *AREAS)
    quota = {"type": "object", "additionalProperties": QUANTITY, "minProperties": 1}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **object_of(
            {
                "global": {"type": "object"},  # helm's own
                "image": object_of(
                    {
                        "repository": TEXT | {"minLength": 1},
                        "tag": TEXT | {"minLength": 1, "not": {"enum": ["latest"]}},
                        "digest": TEXT | {"pattern": "^(sha256:[0-9a-f]{64})?$"},
                        "pullPolicy": {"enum": ["IfNotPresent", "Always", "Never"]},
                        "pullSecrets": {"type": "array", "items": object_of({"name": TEXT})},
                    },
                    "repository", "tag",
                ),
                "weights": object_of({"publicKey": TEXT}),
                "verification": object_of(
                    {
                        "enabled": FLAG,
                        "image": TEXT,
                        "publicKey": TEXT,
                        "registrySecret": TEXT,
                        "registry": object_of({"to": TO, "port": count(1)}, "to", "port"),
                        "arguments": {"type": "array", "items": TEXT},
                    },
                    "enabled",
                ),
                "kafka": object_of(
                    {
                        "bootstrapServers": TEXT | {"minLength": 1},
                        "partitions": count(1),
                        "replicationFactor": count(1),
                        "groupPrefix": TEXT | {"minLength": 1},
                        "authentication": {"enum": ["none", "scram", "tls"]},
                        "encryption": FLAG,
                        "caSecret": reference,
                        "strimzi": strimzi,
                    },
                    "bootstrapServers", "partitions", "groupPrefix",
                ),
                "settings": object_of(dict.fromkeys(plain, TEXT))
                | {"patternProperties": dict.fromkeys(entry_patterns(secret=False), TEXT)},
                "secrets": object_of(dict.fromkeys(hidden, reference))
                | {"patternProperties": dict.fromkeys(entry_patterns(secret=True), reference)},
                "clients": {
                    "type": "object",
                    "additionalProperties": object_of(
                        {"tenant": TEXT | {"minLength": 1}, "quotas": quotas}, "tenant"
                    ),
                },
                "scaling": object_of(
                    {
                        "by": {"enum": ["kafka", "prometheus"]},
                        "pollingInterval": count(1),
                        "cooldownPeriod": count(0),
                        "authentication": TEXT,
                        "prometheus": object_of({"serverAddress": TEXT}, "serverAddress"),
                    },
                    "by", "pollingInterval", "cooldownPeriod",
                ),
                "network": object_of(
                    {
                        "enabled": FLAG,
                        "monitoring": object_of({"from": TO}, "from"),
                        **dict.fromkeys(
                            ("kafka", "registry", "telemetry", *sorted(PEERS)), peer
                        ),
                    },
                    "enabled", "kafka",
                ),
                "mesh": mesh,
                "namespaces": object_of(
                    {
                        "create": FLAG,
                        "names": by_area,
                        "quotas": object_of(dict.fromkeys(AREAS, quota), *AREAS),
                    },
                    "create", "names", "quotas",
                ),
                "priorityClasses": object_of(
                    {"create": FLAG, "questions": TEXT, "background": TEXT}, "create"
                ),
                "monitoring": object_of(
                    {
                        "serviceMonitor": FLAG,
                        "rules": FLAG,
                        "dashboards": FLAG,
                        "labels": {"type": "object", "additionalProperties": TEXT},
                    }
                ),
                "index": object_of({"storage": QUANTITY, "storageClass": TEXT}, "storage"),
                "stages": object_of(
                    {each.name: stage for each in workloads}, *(each.name for each in workloads)
                ),
            },
            "image", "kafka", "scaling", "network", "mesh", "namespaces", "stages",
        ),
    }  # fmt: skip
