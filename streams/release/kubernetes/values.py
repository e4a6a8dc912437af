"""The chart's values: what they are by default, and the sizes that are shown as examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streams.flow.stage import Area
from streams.release.kubernetes.workloads import Workload

AREAS: tuple[Area, ...] = ("ingestion", "retrieval", "generation", "platform")
# How many records a worker may have before it until there is one more: of questions few wait.
THRESHOLD, BACKGROUND_THRESHOLD = 50, 500
PLATFORM = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "rag-platform"}}}


@dataclass(frozen=True, slots=True)
class Size:
    """An example: partitions, and for each kind of workload the fewest and most workers."""

    said: str
    partitions: int
    replication: int
    questions: tuple[int, int]
    background: tuple[int, int]
    storage_gib: int
    quota: tuple[int, int]  # processors and GiB of a namespace
    stores: tuple[str, str] = ("edge", "edge")  # searched by vectors, by words


SIZES: dict[str, Size] = {
    "small": Size("a team: one broker", 4, 1, (1, 2), (0, 2), 10, (16, 32)),
    "medium": Size(
        "a department: three brokers, the index in Qdrant",
        12, 3, (2, 6), (0, 8), 50, (64, 128), ("qdrant", "qdrant"),
    ),
    "bank": Size(
        "a bank: questions by the thousand, the index in Qdrant and OpenSearch",
        48, 3, (3, 48), (1, 48), 500, (512, 1024), ("qdrant", "opensearch"),
    ),
}  # fmt: skip


def quantity(mib: int) -> str:
    """Memory as a cluster writes it."""
    return f"{mib // 1024}Gi" if mib % 1024 == 0 else f"{mib}Mi"


def processors(cores: float) -> str:
    return f"{cores:g}" if cores >= 1 else f"{round(cores * 1000)}m"


def stage(workload: Workload, size: Size) -> dict[str, Any]:
    """What may be said of a workload."""
    cores, memory, scratch = workload.resources
    least, most = size.background if workload.background else size.questions
    if workload.keeps:
        least = most = 1
    if workload.setting:
        least = 1  # Faust commits no place past markers, so that its lag is never nothing
    asked = {"cpu": processors(cores), "memory": quantity(memory)}
    return {
        "min": least,
        "max": most,
        "lagThreshold": BACKGROUND_THRESHOLD if workload.background else THRESHOLD,
        "resources": {
            "requests": asked | {"ephemeral-storage": quantity(scratch)},
            # Processors may be more than asked for: a limit would throttle a start and a batch.
            "limits": {
                "cpu": processors(2 * cores),
                "memory": quantity(memory),
                "ephemeral-storage": quantity(2 * scratch),
            },
        },
    }


def quotas(size: Size) -> dict[str, Any]:
    """Of each namespace: what all in it may ask for, GPUs among them."""
    cores, gib = size.quota
    hard = {
        "requests.cpu": str(cores),
        "requests.memory": f"{gib}Gi",
        "limits.cpu": str(2 * cores),
        "limits.memory": f"{gib}Gi",
        "pods": str(4 * cores),
        "persistentvolumeclaims": "4",
    }
    gpus = {"generation": "8", "retrieval": "4", "ingestion": "4"}
    return {area: hard | {"requests.nvidia.com/gpu": gpus.get(area, "0")} for area in AREAS}


def defaults(workloads: Sequence[Workload], version: str) -> dict[str, Any]:
    """All values of the chart."""
    size = SIZES["small"]
    return {
        "image": {
            "repository": "millrace",
            "tag": version,
            "digest": "",
            "pullPolicy": "IfNotPresent",
            "pullSecrets": [],
        },
        # The public key, in PEM, that the manifest of models' weights must be signed by.
        "weights": {"publicKey": ""},
        # Before a change: cosign looks whether the key signed the image.
        "verification": {
            "enabled": False,
            "image": "",
            "publicKey": "",
            "registrySecret": "",
            "registry": {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "port": 443},
            "arguments": [],
        },
        "kafka": {
            "bootstrapServers": "kafka-bootstrap.rag-platform.svc:9092",
            "partitions": size.partitions,
            "replicationFactor": size.replication,
            "groupPrefix": "millrace",
            "authentication": "none",
            "encryption": False,
            "caSecret": {"name": "", "key": "ca.crt"},
            "strimzi": {
                "enabled": False,
                "cluster": "kafka",
                "namespace": "rag-platform",
                "quotas": {
                    "questions": {"requestPercentage": 100},
                    "background": {"requestPercentage": 50},
                    "edge": {"requestPercentage": 25, "producerByteRate": 16 * 1024 * 1024},
                },
            },
        },
        # Programs that ask: each is a user of Kafka's, as `millrace new` writes them.
        "clients": {},
        "settings": {},
        "secrets": {},
        "scaling": {
            "by": "kafka",
            "pollingInterval": 5,
            # A fast stage has no lag at most looks, so a short calm says little.
            "cooldownPeriod": 300,
            "authentication": "",
            "prometheus": {"serverAddress": "http://prometheus.monitoring.svc:9090"},
        },
        "network": {
            "enabled": True,
            "kafka": {"to": [PLATFORM], "ports": [9092]},
            "redis": {"to": [PLATFORM], "ports": [6379]},
            "qdrant": {"to": [], "ports": [6333, 6334]},
            "opensearch": {"to": [], "ports": [9200]},
            "registry": {"to": [], "ports": [8080]},
            "tiers": {"to": [], "ports": [443]},
            "encoder": {"to": [], "ports": [443]},
            "reranker": {"to": [], "ports": [443]},
            "telemetry": {"to": [], "ports": [4318]},
            "monitoring": {
                "from": [
                    {
                        "namespaceSelector": {
                            "matchLabels": {"kubernetes.io/metadata.name": "monitoring"}
                        }
                    }
                ]
            },
        },
        "mesh": {
            "enabled": False,
            "trustDomain": "cluster.local",
            "monitoring": ["cluster.local/ns/monitoring/sa/prometheus"],
            # The servers that are part of the mesh: whom it lets speak to them follows from needs.
            "servers": {},
        },
        "namespaces": {
            "create": True,
            "names": {area: f"rag-{area}" for area in AREAS},
            "quotas": quotas(size),
        },
        "priorityClasses": {"create": True, "questions": "millrace-questions",
                            "background": "millrace-background"},
        "monitoring": {"serviceMonitor": True, "rules": True, "dashboards": True, "labels": {}},
        "index": {"storage": f"{size.storage_gib}Gi", "storageClass": ""},
        "stages": {each.name: stage(each, size) for each in workloads},
    }  # fmt: skip


def example(workloads: Sequence[Workload], size: Size) -> dict[str, Any]:
    """What an installation of this size says of the values; the index is a folder or servers."""
    dense, lexical = size.stores
    servers = sorted({dense, lexical} - {"edge"})
    index = {"MILLRACE_INDEX__DENSE": dense, "MILLRACE_INDEX__LEXICAL": lexical}
    ports = {"qdrant": 6333, "opensearch": 9200}
    index |= {
        f"MILLRACE_{name.upper()}__URL": f"http://{name}.rag-platform.svc:{ports[name]}"
        for name in servers
    }
    return {
        "kafka": {"partitions": size.partitions, "replicationFactor": size.replication},
        **({"settings": index, "network": {n: {"to": [PLATFORM]} for n in servers}}
           if servers else {"index": {"storage": f"{size.storage_gib}Gi"}}),
        "namespaces": {"quotas": quotas(size)},
        "stages": {
            each.name: {key: stage(each, size)[key] for key in ("min", "max")}
            for each in workloads
            if servers or "index" not in each.sections
        },
    }  # fmt: skip
