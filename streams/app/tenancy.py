"""`budget` and `quotas` of `policies/tenants.yaml`, read and followed while a process runs."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from connectors.rego.source import OWN, UnusableError, tenants
from processors.money.tenancy import Tenancy, tenancy
from processors.questions.admit import TENANT
from streams.app import policies
from streams.flow.errors import UserError
from streams.flow.port import Watch, unwatched

__all__ = ["TENANT", "Followed", "Tenancy", "read"]

TENANTS = "tenants.yaml"
PEER = "tenants.yaml"  # as the metric of what is away names it
LOOK_S = 2.0
log = logging.getLogger("millrace.tenancy")


def read(folder: Path | None) -> Tenancy:
    """What the policy folder says, or the release's own.

    Raises:
        UserError: the file is absent or wrong.
    """
    place = folder or policies.SHIPPED
    try:
        return tenancy(tenants(place))
    except (UnusableError, ValueError) as error:
        raise UserError(f"policy {place / TENANTS} cannot be used: {error}") from None


class Followed:
    """The tenancy in force: looked at again as it is asked for, every two seconds at most.

    What cannot be used leaves the last good one in force, and is told once; where there never was
    one, nobody may spend. Safe to call from several threads.
    """

    def __init__(self, folder: Path | None, watch: Watch = unwatched) -> None:
        self._folder = folder
        self._place = folder or policies.SHIPPED
        self._watch = watch
        self._lock = threading.Lock()
        self._seen: object = None
        self._looked, self._wrong = 0.0, ""
        self._tenancy = Tenancy(closed=True)
        self._look()

    def __call__(self) -> Tenancy:
        with self._lock:
            if time.monotonic() - self._looked >= LOOK_S:
                self._look()
            return self._tenancy

    def _look(self) -> None:
        self._looked = time.monotonic()
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._tenancy, self._wrong = read(self._folder), ""
            log.info("budgets and quotas are in force")
        except UserError as error:
            if str(error) != self._wrong:
                self._wrong = str(error)
                then = "nobody may spend" if self._tenancy.closed else "the last good one stays"
                log.error("%s; %s", error, then)
        self._watch(PEER, bool(self._wrong))

    def _stamp(self) -> list[tuple[str, int, int, int]]:
        """Of each file, so that what changes is noticed, and what comes and goes."""
        found: list[tuple[str, int, int, int]] = []
        for path in (self._place / TENANTS, *sorted((self._place / OWN).glob("*.yaml"))):
            try:
                about = path.stat()
            except OSError:
                continue
            found.append((path.name, about.st_mtime_ns, about.st_size, about.st_ino))
        return found
