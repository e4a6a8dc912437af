"""The stack as a process of its own, which outlives the terminal it was started from."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from streams.app.ports import SECTIONS
from streams.app.settings import Settings
from streams.flow.errors import UserError
from streams.local.child import Service
from streams.local.state import read_state
from streams.local.worker_process import environment

TIMEOUT_S = 600.0  # the first start fetches the broker's jars as well
TICK_S = 0.1


def detach(
    settings: Settings,
    on_progress: Callable[[str], None] = lambda _: None,
    command: Sequence[str] = (sys.executable, "-m", "streams.cli", "up"),
) -> None:
    """Starts the stack as a process of its own, and returns once it is ready.

    Raises:
        UserError: it could not be started.
    """
    daemon = _Daemon(settings, command)
    daemon.start()
    said = ""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        if not daemon.alive:
            raise UserError(daemon.last_fault().removeprefix("millrace: ") or f"see {daemon.log}")
        state = read_state(settings.data.absolute())
        if state and state.supervisor.pid == daemon.pid:
            if state.phase != said:
                said = state.phase
                on_progress(said)
            if state.ready:
                daemon.let_go()
                return
        if time.monotonic() > deadline:
            daemon.stop()
            raise UserError(
                f"the stack was not ready after {TIMEOUT_S:.0f} s;"
                f" {daemon.last_fault()}; its log is {daemon.log}"
            )
        time.sleep(TICK_S)


class _Daemon(Service):
    def __init__(self, settings: Settings, command: Sequence[str]) -> None:
        super().__init__("millrace up", settings.data.absolute() / "logs" / "up.log")
        self._settings = settings
        self._command = command

    def command(self) -> Sequence[str]:
        return self._command

    def environment(self) -> dict[str, str]:
        return environment(self._settings, SECTIONS)  # it hands them on to those that use them

    def is_ready(self) -> bool:
        return self.alive
