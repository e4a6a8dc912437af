"""The chart on a real API server with the real definitions. Run by `make test-cluster`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.infra import keda
from tests.infra.check_chart import CHART, EXAMPLES, template
from tests.infra.control_plane import ControlPlane, cluster
from tests.infra.strict import definitions
from tests.infra.tools import tool


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with cluster(tmp_path_factory.mktemp("cluster")) as plane:
        plane.apply(definitions())
        plane.await_(lambda: _established(plane), "the definitions")
        keda.controllers(plane)
        keda.webhooks(plane)
        yield plane


def _established(plane: ControlPlane) -> bool:
    found = plane.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]
    return all(
        any(
            c["type"] == "Established" and c["status"] == "True"
            for c in each["status"].get("conditions") or ()
        )
        for each in found
    )


def _there(plane: ControlPlane) -> bool:
    """Whether each workload has the pods that it wants."""
    sets = plane.get("/apis/apps/v1/statefulsets")["items"]
    return all(each["status"].get("replicas") == each["spec"]["replicas"] for each in sets)


def helm(plane: ControlPlane, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig), "HOME": str(plane.folder)}
    return subprocess.run(
        [tool("helm"), *arguments], capture_output=True, text=True, env=environment, timeout=200
    )


def _of(said: str) -> set[tuple[str, str, str]]:
    """Kind, namespace and name of each object."""
    objects: list[Any] = [each for each in yaml.safe_load_all(said) if each]
    return {
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"])
        for each in objects
    }


def test_from_an_empty_control_plane_every_object_is_accepted_and_changed_and_gone(
    plane: ControlPlane,
) -> None:
    values = ["-f", str(EXAMPLES / "small.yaml")]
    done = helm(plane, "install", "m", str(CHART), *values)
    assert done.returncode == 0, done.stderr
    assert "image.digest is not set" in done.stdout, "its notes are shown"
    _, rendered, _ = template(*values)
    wanted = _of(rendered)
    assert _of(helm(plane, "get", "manifest", "m").stdout) == wanted
    sets = plane.get("/apis/apps/v1/statefulsets")["items"]
    scaled = plane.get("/apis/keda.sh/v1alpha1/scaledobjects")["items"]
    assert len(sets) == len(scaled) + 1, "all but what has the index"
    targets = {(s["metadata"]["namespace"], s["spec"]["scaleTargetRef"]["name"]) for s in scaled}
    assert targets <= {(s["metadata"]["namespace"], s["metadata"]["name"]) for s in sets}

    plane.await_(lambda: _there(plane), "a pod of each, as quotas and bounds let them")

    done = helm(plane, "upgrade", "m", str(CHART), *values, "--set", "index.storage=20Gi")
    assert "m-index" in done.stderr, "the volume of an index that is there does not grow"
    done = helm(plane, "uninstall", "m")
    assert done.returncode == 0, done.stderr
    done = helm(plane, "install", "m", str(CHART), "-f", str(EXAMPLES / "medium.yaml"))
    assert done.returncode == 0, done.stderr
    done = helm(plane, "upgrade", "m", str(CHART), "-f", str(EXAMPLES / "bank.yaml"))
    assert done.returncode == 0, done.stderr
    most = plane.get("/apis/keda.sh/v1alpha1/namespaces/rag-ingestion/scaledobjects/m-embed")
    assert most["spec"]["maxReplicaCount"] == 48
    large = ["-f", str(EXAMPLES / "bank.yaml"), "--set", "stages.embed.max=49"]
    done = helm(plane, "upgrade", "m", str(CHART), *large)
    assert "WARNING: stages.embed.max is 49" in done.stdout, done.stderr
    done = helm(plane, "uninstall", "m")
    assert done.returncode == 0, done.stderr
    assert plane.get("/apis/apps/v1/statefulsets")["items"] == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"cooldown": 5}, "cooldown"),
        ({"maxReplicaCount": "many"}, "maxReplicaCount"),
    ],
)
def test_a_scaler_with_a_wrong_field_is_refused_by_the_server(
    plane: ControlPlane, change: dict[str, Any], named: str
) -> None:
    plane.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "wrong"}}])
    said = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "wrong", "namespace": "wrong"},
        "spec": {"scaleTargetRef": {"name": "x"}, "triggers": [], **change},
    }
    refused = plane._patch(said)
    assert refused.status_code in (400, 422, 500), refused.text
    assert named in refused.text


def test_a_second_scaler_of_one_workload_is_refused_by_keda(plane: ControlPlane) -> None:
    done = helm(plane, "install", "m", str(CHART), "-f", str(EXAMPLES / "small.yaml"))
    assert done.returncode == 0, done.stderr
    where = "/apis/keda.sh/v1alpha1/namespaces/rag-ingestion/scaledobjects/m-embed"
    said = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "another", "namespace": "rag-ingestion"},
        "spec": plane.get(where)["spec"],
    }
    refused = plane._patch(said)
    assert refused.status_code == 403, refused.text
    assert "vscaledobject.kb.io" in refused.text and "already managed" in refused.text
    assert helm(plane, "uninstall", "m").returncode == 0
