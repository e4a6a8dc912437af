"""Room on the disk: what nobody waits for stops before there is none left.

A full disk stops a broker, and a store in the midst of a write. So below a floor of free space the
stages that take documents in take nothing more; what they hold is finished, and questions go on.
"""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path

log = logging.getLogger("millrace.worker")

LOOK_S = 1.0
MIB = 1024 * 1024
# So that it does not go to and fro: so much above the floor is room again.
AGAIN = 1.05


class Room:
    """Whether there is room in the file system of a folder. Shared by a process's stages."""

    def __init__(self, folder: Path, floor_mb: int) -> None:
        self.folder = folder
        self.floor_mb = floor_mb
        self._looked = 0.0
        self._short = False

    def free_mb(self) -> int:
        """What is free there, in megabytes."""
        folder = self.folder.absolute()
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free // MIB

    def short(self) -> bool:
        """Whether documents have to wait; looked at once a second."""
        now = time.monotonic()
        if now - self._looked >= LOOK_S:
            self._looked = now
            self._look()
        return self._short

    def _look(self) -> None:
        free = self.free_mb()
        short = free < self.floor_mb * (AGAIN if self._short else 1.0)
        if short == self._short:
            return
        self._short = short
        told = {"folder": str(self.folder), "free_mb": free, "floor_mb": self.floor_mb}
        if short:
            log.error("the disk is nearly full: documents wait, questions go on", extra=told)
        else:
            log.warning("the disk has room again: documents go on", extra=told)


def sentence(room: Room) -> str:
    """What is to be done where there is none."""
    return (
        f"the disk of {room.folder} has {room.free_mb():,} MB left, less than the "
        f"{room.floor_mb:,} of MILLRACE_DISK_FLOOR_MB: documents wait, questions go on. Make room; "
        "nothing needs a restart"
    )
