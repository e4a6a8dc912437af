"""What a drill does to a running stack, and the proof that it did."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from streams.app.settings import Settings
from streams.local.supervisor import Stack, status
from tests.system.harness import until

READY_S = 120.0  # a worker's start on a loaded machine, and the supervisor's longest back-off
FROZEN_S = 65.0  # longer than any time-out: others have taken over by then
MIB = 1024 * 1024


@dataclass
class Killer:
    """Kills and freezes processes of a stack that are at work."""

    stack: Stack
    data: Path
    kills: list[str] = field(default_factory=list[str])
    frozen: dict[str, float] = field(default_factory=dict[str, float])
    thawed: list[str] = field(default_factory=list[str])

    def kill(self, name: str) -> None:
        """SIGKILL the process once it is ready. Returns when it has died of that."""
        seen = until(lambda: self._ready(name), f"{name} to be at work", READY_S)
        process = self._child(name)
        assert process.pid == seen["pid"]
        assert process.poll() is None, "it was alive"
        process.send_signal(signal.SIGKILL)
        assert process.wait(20) == -signal.SIGKILL, "it died of this and nothing else"
        self.kills.append(name)

    def kill_one(self, names: Collection[str], rng: random.Random) -> None:
        """The same of one of those that are at work."""
        self.kill(until(lambda: self._one(names, rng), "one to be at work", READY_S, every=0.1))

    def freeze(self, names: Collection[str], rng: random.Random) -> None:
        """SIGSTOP one of those that are at work, one at a time; `thaw` lets it go on."""
        self.thaw(wait=True)
        name = until(lambda: self._one(names, rng), "one to be at work", READY_S, every=0.1)
        os.kill(self._child(name).pid, signal.SIGSTOP)
        self.frozen[name] = time.monotonic()

    def thaw(self, *, wait: bool = False) -> None:
        """Let those go on whose time is over, or once it is."""
        for name, since in [*self.frozen.items()]:
            left = since + FROZEN_S - time.monotonic()
            if left > 0 and not wait:
                continue
            time.sleep(max(0.0, left))
            process = psutil.Process(self._child(name).pid)
            assert process.status() == psutil.STATUS_STOPPED, f"{name} stood still all the time"
            process.resume()
            del self.frozen[name]
            self.thawed.append(name)

    def await_recovery(self) -> None:
        for name in {"broker", "redis", *self.kills}:
            until(lambda each=name: self._ready(each), f"{name} to be back", READY_S)

    def _one(self, names: Collection[str], rng: random.Random) -> str | None:
        ready = [name for name in names if name not in self.frozen and self._ready(name)]
        return rng.choice(ready) if ready else None

    def _ready(self, name: str) -> dict[str, Any] | None:
        """What the state file says of a process that is ready; None while it is not."""
        for each in status(Settings(data=self.data))["processes"]:
            child = self._child(name)
            if each["name"] == name and each["state"] == "ready" and each["pid"] == child.pid:
                return each if child.poll() is None else None
        return None

    def _child(self, name: str) -> subprocess.Popen[bytes]:
        watched = next(each for each in self.stack._watched if each.name == name)
        assert watched.service._process is not None
        return watched.service._process


@dataclass(frozen=True)
class Disk:
    """A disk of which a file takes all that is above the floor."""

    settings: Settings

    @staticmethod
    def floor_mb(folder: Path) -> int:
        """A floor that others on the machine do not reach by themselves."""
        return int(0.7 * _free_mb(folder))

    def fill(self, meanwhile: Callable[[], None]) -> None:
        """Full while `meanwhile` runs: the workers say so, and that they go on afterwards."""
        data, floor = self.settings.data, self.settings.disk_floor_mb
        full, room = self._said("nearly full"), self._said("has room again")
        filler = data / "filler"
        with filler.open("wb") as file:
            most = max(1, _free_mb(data) - floor + 512) * MIB
            os.posix_fallocate(file.fileno(), 0, most)
        try:
            until(lambda: self._said("nearly full") > full, "a full disk to be seen", READY_S)
            meanwhile()
        finally:
            filler.unlink()
        until(lambda: self._said("has room again") > room, "room to be seen", READY_S)

    def _said(self, words: str) -> int:
        return said(self.settings.data, f"the disk.*{words}".split(".*"))


def said(data: Path, words: Sequence[str]) -> int:
    """In how many lines of the workers' logs all of these words are."""
    lines = [
        line
        for file in (data / "logs").glob("up-*.log*")
        for line in file.read_text(errors="replace").splitlines()
    ]
    return sum(all(word in line for word in words) for line in lines)


def _free_mb(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize // MIB
