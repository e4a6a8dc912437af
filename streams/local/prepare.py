"""`python -m streams.local.prepare`: makes the topics, and says which processes the stages need.

A process of its own, since the flow's imports would stay in the supervisor.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

from streams.app.settings import PREFIX, Settings
from streams.flow.errors import UserError
from streams.flow.stage import Stage
from streams.local.worker_process import Process, environment


@dataclass(frozen=True, slots=True)
class Prepared:
    """Topics that were made, and the processes to start."""

    topics: list[str]
    processes: list[Process]


def processes_of(stages: Sequence[Stage]) -> list[Process]:
    """The processes that these stages' declarations make, in flow order."""
    from streams.app.ports import secrets

    members: dict[str, list[Stage]] = {}
    for stage in stages:
        members.setdefault(stage.place.process, []).append(stage)
    return [
        Process(
            name,
            tuple(stage.name for stage in those),
            all(stage.place.background for stage in those),
            tuple(secrets(those)),
        )
        for name, those in members.items()
    ]


class Preparation:
    """The process that makes the topics and knows the processes; entering it begins it.

    It is begun while the servers start, since its imports take about as long, and waits at its
    standard input to be told the settings in which their addresses stand.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "streams.local.prepare"],
            env=environment(self._settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # an interrupt from the terminal is for the supervisor
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # where it is done, this does nothing
        self._process.communicate()

    def __call__(self, settings: Settings) -> Prepared:
        """Make the topics and learn the processes.

        Raises:
            UserError: the topics cannot be made, or a policy is wrong.
        """
        told = {name: v for name, v in environment(settings).items() if name.startswith(PREFIX)}
        out, err = self._process.communicate(json.dumps(told))
        if self._process.returncode != 0:
            said = (err.strip() or out.strip()).splitlines()
            reason = said[-1].removeprefix("millrace: ") if said else "it gave no reason"
            raise UserError(f"the topics could not be created: {reason}")
        found = json.loads(out.splitlines()[-1])
        return Prepared(
            found["topics"],
            [
                Process(p["name"], tuple(p["stages"]), p["background"], tuple(p["secrets"]))
                for p in found["processes"]
            ],
        )


def main() -> int:
    """Prints what `Preparation` reads."""
    from streams.app import opening
    from streams.app.settings import load
    from streams.edge import admin

    told = sys.stdin.read()
    if not told:
        return 0  # nobody needs it any more
    os.environ.update(json.loads(told))
    try:
        settings = load()
        stages = opening.stages(settings)
        made = Prepared(admin.apply_topics(settings, stages), processes_of(stages))
        admin.amend_topics(settings, stages)
    except UserError as error:
        print(f"millrace: {error}", file=sys.stderr)
        return 2
    print(json.dumps(asdict(made)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
