"""The real KEDA on a control plane: its operator, its metrics adapter, and what scales by them."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

import yaml

from tests.infra.control_plane import ControlPlane, free_ports
from tests.infra.tools import module

CONTROLLERS = (
    "statefulset-controller", "horizontal-pod-autoscaler-controller", "namespace-controller",
    "garbage-collector-controller", "serviceaccount-controller", "resourcequota-controller",
    "root-ca-certificate-publisher-controller", "disruption-controller",
)  # fmt: skip
NAMES = ("keda-operator", "keda-metrics-apiserver")
METRICS = "v1beta1.external.metrics.k8s.io"


def controllers(plane: ControlPlane) -> None:
    """What makes pods of StatefulSets, within quotas."""
    accounts = plane.folder / "accounts.key"
    user = plane.kubeconfig_of("controllers", "system:kube-controller-manager")
    plane.start(
        "kube-controller-manager", f"--kubeconfig={user}", "--leader-elect=false",
        "--secure-port=0", "--use-service-account-credentials=true",
        f"--service-account-private-key-file={accounts}",
        f"--root-ca-file={plane.authority.certificate}",
        "--horizontal-pod-autoscaler-sync-period=5s", f"--controllers={','.join(CONTROLLERS)}",
    )  # fmt: skip


def webhooks(plane: ControlPlane) -> None:
    """KEDA's judgement of each scaler that is written; without it none is taken."""
    certificates = _certificates(plane)
    port, metrics, health = free_ports(3)
    plane.start(
        "keda-webhooks", f"--cert-dir={certificates}", f"--port={port}",
        f"--metrics-bind-address=127.0.0.1:{metrics}",
        f"--health-probe-bind-address=127.0.0.1:{health}", "--zap-encoder=console",
        **_variables(plane),
    )  # fmt: skip
    plane.await_port(port)
    said = module("github.com/kedacore/keda/v2") / "config/webhooks/validation_webhooks.yaml"
    configuration = yaml.safe_load(said.read_text())
    for each in configuration["webhooks"]:
        path = each["clientConfig"]["service"]["path"]
        each["clientConfig"] = {
            "url": f"https://localhost:{port}{path}",
            "caBundle": _authority(plane),
        }
        each["failurePolicy"] = "Fail"
    plane.apply([configuration])


def start(plane: ControlPlane) -> None:
    """KEDA, once external metrics are served."""
    certificates = _certificates(plane)
    grpc, metrics, health, served, told = free_ports(5)
    variables = _variables(plane)
    plane.start(
        "keda-operator", f"--cert-dir={certificates}",
        f"--metrics-service-bind-address=127.0.0.1:{grpc}",
        f"--metrics-bind-address=127.0.0.1:{metrics}",
        f"--health-probe-bind-address=127.0.0.1:{health}", "--zap-encoder=console",
        **variables,
    )  # fmt: skip
    plane.start(
        "keda-adapter", "--bind-address=127.0.0.1", f"--secure-port={served}", f"--port={told}",
        f"--cert-dir={certificates}", f"--tls-cert-file={certificates}/tls.crt",
        f"--tls-private-key-file={certificates}/tls.key",
        f"--client-ca-file={plane.authority.certificate}",
        f"--metrics-service-address=localhost:{grpc}", f"--lister-kubeconfig={plane.kubeconfig}",
        f"--authentication-kubeconfig={plane.kubeconfig}",
        f"--authorization-kubeconfig={plane.kubeconfig}", "--zap-encoder=console",
        **variables,
    )  # fmt: skip
    plane.await_port(served)
    plane.apply(_registered(plane, served))
    plane.await_(lambda: _available(plane), "external metrics")


def _certificates(plane: ControlPlane) -> Path:
    """A folder as KEDA's programs want it, made once."""
    folder = plane.folder / "keda"
    if not folder.exists():
        plane.apply([_named("v1", "Namespace", "keda")])
        named = [f"{name}{domain}" for name in NAMES for domain in ("", ".keda", ".keda.svc")]
        plane.authority.leaf("keda/tls", "keda", hosts=["localhost", "127.0.0.1", *named])
        shutil.copy(plane.authority.certificate, folder / "ca.crt")
    return folder


def _variables(plane: ControlPlane) -> dict[str, str]:
    return {
        "POD_NAMESPACE": "keda",
        "KEDA_CLUSTER_OBJECT_NAMESPACE": "keda",
        "WATCH_NAMESPACE": "",
        "KUBECONFIG": str(plane.kubeconfig),
    }


def _authority(plane: ControlPlane) -> str:
    return base64.b64encode(plane.authority.certificate.read_bytes()).decode()


def _registered(plane: ControlPlane, port: int) -> list[dict[str, Any]]:
    """Where external metrics are served, and that the autoscaler may read them.

    An endpoint may not be of this machine: so the service is another name of it.
    """
    service = {"name": NAMES[1], "namespace": "keda"}
    named = {"type": "ExternalName", "externalName": "localhost"}
    group, version = METRICS.partition(".")[2], METRICS.partition(".")[0]
    role = "keda-external-metrics"
    account = {
        "kind": "ServiceAccount",
        "name": "horizontal-pod-autoscaler",
        "namespace": "kube-system",
    }
    rule = {"apiGroups": [group], "resources": ["*"], "verbs": ["*"]}
    rbac = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": service, "spec": named},
        _named("apiregistration.k8s.io/v1", "APIService", METRICS)
        | {
            "spec": {
                "group": group,
                "version": version,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "service": service | {"port": port},
                "caBundle": _authority(plane),
            }
        },
        _named(f"{rbac}/v1", "ClusterRole", role) | {"rules": [rule]},
        _named(f"{rbac}/v1", "ClusterRoleBinding", role)
        | {
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": role},
            "subjects": [account],
        },
    ]


def _available(plane: ControlPlane) -> bool:
    found = plane.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{METRICS}")
    conditions = found.get("status", {}).get("conditions") or ()
    return any(each["type"] == "Available" and each["status"] == "True" for each in conditions)


def _named(version: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}
