"""The broker's classes, loaded and linked once per computer: a start then takes half the time.

Made beside a stack that is ready, by `python -m streams.local.archive`, at the least priority: a
broker that records what it loads is started and stopped in a folder of its own, and the JVM writes
its ahead-of-time cache (JEP 483, 514) from the record. The next start finds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import psutil

from streams.app.settings import Settings, load
from streams.flow.errors import MillraceError
from streams.local.broker import Broker, archive
from streams.local.child import LEAST, OTHERS, OWN_FILE, lower_priority
from streams.local.jars import KAFKA
from streams.local.worker_process import environment

STOP_TIMEOUT_S = 120.0  # the record is written when the broker stops, by a process that yields
CREATE_TIMEOUT_S = 300.0
END_TIMEOUT_S = 10.0


def failed(file: Path) -> Path:
    """Beside an archive that could not be made, the reason: it is not tried again."""
    return file.with_suffix(".failed")


class Archiving:
    """The process that makes the archive where there is none; entering it begins it.

    It ends when it is done, and when whoever began it is gone, however that came: its standard
    input says so.
    """

    def __init__(self, settings: Settings, file: Path) -> None:
        self._settings = settings
        self._file = file
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if not (self._file.exists() or failed(self._file).exists()):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams.local.archive"],
                env=environment(self._settings),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt from the terminal is for the supervisor
                umask=OTHERS,
            )
        return self

    @property
    def pid(self) -> int:
        """Its process; 0: there is none, since nothing is to be made."""
        return self._process.pid if self._process else 0

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(END_TIMEOUT_S)
            except subprocess.TimeoutExpired:  # it yields to everybody: on a busy machine, for long
                self._process.kill()
                self._process.wait()


def make(settings: Settings, given_up: threading.Event | None = None) -> Path | None:
    """The archive; None: it cannot be made, or another process makes it just now.

    Once `given_up` is set, whatever goes wrong is not remembered.
    """
    jars = KAFKA.classpath()
    file = archive(jars)
    try:
        with alone(file.with_suffix(".lock")), TemporaryDirectory(prefix="millrace-") as folder:
            record, made = Path(folder) / "record", Path(folder) / "made"
            own = {"data": Path(folder), "kafka_port": 0, "kafka_secure": False}
            broker = Broker(settings.model_copy(update=own), record=record)
            broker.nice = LEAST
            with broker:
                broker.stop(STOP_TIMEOUT_S)
            subprocess.run(
                [
                    *broker.java(jars),
                    *("-XX:AOTMode=create", f"-XX:AOTConfiguration={record}"),
                    f"-XX:AOTCache={made}",
                ],
                env=broker.environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=CREATE_TIMEOUT_S,
                check=True,
            )
            beside = file.with_suffix(".partial")
            shutil.move(made, beside)  # the cache may be on another disk
            beside.chmod(OWN_FILE)
            beside.replace(file)
    except BlockingIOError:
        return None
    except (OSError, subprocess.SubprocessError, MillraceError) as error:
        if not (given_up and given_up.is_set()):
            with contextlib.suppress(OSError):
                failed(file).write_text(f"{error}\n{getattr(error, 'stderr', None) or ''}")
        return None
    return file


@contextmanager
def alone(lock: Path) -> Generator[None]:
    """Raises `BlockingIOError` where another process is at it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _end_with_our_parent(given_up: threading.Event) -> None:
    """Once the other end of standard input is closed, end what was started; the rest follows."""
    sys.stdin.buffer.read()
    given_up.set()
    while True:
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
        time.sleep(0.05)


def main() -> int:
    """Makes the archive, unless its parent ends first."""
    given_up = threading.Event()
    lower_priority(os.getpid(), LEAST)
    threading.Thread(target=_end_with_our_parent, args=[given_up], daemon=True).start()
    return 0 if make(load(), given_up) else 1


if __name__ == "__main__":
    sys.exit(main())
