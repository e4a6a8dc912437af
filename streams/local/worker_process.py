"""The stack's worker processes: `python -m streams.cli run STAGE...` with exact settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from streams.app.settings import PREFIX, Settings, variables
from streams.flow.errors import UserError
from streams.local.child import OWN_FOLDER, Service
from streams.local.users import being

BACKGROUND = 5  # nice value: a third of a core beside a program at 0, and questions first


@dataclass(frozen=True, slots=True)
class Process:
    """A worker of the stack, as its stages' declarations have it.

    `secrets` are the sections of the settings whose secrets it gets; `user` is who it is to the
    embedded broker, where that asks.
    """

    name: str
    stages: tuple[str, ...]
    background: bool = False
    secrets: tuple[str, ...] = ()
    user: str = ""


def environment(settings: Settings, secrets: Collection[str] = ()) -> dict[str, str]:
    """Variables that give a child process exactly these settings, and no configuration file.

    Of secrets it gets those of the sections that are named.
    """
    found = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    found |= variables(settings, frozenset(secrets))
    found[f"{PREFIX}DATA"] = str(settings.data.absolute())
    # The child imports this very code, from whatever folder it is started.
    path = [str(Path(__file__).parents[2]), found.get("PYTHONPATH", "")]
    found["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    found["PYTHONUNBUFFERED"] = "1"
    # A worker has some 60 threads, and each heap that glibc gives them keeps its own remains: with
    # two, the peak of a worker under a long lag is about 50 MB lower.
    found.setdefault("MALLOC_ARENA_MAX", "2")
    return found


def run_command(process: Process) -> list[str]:
    """The production worker of these stages."""
    return [sys.executable, "-m", "streams.cli", "run", *process.stages]


class WorkerProcess(Service):
    """A worker: ready once it has written its pid into its ready file."""

    def __init__(self, process: Process, command: Sequence[str], settings: Settings) -> None:
        data = settings.data.absolute()
        worker = f"up-{process.name}"
        super().__init__(worker, data / "logs" / f"{worker}.log")
        self.nice = BACKGROUND if process.background else 0
        self._command = command
        self._secrets = process.secrets
        if process.user:
            settings = being(settings, process.user)
        self._settings = settings.model_copy(update={"worker": worker})
        self._ready_file = data / "run" / f"{worker}.ready"

    def command(self) -> Sequence[str]:
        self._ready_file.parent.mkdir(mode=OWN_FOLDER, parents=True, exist_ok=True)
        self._ready_file.unlink(missing_ok=True)
        return self._command

    def environment(self) -> dict[str, str]:
        return environment(self._settings, self._secrets)

    def is_ready(self) -> bool:
        try:
            return self.alive and self._ready_file.read_text().strip() == str(self.pid)
        except OSError:
            return False

    def diagnosis(self, line: str) -> UserError:
        return UserError(
            f"worker {self.name} stopped with: {line.removeprefix('millrace: ') or 'nothing said'};"
            f" its log is {self.log}"
        )
