"""PostgreSQL from Debian's package, with logical decoding, in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psycopg

from streams.flow.errors import UserError
from streams.local.child import LOOPBACK, Ports, Service

USER, PASSWORD, DATABASE = "millrace", "of-a-test", "bank"
_PLACES = (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/bin"))
# A kill of processes loses nothing that the kernel has; only a machine's failure would.
_OPTIONS = {
    "wal_level": "logical",
    "fsync": "off",
    "shared_buffers": "16MB",
    "max_connections": "20",
    "listen_addresses": LOOPBACK,
    "log_min_messages": "warning",
}


class Postgres(Service):
    """A server with one database, `bank`, and one user, who owns it and may replicate.

    It refuses to run as root: there it is started as the package's own user, and its folder is a
    temporary one that this user can reach. The constructor opens nothing.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__("PostgreSQL", folder / "logs" / "postgres.log")
        self._folder = folder
        self._data: Path | None = None
        self.port = 0

    @property
    def dsn(self) -> str:
        return f"postgresql://{USER}:{PASSWORD}@{LOOPBACK}:{self.port}/{DATABASE}"

    def connect(self) -> psycopg.Connection:
        """A connection that commits each statement."""
        return psycopg.connect(self.dsn, autocommit=True, connect_timeout=5)

    def command(self) -> Sequence[str]:
        if self._data is None:
            self.port = Ports(self._folder).choose("postgres", 0, "")
            self._data = self._initialised()
        given = _OPTIONS | {"port": str(self.port), "unix_socket_directories": str(self._data)}
        options = [each for name, value in given.items() for each in ("-c", f"{name}={value}")]
        return [*_as_user(), str(_program("postgres")), "-D", str(self._data), *options]

    def is_ready(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return self.alive

    def kill(self) -> None:
        """SIGKILL to the server, and its start anew once its other processes have noticed."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._data is not None:
            shutil.rmtree(self._data.parent, ignore_errors=True)

    def _initialised(self) -> Path:
        data = Path(tempfile.mkdtemp(prefix="millrace-postgres-"))
        secret = data / "password"
        secret.write_text(PASSWORD)
        if os.getuid() == 0:
            owner = _owner()
            for path in (data, secret):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        cluster = data / "cluster"
        said = ["--username", USER, "--pwfile", str(secret), "--auth", "scram-sha-256"]
        said += ["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "-D", str(cluster)]
        done = subprocess.run(
            [*_as_user(), str(_program("initdb")), *said], capture_output=True, text=True, cwd="/"
        )
        if done.returncode != 0:
            raise UserError(f"PostgreSQL cannot be initialised: {done.stderr.strip()[-300:]}")
        single = [
            *_as_user(),
            str(_program("postgres")),
            "--single",
            "-D",
            str(cluster),
            "postgres",
        ]
        subprocess.run(
            single, input=f"CREATE DATABASE {DATABASE}", text=True, check=True, capture_output=True
        )
        return cluster


def _owner() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise UserError(
        "PostgreSQL refuses to run as root, and there is no user 'postgres' or 'nobody'"
    )


def _as_user() -> list[str]:
    if os.getuid() != 0:
        return []
    owner = _owner()
    return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]


def _program(name: str) -> Path:
    for place in _PLACES:
        if (place / name).is_file():
            return place / name
    raise UserError(f"PostgreSQL's `{name}` is missing: apt-get install postgresql")
