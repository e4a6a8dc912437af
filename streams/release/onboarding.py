"""The files that a new tenant or agent is made of: by `millrace new`, and by Backstage's templates.

Both fill the same texts: a shell with names, a template with places that Backstage fills.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from streams.release.observing.dashboards import of_tenant
from streams.release.observing.objectives import Edge

Kind = Literal["tenant", "agent"]
KINDS: tuple[Kind, ...] = ("tenant", "agent")
# Of a tenant of the flow those that may be a file's, a cluster's object's and a catalogue's too.
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
OTHERS = "other"  # as metrics call all tenants beyond the first
CATALOGUED = "millrace-events"

_POLICY = """\
# {name}, of {owner}: what its people may ask, what that may cost, and how much of it.
# docs/guard.md and docs/money.md say what else may be said here.
tenants:
  "{name}":
    suspended: false
    limits:
      query_chars: 2000
    budget: # in the currency of prices.yaml: above soft quotes alone, above hard no answers
      period: month
      soft: {soft}
      hard: {budget}
    quotas:
      questions_per_second: {rate}
      model_calls: 4
      changes_per_minute: 600
"""
_VALUES = """\
# {name}: who it is to Kafka, and how much of the broker it may take, where the chart makes
# Strimzi's objects.
clients:
  "{name}":
    tenant: "{tenant}"
    quotas:
      requestPercentage: 25
      producerByteRate: 1048576
"""
_TENANT = """\
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata:
  name: "tenant-{name}"
  description: "A tenant: its documents, its people, its budget."
  annotations:
    millrace.io/policy: "policies/tenants/{name}.yaml"
spec:
  type: tenant
  owner: "{owner}"
  system: millrace
"""
_AGENT = """\
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: "agent-{name}"
  description: "A program that asks for {tenant}, and spends its budget."
spec:
  type: agent
  lifecycle: experimental
  owner: "{owner}"
  system: millrace
  consumesApis: [{api}]
  dependsOn: ["resource:tenant-{tenant}"]
"""
# What an evaluation is made of: one that is answered, one that must not be.
_QUESTIONS = (
    {
        "id": "1",
        "question": "REPLACE: a question that your documents answer",
        "answer": "REPLACE: what a right answer says",
        "contains": ["REPLACE: words that it cannot do without"],
        "sources": ["REPLACE: the document that says so"],
    },
    {
        "id": "2",
        "question": "REPLACE: a question that none of your documents answers",
        "answerable": False,
    },
)


def files(kind: Kind, said: Mapping[str, str], promised: Mapping[str, Edge]) -> dict[str, str]:
    """The content of each file by its path from the repository's root.

    `said` has `name`, `owner`, and of a tenant `budget`, `soft` and `rate`, of an agent `tenant`.
    """
    name = said["name"]
    tenant = name if kind == "tenant" else said["tenant"]
    place = f"infra/{kind}s/{name}"
    filled = {**said, "tenant": tenant, "api": CATALOGUED}
    board = of_tenant(f"{kind}-{name}", f"Millrace: {name}", tenant, promised)
    questions = [each | {"tenant": tenant} for each in _QUESTIONS]
    found = {
        f"{place}/values.yaml": _VALUES.format(**filled),
        f"{place}/catalog-info.yaml": (_TENANT if kind == "tenant" else _AGENT).format(**filled),
        f"{place}/dashboard.json": json.dumps(board, indent=1) + "\n",
        f"{place}/questions.jsonl": "".join(json.dumps(each) + "\n" for each in questions),
    }
    if kind == "tenant":
        found[f"policies/tenants/{name}.yaml"] = _POLICY.format(**filled)
    return found


def template(kind: Kind, repository: str) -> dict[str, Any]:
    """Backstage's template of this kind, whose skeleton stands beside it.

    `repository` is where its pull request goes, as `policies/environments.yaml` names it.
    """
    name = {
        "title": "Name",
        "type": "string",
        "pattern": f"^(?!{OTHERS}$){NAME.pattern}$",
        "description": "In lower case; of files, of the cluster's objects, and in each question.",
    }
    own: dict[str, Any] = {
        "tenant": {"title": "Tenant", "description": "For whom it asks.", **_but(name)}
    }
    if kind == "tenant":
        money = {"type": "number", "exclusiveMinimum": 0}
        own = {
            "budget": {"title": "Budget a month", "default": 100, **money},
            "soft": {"title": "Quotes alone above", "default": 80, **money},
            "rate": {"title": "Questions a second", "default": 20, **money},
        }
    properties = {
        "name": name,
        "owner": {"title": "Owner", "type": "string", "ui:field": "OwnerPicker"},
        **own,
    }
    host, _, path = repository.partition("://")[2].removesuffix(".git").partition("/")
    group, _, project = path.rpartition("/")
    values = {each: f"${{{{ parameters.{each} }}}}" for each in properties}
    called = "${{ parameters.name }}"
    return {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {
            "name": f"millrace-{kind}",
            "title": f"A new {kind} of Millrace",
            "description": "Opens a pull request with its files; the owners of policies review it.",
            "tags": ["millrace", kind],
        },
        "spec": {
            "owner": "rag-platform",
            "type": kind,
            "parameters": [
                {"title": f"The {kind}", "required": [*properties], "properties": properties}
            ],
            "steps": [
                {
                    "id": "files",
                    "name": "Write its files",
                    "action": "fetch:template",
                    "input": {"url": "./skeleton", "values": values},
                },
                {
                    "id": "publish",
                    "name": "Ask for a review",
                    "action": "publish:github:pull-request",
                    "input": {
                        "repoUrl": f"{host}?owner={group}&repo={project}",
                        "branchName": f"new-{kind}-{called}",
                        "title": f"{kind.capitalize()} {called}",
                        "description": f"As `millrace new {kind}` writes it.",
                    },
                },
            ],
            "output": {
                "links": [{"title": "Pull request", "url": "${{ steps.publish.output.remoteUrl }}"}]
            },
        },
    }


def _but(name: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in name.items() if key in ("type", "pattern")}


def skeleton(kind: Kind, promised: Mapping[str, Edge]) -> dict[str, str]:
    """The same files with Backstage's places in them."""
    keys = ("name", "owner", "tenant", "budget", "soft", "rate")
    return files(kind, {key: f"${{{{ values.{key} }}}}" for key in keys}, promised)
