"""What Argo CD is told: a project and an application for each environment, and alerts of drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.validation import Written, expected, validated
from streams.app import policies
from streams.flow.errors import UserError

ENVIRONMENTS = "environments.yaml"
VALUES = "infra/environments"
CHART = "infra/helm/millrace"
API = "argoproj.io/v1alpha1"
# Every kind that the chart makes, by its group: a project lets nothing else in.
OF_CLUSTER = (("", "Namespace"), ("scheduling.k8s.io", "PriorityClass"))
OF_NAMESPACE = (
    ("", "ConfigMap"), ("", "LimitRange"), ("", "ResourceQuota"), ("", "Service"),
    ("", "ServiceAccount"), ("apps", "StatefulSet"), ("batch", "Job"), ("keda.sh", "ScaledObject"),
    ("kafka.strimzi.io", "KafkaTopic"), ("kafka.strimzi.io", "KafkaUser"),
    ("monitoring.coreos.com", "PrometheusRule"), ("monitoring.coreos.com", "ServiceMonitor"),
    ("networking.k8s.io", "NetworkPolicy"), ("policy", "PodDisruptionBudget"),
    ("security.istio.io", "AuthorizationPolicy"), ("security.istio.io", "PeerAuthentication"),
)  # fmt: skip

Object = dict[str, Any]
_Name = Annotated[
    str, Field(pattern="^[a-z][a-z0-9-]{0,30}[a-z0-9]$"), expected("a name in lower case")
]
_Text = Annotated[str, Field(min_length=1), expected("a text")]
_Key = Annotated[str, Field(pattern="^[0-9A-F]{16,40}$"), expected("the id of a GPG key")]


class _Window(Written):
    kind: Literal["allow", "deny"]
    schedule: _Text
    duration: _Text


class _Environment(Written):
    cluster: _Text
    revision: _Text
    windows: tuple[_Window, ...] = ()
    signed_by: tuple[_Key, ...] = ()


class _File(Written):
    version: str
    repository: _Text
    namespace: _Name
    environments: Annotated[Mapping[_Name, _Environment], Field(min_length=1)]


def objects(folder: Path | None, namespaces: Mapping[str, str]) -> Iterator[Object]:
    """Everything for the cluster that Argo CD runs in.

    `namespaces` are those of the workloads, by area.

    Raises:
        UserError: the policy of environments is absent or wrong.
    """
    file = _read(folder)
    targets = sorted(set(namespaces.values()))
    for name, environment in file.environments.items():
        yield _project(name, environment, file, targets)
    yield _applications(file, namespaces["platform"])
    yield {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "millrace-drift", "namespace": file.namespace},
        "spec": {"groups": [{"name": "millrace-drift", "rules": [*alerts()]}]},
    }


def repository(folder: Path | None) -> str:
    """Where this is kept. Raises UserError as `objects` does."""
    return _read(folder).repository


def alerts() -> Iterator[Object]:
    """Of what runs, where it is not what the repository says, and of what is refused."""
    yield _alert(
        "Drifted",
        'argocd_app_info{name=~"millrace-.*",sync_status!="Synced"}',
        "15m",
        "{{ $labels.name }} is not what the repository says, and was not brought back to it",
    )
    yield _alert(
        "SyncFailed",
        'increase(argocd_app_sync_total{name=~"millrace-.*",phase=~"Error|Failed"}[30m]) > 0',
        "0m",
        "{{ $labels.name }} was not changed: what is merged was refused, a signature perhaps",
    )


def _alert(name: str, expression: str, lasting: str, said: str) -> Object:
    return {
        "alert": name,
        "expr": expression,
        "for": lasting,
        "labels": {"severity": "ticket"},
        "annotations": {"summary": said, "runbook": f"docs/runbooks/{name}.md"},
    }


def _read(folder: Path | None) -> _File:
    path = (folder or policies.SHIPPED) / ENVIRONMENTS
    try:
        return validated(_File, policies.read(ENVIRONMENTS, folder))
    except ValueError as error:
        raise UserError(f"policy {path} cannot be used: {error}") from None


def _project(name: str, said: _Environment, file: _File, namespaces: list[str]) -> Object:
    """An environment: from this repository, into its namespaces, of the chart's kinds."""
    spec: Object = {
        "description": f"Millrace, {name}: changed by pull request alone.",
        "sourceRepos": [file.repository],
        "destinations": [{"server": said.cluster, "namespace": each} for each in namespaces],
        "clusterResourceWhitelist": [{"group": g, "kind": k} for g, k in OF_CLUSTER],
        "namespaceResourceWhitelist": [{"group": g, "kind": k} for g, k in OF_NAMESPACE],
        # What somebody made by hand beside it is told of.
        "orphanedResources": {"warn": True},
        "roles": [
            {
                "name": "reader",
                "description": "Looks; nobody syncs, overrides or deletes by hand.",
                "policies": [
                    f"p, proj:millrace-{name}:reader, applications, get, millrace-{name}/*, allow"
                ],
            }
        ],
    }
    if said.windows:
        spec["syncWindows"] = [
            each.model_dump() | {"applications": ["*"], "manualSync": False}
            for each in said.windows
        ]
    if said.signed_by:
        spec["signatureKeys"] = [{"keyID": each} for each in said.signed_by]
    return _object("AppProject", f"millrace-{name}", file, spec)


def _applications(file: _File, platform: str) -> Object:
    """The chart at an environment's revision, with the values that stand on main."""
    template = {
        "metadata": {"name": "millrace-{{.name}}"},
        "spec": {
            "project": "millrace-{{.name}}",
            "destination": {"server": "{{.cluster}}", "namespace": platform},
            "sources": [
                {
                    "repoURL": file.repository,
                    "targetRevision": "{{.revision}}",
                    "path": CHART,
                    "helm": {
                        "releaseName": "millrace",
                        "valueFiles": [f"$values/{VALUES}/{{{{.name}}}}.yaml"],
                    },
                },
                {"repoURL": file.repository, "targetRevision": "main", "ref": "values"},
            ],
            "syncPolicy": {
                # What is changed by hand is changed back.
                "automated": {"prune": True, "selfHeal": True},
                # The check of signatures runs before anything else is there.
                "syncOptions": ["CreateNamespace=true", "ServerSideApply=true"],
                "retry": {"limit": 3, "backoff": {"duration": "30s", "factor": 2}},
            },
        },
    }
    elements = [
        {"name": name, "cluster": each.cluster, "revision": each.revision}
        for name, each in file.environments.items()
    ]
    spec = {
        "goTemplate": True,
        "goTemplateOptions": ["missingkey=error"],
        "generators": [{"list": {"elements": elements}}],
        # An environment that is taken out of the list keeps running until somebody deletes it.
        "syncPolicy": {"preserveResourcesOnDeletion": True},
        "template": template,
    }
    return _object("ApplicationSet", "millrace", file, spec)


def _object(kind: str, name: str, file: _File, spec: Object) -> Object:
    about = {"name": name, "namespace": file.namespace}
    return {"apiVersion": API, "kind": kind, "metadata": about, "spec": spec}
