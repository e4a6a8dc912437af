"""`python -m streams.local.prepare`: makes the topics, and says which processes the stages need.

A process of its own, since the flow's imports would stay in the supervisor.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Self

from streams.app.ports import BrokerSettings
from streams.app.settings import PREFIX, Settings
from streams.flow.errors import UserError
from streams.flow.stage import Stage
from streams.local.worker_process import Process, environment


@dataclass(frozen=True, slots=True)
class Prepared:
    """Topics that were made, the processes to start, and as whom the command line speaks."""

    topics: list[str]
    processes: list[Process]
    operator: str = ""  # empty: the broker asks nobody


def processes_of(
    stages: Sequence[Stage], user_of: Callable[[str], str] = lambda _: ""
) -> list[Process]:
    """The processes that these stages' declarations make, in flow order."""
    from streams.app.ports import secrets
    from streams.app.rights import by_process

    return [
        Process(
            name,
            tuple(stage.name for stage in those),
            all(stage.place.background for stage in those),
            tuple(secrets(those)),
            user_of(name),
        )
        for name, those in by_process(stages).items()
    ]


def counting(user: str = "") -> Process:
    """The process that keeps windows of usage: no stage, and a worker as they are."""
    from streams.app.ports import EVERYONES
    from streams.app.windows import NAME

    return Process(NAME, (NAME,), background=True, secrets=tuple(sorted(EVERYONES)), user=user)


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
        """Make the topics, users too where the broker asks for them, and learn the processes.

        Raises:
            UserError: the topics cannot be made, or a policy is wrong.
        """
        given = environment(settings, [BrokerSettings.section])
        told = {name: v for name, v in given.items() if name.startswith(PREFIX)}
        out, err = self._process.communicate(json.dumps(told))
        if self._process.returncode != 0:
            said = (err.strip() or out.strip()).splitlines()
            reason = said[-1].removeprefix("millrace: ") if said else "it gave no reason"
            raise UserError(f"the topics could not be created: {reason}")
        found = json.loads(out.splitlines()[-1])
        processes = [
            Process(p["name"], tuple(p["stages"]), p["background"], tuple(p["secrets"]), p["user"])
            for p in found["processes"]
        ]
        return Prepared(found["topics"], processes, found["operator"])


def main() -> int:
    """Prints what `Preparation` reads."""
    from streams.app import opening, rights, windows
    from streams.app.settings import load
    from streams.edge import admin
    from streams.local import scram

    told = sys.stdin.read()
    if not told:
        return 0  # nobody needs it any more
    os.environ.update(json.loads(told))
    try:
        settings = load()
        stages = opening.stages(settings)
        created = admin.apply_topics(settings, stages)
        admin.amend_topics(settings, stages)
        made = Prepared(created, processes_of(stages))
        flow = rights.Flow.of(settings, stages)
        if settings.kafka_secure:
            scram.secure(settings, rights.principals(flow, rights.by_process(stages)))
            processes = processes_of(stages, flow.principal)
            made = Prepared(created, processes, flow.principal(rights.OPERATOR))
        if settings.usage_windows:
            user = flow.principal(windows.NAME) if settings.kafka_secure else ""
            made.processes.append(counting(user))
    except UserError as error:
        print(f"millrace: {error}", file=sys.stderr)
        return 2
    print(json.dumps(asdict(made)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
