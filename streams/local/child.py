"""A server or worker process of the embedded stack: started, watched, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import psutil

from streams.flow.errors import UserError

LOOPBACK = "127.0.0.1"
LEAST = 19  # the nice value that nothing is below
# Below the range that Linux gives to outgoing connections (32768 on). A client that retries a
# dead server's port from inside that range can be connected to itself, and then holds the port.
PORTS = range(20_000, 32_000)
# Documents, questions and addresses with passwords are nobody else's on this machine.
OTHERS = 0o077
OWN_FILE, OWN_FOLDER = 0o600, 0o700
LOG_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT
WRITE_FLAGS = os.O_WRONLY | os.O_TRUNC | os.O_CREAT
LOG_LIMIT = 10 * 1024 * 1024
DISK_FLOOR = 256 * 1024 * 1024

# Where programs, libraries and temporary files are, and how people write.
_NEEDED = re.compile("PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TZ|LANG|LANGUAGE|LC_.*|LD_LIBRARY_PATH")
_FAULT = re.compile(r"^Caused by: |^[\w.$]+(?:Exception|Error)\b|^millrace: ", re.IGNORECASE)
_SEVERE = re.compile(r"\b(ERROR|FATAL|CRITICAL)\b")


class Service(ABC):
    """One child process in a session of its own, its output in a log file.

    The own session keeps a signal to our terminal or process group from reaching it: who stops
    what, and in which order, is the supervisor's decision alone.
    """

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.nice = 0
        self.created = 0.0  # the process's start, in seconds since the epoch
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What to execute; prepares whatever the process needs on disk.

        Raises:
            UserError: it cannot be prepared.
            OSError: the data folder cannot be written.
        """

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it does its work now; waits a second at most."""

    def tend(self) -> None:  # noqa: B027
        """What has to be done now and then while it works; waits a second at most."""

    def environment(self) -> dict[str, str]:
        """What any program needs: the rest of ours is no business of others, and may be secret."""
        return {name: value for name, value in os.environ.items() if _NEEDED.fullmatch(name)}

    def diagnosis(self, line: str) -> UserError:
        """Why it stopped, given the telling line of its log."""
        return UserError(f"{self.name} stopped: {line or 'it said nothing'}; its log is {self.log}")

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def exit_code(self) -> int | None:
        """None while it runs, and before its first start."""
        return self._process.poll() if self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the process, without waiting for it.

        Raises:
            UserError: it cannot be prepared, such as a taken port or an unwritable folder.
        """
        try:
            self.log.parent.mkdir(mode=OWN_FOLDER, parents=True, exist_ok=True)
            if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
                self.log.replace(self.log.with_suffix(".log.1"))
            command = list(self.command())
            with os.fdopen(os.open(self.log, LOG_FLAGS, OWN_FILE), "ab") as output:
                self._log_start = output.seek(0, os.SEEK_END)
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self.environment(),
                    start_new_session=True,
                    umask=OTHERS,
                )
        except OSError as error:
            raise unwritable(self.log.parent.parent, error) from None
        with contextlib.suppress(psutil.Error):
            self.created = psutil.Process(self.pid).create_time()
            if self.nice:
                lower_priority(self.pid, self.nice)

    def wait_ready(self, timeout: float = 120) -> None:
        """Blocks until it is ready.

        Raises:
            UserError: it stopped, or was not ready after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while not self.is_ready():
            if not self.alive:
                raise self.diagnosis(self.last_fault())
            if time.monotonic() > deadline:
                raise UserError(
                    f"{self.name} was not ready after {timeout:.0f} s; its log is {self.log}"
                )
            time.sleep(0.05)

    def stop(self, timeout: float = 20) -> None:
        """SIGTERM, and SIGKILL once `timeout` seconds have passed; idempotent."""
        self.ask_to_stop()
        if self._process is None:
            return
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def let_go(self) -> None:
        """Leaves the process running: it is to outlive this one."""
        if self._process is not None:
            self._process.returncode = 0  # else subprocess warns of a process left behind
            self._process = None

    def last_fault(self) -> str:
        """The telling line of what it logged since its last start: a cause if there is one."""
        return last_fault(self.log, self._log_start)

    def __enter__(self) -> Self:
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def last_fault(log: Path, start: int = 0) -> str:
    """The last line of `log` from byte `start` on that names a fault, else its last line."""
    try:
        with log.open("rb") as file:
            file.seek(max(start, log.stat().st_size - LOG_LIMIT))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("at ", "... "))]
    faults = [line for line in lines if _FAULT.match(line)]
    faults = faults or [line for line in lines if _SEVERE.search(line)] or lines
    return faults[-1][:400] if faults else ""


def lower_priority(pid: int, nice: int) -> None:
    """Lets other work go first, by so much more than what the stack was started with does.

    Errors are no concern: it is a courtesy.
    """
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        process.nice(min(process.nice() + nice, LEAST))
    # Where Linux groups processes by session, a nice value counts inside the group only, and the
    # group has one of its own.
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(nice))


def unwritable(folder: Path, error: OSError) -> UserError:
    """The sentence for a folder that cannot hold the stack's data."""
    return UserError(
        f"cannot write in {folder}: {error.strerror or error}; make room or mend its permissions,"
        " or name another folder with MILLRACE_DATA"
    )


def check_folder(folder: Path) -> None:
    """Creates the data folder if need be.

    Raises:
        UserError: it cannot be created or written, or its disk is nearly full.
    """
    try:
        folder.mkdir(mode=OWN_FOLDER, parents=True, exist_ok=True)
        if folder.stat().st_uid == os.getuid():
            folder.chmod(OWN_FOLDER)  # also one of an earlier version, or that somebody has made
        probe = folder / ".probe"
        probe.write_bytes(b"")
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise unwritable(folder, error) from None
    if free < DISK_FLOOR:
        raise UserError(
            f"only {free >> 20} MiB are free for {folder}, and {DISK_FLOOR >> 20} are needed;"
            " make room, or name another folder with MILLRACE_DATA"
        )


def is_free(port: int) -> bool:
    """Whether a server can listen on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def answers(port: int) -> bool:
    """Whether something accepts connections on this loopback port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


class Ports:
    """The ports of one data folder: picked once and remembered, so that clients find them again."""

    def __init__(self, data: Path) -> None:
        self._file = data / "ports.json"

    def choose(self, name: str, wanted: int, setting: str) -> int:
        """The port to use: `wanted`, or if that is 0 the remembered one, or a free one.

        Raises:
            UserError: the wanted port is taken.
            OSError: the choice cannot be written down.
        """
        if wanted:
            if not is_free(wanted):
                raise taken(name, wanted, setting)
            return wanted
        known = self._read()
        port = known.get(name, 0)
        if port not in PORTS or not is_free(port):
            port = next(port for port in self._candidates() if port not in known.values())
            write_atomically(self._file, json.dumps(known | {name: port}))
        return port

    def known(self, name: str) -> int:
        """The port that was chosen; 0: none was."""
        return self._read().get(name, 0)

    def _read(self) -> dict[str, int]:
        try:
            return {str(k): int(v) for k, v in json.loads(self._file.read_text()).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # never written, or damaged: other ports do as well

    @staticmethod
    def _candidates() -> Iterator[int]:
        # Starting anywhere: two stacks that start together should not want the same port.
        start = int.from_bytes(os.urandom(2)) % len(PORTS)
        for step in range(len(PORTS)):
            port = PORTS[(start + step) % len(PORTS)]
            if is_free(port):
                yield port


def taken(name: str, port: int, setting: str) -> UserError:
    return UserError(
        f"port {port} for {name} is taken by another program; stop that program, or set {setting}"
        " to another port, or to 0 for any free one"
    )


def write_atomically(file: Path, text: str) -> None:
    """Replaces `file` in one step, so that a reader never sees half of it."""
    partial = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        with os.fdopen(os.open(partial, WRITE_FLAGS, OWN_FILE), "w") as output:
            output.write(text)
        partial.replace(file)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
