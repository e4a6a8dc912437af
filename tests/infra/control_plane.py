"""A Kubernetes control plane as plain processes on this machine: etcd, the API server, and more."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from tests.infra.tools import tool
from tests.support.certificates import LOOPBACK, Authority

START_S = 180.0
SERVICES = "10.96.0.0/16"


def free_ports(count: int) -> list[int]:
    """So many that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class ControlPlane:
    """A cluster without nodes. `kubeconfig` is an administrator's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "logs").mkdir(parents=True)
        self.authority = Authority(folder)
        self._store, self._peer, self._port = free_ports(3)
        self.url = f"https://127.0.0.1:{self._port}"
        self.kubeconfig = self.kubeconfig_of("admin", "admin", "system:masters")
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        accounts = self.authority.signer()
        hosts = [*LOOPBACK, "kubernetes.default.svc"]
        own = self.authority.leaf("apiserver", "kube-apiserver", hosts=hosts)
        front = self.authority.leaf("front", "front-proxy-client")
        store, peer = (f"http://127.0.0.1:{port}" for port in (self._store, self._peer))
        self.start(
            "etcd", f"--data-dir={self.folder / 'etcd'}", "--name=e", "--unsafe-no-fsync",
            f"--listen-client-urls={store}", f"--advertise-client-urls={store}",
            f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=e={peer}",
        )  # fmt: skip
        ca = self.authority.certificate
        self.start(
            "kube-apiserver", f"--etcd-servers={store}", "--bind-address=127.0.0.1",
            f"--secure-port={self._port}", "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none", f"--service-cluster-ip-range={SERVICES}",
            f"--tls-cert-file={own}.crt", f"--tls-private-key-file={own}.key",
            f"--client-ca-file={ca}", "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={accounts}.pub",
            f"--service-account-signing-key-file={accounts}.key",
            f"--requestheader-client-ca-file={ca}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={front}.crt", f"--proxy-client-key-file={front}.key",
        )  # fmt: skip
        trusted = ssl.create_default_context(cafile=str(ca))
        trusted.load_cert_chain(self.folder / "admin.crt", self.folder / "admin.key")
        self.client = httpx.Client(base_url=self.url, verify=trusted, timeout=30)
        self.await_(self._ready, "the API server")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()
        # The API server before the store, or both wait for each other.
        for process in reversed(self._running):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, *arguments: str, **variables: str) -> None:
        """One of the pinned programs, for as long as this lasts."""
        with (self.folder / "logs" / f"{name}.log").open("wb") as log:
            self._running.append(
                subprocess.Popen(
                    [tool(name), *arguments],
                    stdout=log,
                    stderr=log,
                    env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), **variables},
                    start_new_session=True,
                )
            )

    def await_(self, condition: Any, what: str, timeout: float = START_S) -> Any:
        """The first true value of `condition`."""
        until = time.monotonic() + timeout
        while True:
            if found := condition():
                return found
            for process in self._running:
                assert process.poll() is None, f"{process.args} has ended: see {self.folder}/logs"
            assert time.monotonic() < until, f"waited {timeout:.0f} s for {what}"
            time.sleep(0.1)

    def await_port(self, port: int) -> None:
        """Until somebody listens there."""

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        self.await_(listens, f"port {port}")

    def apply(self, objects: Sequence[dict[str, Any]]) -> None:
        """Server-side, each by its own address; raises where one is refused."""
        for each in objects:
            self._patch(each).raise_for_status()

    def get(self, path: str) -> Any:
        return self.client.get(path).raise_for_status().json()

    def _patch(self, said: dict[str, Any]) -> httpx.Response:
        group = said["apiVersion"]
        root = f"/api/{group}" if "/" not in group else f"/apis/{group}"
        meta = said["metadata"]
        where = f"/namespaces/{meta['namespace']}" if "namespace" in meta else ""
        path = f"{root}{where}/{self._plural(root, said['kind'])}/{meta['name']}"
        return self.client.patch(
            path,
            params={"fieldManager": "test", "force": "true", "fieldValidation": "Strict"},
            content=json.dumps(said),
            headers={"Content-Type": "application/apply-patch+yaml"},
        )

    def _plural(self, root: str, kind: str) -> str:
        known = self.get(root)["resources"]
        return next(r["name"] for r in known if r["kind"] == kind and "/" not in r["name"])

    def _ready(self) -> bool:
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def kubeconfig_of(self, name: str, user: str, group: str = "") -> Path:
        """For a user of the cluster."""
        leaf = self.authority.leaf(name, user, group)
        path = self.folder / f"{name}.kubeconfig"
        cluster = {"server": self.url, "certificate-authority": str(self.authority.certificate)}
        holder = {"client-certificate": f"{leaf}.crt", "client-key": f"{leaf}.key"}
        said = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": holder}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        path.write_text(yaml.safe_dump(said))
        return path


@contextmanager
def cluster(folder: Path) -> Iterator[ControlPlane]:
    """A control plane with nothing in it."""
    with ControlPlane(folder) as plane:
        yield plane
