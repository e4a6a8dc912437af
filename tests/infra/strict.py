"""Strict schemas for kubeconform, from what defines the objects: Kubernetes' own OpenAPI document,
the CRDs in the modules of KEDA, the Prometheus operator, Istio and Argo CD, and those that
Strimzi's own generator makes of its classes. None of it is committed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.infra import strimzi
from tests.infra.tools import cached, module

PROMETHEUS = ("github.com/prometheus-operator/prometheus-operator", "v0.85.0")
MONITORING = ("prometheusrules", "servicemonitors")
ISTIO = ("istio.io/api", "v1.28.0")
MESH = ("PeerAuthentication", "AuthorizationPolicy")
ARGO = ("github.com/argoproj/argo-cd/v3", "v3.5.7")
GITOPS = ("applicationset", "appproject")
_REF = "#/definitions/"
# What every object has, whether or not its definition says so.
_EVERY = {"apiVersion": {"type": "string"}, "kind": {"type": "string"},
          "metadata": {"type": "object"}}  # fmt: skip
Schema = dict[str, Any]


def schemas() -> Path:
    """The folder with a file for each kind: `GROUP/KIND_VERSION.json`, lower case."""
    pins = repr((PROMETHEUS, ISTIO, ARGO, strimzi.JARS.coordinates)).encode()
    folder = cached(f"schemas-{hashlib.blake2b(pins, digest_size=4).hexdigest()}")
    if not (folder / "done").exists():
        for name, schema in (*_kinds(), *_custom()):
            path = folder / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(schema))
        (folder / "done").touch()
    return folder


def _kinds() -> Iterator[tuple[str, Schema]]:
    spec = module("k8s.io/kubernetes") / "api" / "openapi-spec" / "swagger.json"
    known: dict[str, Schema] = json.loads(spec.read_text())["definitions"]
    for name in known:
        if name.endswith(".IntOrString"):
            known[name] = {"type": ["integer", "string"]}
    for name, schema in known.items():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            wanted = _closure(known, name)
            definitions = {each: _strict(known[each]) for each in wanted}
            yield (
                _name(kind["group"], kind["kind"], kind["version"]),
                _strict(schema) | {"definitions": definitions},
            )


def _closure(known: dict[str, Schema], name: str) -> list[str]:
    found, waiting = dict.fromkeys([name]), [name]
    while waiting:
        for each in _references(known[waiting.pop()]):
            if each not in found:
                found[each] = None
                waiting.append(each)
    return [*found]


def _references(said: Any) -> Iterator[str]:
    if isinstance(said, dict):
        if isinstance(said.get("$ref"), str):
            yield said["$ref"].removeprefix(_REF)
        for inner in said.values():
            yield from _references(inner)
    elif isinstance(said, list):
        for inner in said:
            yield from _references(inner)


class _Loader(yaml.CSafeLoader):
    """Takes `=` for a text, as YAML 1.2 does."""


_Loader.add_constructor("tag:yaml.org,2002:value", _Loader.construct_yaml_str)


def definitions() -> list[dict[str, Any]]:
    """The CRDs of KEDA, and those of the Prometheus operator, of Istio, of Strimzi and of Argo CD
    that there are objects of."""
    keda = module("github.com/kedacore/keda/v2") / "config" / "crd" / "bases"
    prometheus = module(*PROMETHEUS) / "example" / "prometheus-operator-crd"
    wanted = [prometheus / f"monitoring.coreos.com_{name}.yaml" for name in MONITORING]
    found = [yaml.load(each.read_text(), _Loader) for each in (*keda.glob("*.yaml"), *wanted)]
    istio = module(*ISTIO) / "kubernetes" / "customresourcedefinitions.gen.yaml"
    mesh = [each for each in yaml.load_all(istio.read_text(), _Loader) if each]
    found += [each for each in mesh if each["spec"]["names"]["kind"] in MESH]
    argo = module(*ARGO) / "manifests" / "crds"
    found += [yaml.load((argo / f"{each}-crd.yaml").read_text(), _Loader) for each in GITOPS]
    return found + [
        yaml.load(each.read_text(), _Loader) for each in strimzi.crds(cached("strimzi"))
    ]


def _custom() -> Iterator[tuple[str, Schema]]:
    for definition in definitions():
        spec = definition["spec"]
        for version in spec["versions"]:
            schema = _strict(version["schema"]["openAPIV3Schema"])
            schema["properties"] |= _EVERY
            yield _name(spec["group"], spec["names"]["kind"], version["name"]), schema


def _strict(said: Any) -> Any:
    """The same, but an object has the fields that it is said to have and no others."""
    if isinstance(said, list):
        return [_strict(each) for each in said]
    if not isinstance(said, dict):
        return said
    made = {
        key: _strict(value)
        for key, value in said.items()
        if key != "description" or not isinstance(value, str)
    }
    if made.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
        made.pop("anyOf", None)
        made["type"] = ["integer", "string"]
    open_ended = made.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(made.get("properties"), dict) and not open_ended:
        made.setdefault("additionalProperties", False)
    return made


def _name(group: str, kind: str, version: str) -> str:
    return f"{group or version}/{kind}_{version}".lower()  # kubeconform calls the core group v1
