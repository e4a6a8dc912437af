"""The stack's worker processes: `python -m streams.cli run STAGE...` with exact settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from streams.app.settings import PREFIX, SECRETS, Settings
from streams.flow.errors import UserError
from streams.local.child import Service

BACKGROUND = {"documents": 10}  # nice values, by group
USERS = {"generation_key": {"rewrite", "generate"}}  # stages that use a secret


def environment(settings: Settings, secrets: Collection[str] = ()) -> dict[str, str]:
    """Variables that give a child process exactly these settings, and no configuration file.

    Of the secret settings it gets those that are named in `secrets`.
    """
    variables = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    changed = settings.model_dump(
        mode="json", exclude_defaults=True, exclude=set(SECRETS.difference(secrets))
    )
    for name, value in (changed | {"data": str(settings.data.absolute())}).items():
        variables[PREFIX + name.upper()] = value if isinstance(value, str) else json.dumps(value)
    # The child imports this very code, from whatever folder it is started.
    path = [str(Path(__file__).parents[2]), variables.get("PYTHONPATH", "")]
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    variables["PYTHONUNBUFFERED"] = "1"
    # A worker has some 60 threads, and each heap that glibc gives them keeps its own remains: with
    # two, the peak of a worker under a long lag is about 50 MB lower.
    variables.setdefault("MALLOC_ARENA_MAX", "2")
    return variables


def secrets_of(stages: Sequence[str]) -> list[str]:
    """The secret settings that a worker of these stages uses."""
    names = {stage.partition(".")[0] for stage in stages}
    return [secret for secret, users in USERS.items() if names & users]


def run_command(_group: str, stages: Sequence[str]) -> list[str]:
    """The production worker of these stages."""
    return [sys.executable, "-m", "streams.cli", "run", *stages]


def apply_topics(settings: Settings) -> list[str]:
    """Creates the topics, in a process of its own: the flow's imports would stay in this one."""
    command = [sys.executable, "-m", "streams.cli", "topics", "apply"]
    done = subprocess.run(
        command,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,  # an interrupt from the terminal is for the supervisor
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        reason = said[-1].removeprefix("millrace: ") if said else "it gave no reason"
        raise UserError(f"the topics could not be created: {reason}")
    return done.stdout.splitlines()


class WorkerProcess(Service):
    """A worker: ready once it has written its pid into its ready file."""

    def __init__(
        self, group: str, stages: Sequence[str], command: Sequence[str], settings: Settings
    ) -> None:
        data = settings.data.absolute()
        worker = f"up-{group}"
        super().__init__(worker, data / "logs" / f"{worker}.log")
        self.nice = BACKGROUND.get(group, 0)
        self._command = command
        self._secrets = secrets_of(stages)
        self._settings = settings.model_copy(update={"worker": worker})
        self._ready_file = data / "run" / f"{worker}.ready"

    def command(self) -> Sequence[str]:
        self._ready_file.parent.mkdir(parents=True, exist_ok=True)
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
