"""What a running stack has written down about itself, and what can be done from that alone."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from streams.app.ports import RedisSettings
from streams.app.settings import Settings
from streams.flow.errors import UserError
from streams.flow.masking import masked
from streams.local.child import check_folder, unwritable, write_atomically
from streams.local.redis import CACHE, KEPT, with_password

# A process's start is computed from the clock, which may be set meanwhile. A pid is not given
# again within seconds.
CLOCK_TOLERANCE_S = 5.0
STOP_TIMEOUT_S = 20.0
SUPERVISOR_STOP_TIMEOUT_S = 4 * STOP_TIMEOUT_S  # workers, Redis, broker, one after the other
LOCK_WAIT_S = 5.0
_URLS = {"redis_url": CACHE, "kept_url": KEPT}


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A process as the supervisor last saw it; pid and start time together identify it."""

    name: str
    pid: int
    created: float
    state: str  # starting, ready, waiting (to be restarted)
    restarts: int = 0
    log: str = ""

    def process(self) -> psutil.Process | None:
        """The process if it still runs; None if it is gone or the pid is another's by now."""
        if self.pid <= 0:
            return None
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < CLOCK_TOLERANCE_S
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


@dataclass(frozen=True, slots=True)
class StackState:
    """The content of `DATA/stack.json`."""

    supervisor: ProcessState
    phase: str = "starting"  # what it is doing, in words; `ready` when it is
    bootstrap_servers: str = ""
    redis_url: str = ""
    kept_url: str = ""
    processes: Sequence[ProcessState] = field(default=())  # in the order of their start
    user: str = ""  # as whom the command line speaks to the broker, where that asks

    @property
    def ready(self) -> bool:
        return self.phase == "ready"


def state_file(data: Path) -> Path:
    return data / "stack.json"


def write_state(data: Path, state: StackState) -> None:
    """No password stands in it. Raises OSError where it cannot be written."""
    known = asdict(state) | {name: masked(getattr(state, name)) for name in _URLS}
    write_atomically(state_file(data), json.dumps(known, indent=1))


def read_state(data: Path) -> StackState | None:
    """What was written down last; None if nothing was, or it cannot be read.

    The addresses of servers of this folder have their passwords; others are `masked`.
    """
    try:
        known: dict[str, Any] = json.loads(state_file(data).read_text())
        processes = [ProcessState(**each) for each in known.pop("processes")]
        supervisor = ProcessState(**known.pop("supervisor"))
        here = {each.name for each in processes}
        for name, what in _URLS.items():
            if what in here:
                known[name] = with_password(known[name], data / what)
        return StackState(supervisor=supervisor, processes=processes, **known)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


class StackLock:
    """Makes sure that one supervisor at a time works on a data folder.

    The kernel gives the lock back however its holder ends.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._descriptor = -1

    def acquire(self, timeout: float = 0) -> bool:
        """Whether the lock is ours now; waits up to `timeout` seconds for it.

        Raises:
            UserError: the folder cannot be written.
        """
        check_folder(self._data)
        try:
            descriptor = os.open(self._data / "stack.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise unwritable(self._data, error) from None
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    return False
                time.sleep(0.05)
            else:
                self._descriptor = descriptor
                return True

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@contextlib.contextmanager
def only_supervisor(data: Path) -> Generator[None]:
    """Holds the lock on a data folder, and ends what a killed supervisor left running.

    Raises:
        UserError: another supervisor lives, or the folder cannot be written.
    """
    lock = StackLock(data)
    # A supervisor that was just told to stop, or killed, may still be on its way out.
    if not lock.acquire(timeout=0.5):
        state = read_state(data)
        pid = f" (pid {state.supervisor.pid})" if state else ""
        raise UserError(
            f"a stack is already running on {data}{pid}; stop it with `millrace down`,"
            " or name another folder with MILLRACE_DATA"
        )
    try:
        if state := read_state(data):
            end(state.processes)
        yield
    finally:
        lock.release()


def end(processes: Sequence[ProcessState]) -> list[str]:
    """Stops recorded processes that still run, last started first; returns their names.

    Only what is still the recorded process is touched. SIGTERM, then SIGKILL.
    """
    workers = [each for each in processes if each.name not in ("broker", CACHE, KEPT)]
    servers = [[each] for each in reversed(processes) if each not in workers]
    stopped: list[str] = []
    for batch in (workers, *servers):
        living = [each.name for each in batch if each.process()]
        _end(batch, STOP_TIMEOUT_S)
        stopped += living
    return stopped


def _end(processes: Sequence[ProcessState], timeout: float) -> None:
    for kill in (False, True):
        for each in processes:
            if process := each.process():
                with contextlib.suppress(psutil.Error):
                    process.kill() if kill else process.terminate()
        deadline = time.monotonic() + timeout
        while any(each.process() for each in processes) and time.monotonic() < deadline:
            time.sleep(0.05)


def down(settings: Settings) -> list[str]:
    """Stops the stack of this data folder, its supervisor alive or not; idempotent.

    Returns the names of what was stopped; nothing if nothing ran.

    Raises:
        UserError: the data folder cannot be written.
    """
    data = settings.data.absolute()
    if not data.is_dir():
        return []
    stopped: list[str] = []
    state = read_state(data)
    if state and state.supervisor.process():
        stopped.append(state.supervisor.name)
        stopped += [each.name for each in state.processes if each.process()]
        _end([state.supervisor], SUPERVISOR_STOP_TIMEOUT_S)
    lock = StackLock(data)
    if not lock.acquire(timeout=LOCK_WAIT_S):
        return stopped  # somebody has started it anew
    try:
        if state := read_state(data):
            stopped += [name for name in end(state.processes) if name not in stopped]
            state_file(data).unlink(missing_ok=True)
    finally:
        lock.release()
    return stopped


def status(settings: Settings) -> dict[str, Any]:
    """What runs on this data folder: `running`, `ready`, `phase`, addresses and `processes`.

    A process is `dead` if it is gone, and `orphaned` if it outlived its supervisor.
    """
    data = settings.data.absolute()
    state = read_state(data)
    if state is None:
        return {
            "running": False,
            "ready": False,
            "phase": "down",
            "bootstrap_servers": settings.bootstrap_servers,
            "redis_url": settings.of(RedisSettings).url,
            "kept_url": settings.of(RedisSettings).kept_url,
            "data": str(data),
            "processes": [],
        }
    running = state.supervisor.process() is not None
    return {
        "running": running,
        "ready": running and state.ready,
        "phase": state.phase if running else "down",
        "bootstrap_servers": state.bootstrap_servers,
        "redis_url": state.redis_url,
        "kept_url": state.kept_url,
        "data": str(data),
        "processes": [
            _seen(each, "" if running else "orphaned")
            for each in (state.supervisor, *state.processes)
        ],
    }


def _seen(recorded: ProcessState, orphaned: str) -> dict[str, Any]:
    process = recorded.process()
    rss = 0
    if process:
        with contextlib.suppress(psutil.Error):
            rss = process.memory_info().rss
    state = (orphaned or recorded.state) if process else "dead"
    if not process and recorded.state == "waiting" and not orphaned:
        state = "waiting"
    return {
        "name": recorded.name,
        "pid": recorded.pid,
        "state": state,
        "restarts": recorded.restarts,
        "log": recorded.log,
        "rss_mb": round(rss / 1e6, 1),
    }
