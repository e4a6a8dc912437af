"""The real KEDA on a control plane: its operator, its metrics adapter, and what scales by them."""

from __future__ import annotations

import base64
import shutil
from typing import Any

from tests.infra.control_plane import ControlPlane, free_ports

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


def start(plane: ControlPlane) -> None:
    """KEDA, once external metrics are served."""
    plane.apply([_named("v1", "Namespace", "keda")])
    hosts = [
        "localhost",
        "127.0.0.1",
        *(f"{n}{s}" for n in NAMES for s in ("", ".keda", ".keda.svc")),
    ]
    certificates = plane.authority.leaf("keda/tls", "keda", hosts=hosts).parent
    shutil.copy(plane.authority.certificate, certificates / "ca.crt")
    grpc, metrics, health, served, told = free_ports(5)
    variables = {
        "POD_NAMESPACE": "keda",
        "KEDA_CLUSTER_OBJECT_NAMESPACE": "keda",
        "WATCH_NAMESPACE": "",
        "KUBECONFIG": str(plane.kubeconfig),
    }
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


def _registered(plane: ControlPlane, port: int) -> list[dict[str, Any]]:
    """Where external metrics are served, and that the autoscaler may read them.

    An endpoint may not be of this machine: so the service is another name of it.
    """
    authority = base64.b64encode(plane.authority.certificate.read_bytes()).decode()
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
                "caBundle": authority,
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
