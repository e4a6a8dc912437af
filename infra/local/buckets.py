"""An S3-compatible server, moto's, in an environment of its own: its packages are not ours.

The lock is written anew by `uv pip compile` of `moto[s3]`, `flask` and `flask-cors`, with the
options that CONTRIBUTING.md gives for the others.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from streams.flow.caching import kept
from streams.flow.errors import UserError
from streams.local.child import LOOPBACK, Ports, Service

LOCK = Path(__file__).with_name("buckets.lock")
MOST_S = 10
# It looks whether a request is signed, and no further, until it is told to.
_SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0",
    "Content-Type": "application/octet-stream",
}


class BucketServer(Service):
    """Buckets in memory, on a loopback port. The constructor opens nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__("moto", folder / "logs" / "moto.log")
        self._folder = folder
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def command(self) -> Sequence[str]:
        self.port = self.port or Ports(self._folder).choose("moto", 0, "")
        return [str(_python()), "-m", "moto.server", "-H", LOOPBACK, "-p", str(self.port)]

    def is_ready(self) -> bool:
        try:
            return self.alive and self.ask("GET", "moto-api/data.json") == 200
        except (URLError, OSError, HTTPException):
            return False

    def ask(self, method: str, path: str, body: bytes | None = None, query: str = "") -> int:
        """Do something to it as no client of ours does; returns the status."""
        where = f"{self.url}/{quote(path)}{query}"
        request = Request(where, data=body, method=method, headers=_SIGNED)  # noqa: S310
        try:
            with urlopen(request, timeout=MOST_S) as answer:  # noqa: S310
                return answer.status
        except HTTPError as error:
            with error:
                return error.code


def _python() -> Path:
    """The interpreter of its environment, which is made once into the user's cache."""
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = kept(f"buckets-{digest}", Path(".millrace") / "buckets")
    python, whole = folder / "bin" / "python", folder / "whole"
    if not whole.exists():
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", str(LOCK)], check=False)
        if done.returncode:
            raise UserError(f"the packages of {LOCK} cannot be installed into {folder}: see above")
        whole.touch()
    return python
