"""What a kubelet would do: a real worker process for each pod of some workloads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.infra.check_chart import CHART
from tests.infra.control_plane import ControlPlane

LOOK_S = 0.5
GRACE_S = 60
# What a pod has at places of its own is at others here.
_PLACES = ("MILLRACE_DATA", "MILLRACE_POLICIES", "MILLRACE_HTTP_PORT", "XDG_CACHE_HOME")


class Pods:
    """Starts a pod's command when the pod is there, and ends it as it goes."""

    def __init__(self, plane: ControlPlane, workloads: tuple[str, ...]) -> None:
        self._plane = plane
        self._wanted = workloads
        self._folder = plane.folder / "pods"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pods")
        self.failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()
        for name in [*self._running]:
            self._end(name)

    def ready(self, workload: str) -> int:
        """How many workers of it have their partitions."""
        return len([*self._folder.glob(f"m-{workload}-*/run/*.ready")])

    def _run(self) -> None:
        try:
            while not self._stopping.wait(LOOK_S):
                self._look()
        except BaseException as failure:
            self.failure = failure

    def _look(self) -> None:
        selector = f"app.kubernetes.io/component in ({','.join(self._wanted)})"
        try:
            found = self._plane.client.get("/api/v1/pods", params={"labelSelector": selector})
        except httpx.TransportError:
            return  # a busy machine
        there = {
            each["metadata"]["name"]: each
            for each in found.raise_for_status().json()["items"]
            if "deletionTimestamp" not in each["metadata"]
        }
        for name in there.keys() - self._running.keys():
            self._running[name] = self._begin(name, there[name]["spec"]["containers"][0])
        for name in self._running.keys() - there.keys():
            self._end(name)

    def _begin(self, name: str, container: dict[str, Any]) -> subprocess.Popen[bytes]:
        folder = self._folder / name
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        said = {each["name"]: each.get("value", name) for each in container["env"]}
        own = {key: value for key, value in said.items() if key not in _PLACES}
        own |= {"MILLRACE_DATA": str(folder), "MILLRACE_POLICIES": str(CHART / "policies")}
        kept = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": os.environ["PATH"]}
        program, verb = container["command"]
        assert program == "millrace"
        with (folder / "logs" / "worker.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "streams.cli", verb, *container["args"]],
                env=own | kept | {"HOME": os.environ["HOME"]},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _end(self, name: str) -> None:
        process = self._running.pop(name)
        process.terminate()
        process.wait(GRACE_S)
        for file in (self._folder / name / "run").glob("*.ready"):
            file.unlink()
