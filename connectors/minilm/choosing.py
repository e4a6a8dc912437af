"""Which engine runs a graph fastest on this machine: measured once, in a process of its own.

What wins is no matter of the instruction set alone: bfloat16 halves the work on some CPUs that
multiply in it and slows others down, and virtual machines hide what they have. So every candidate
runs a typical batch. CPU time is compared, since at a start other programs run too. Processes of
their own, so that an engine that crashes, or keeps memory, does that elsewhere. docs/embedding.md
says what was found.
"""

from __future__ import annotations

import json
import logging
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any

import numpy as np

from streams.flow.caching import user_cache

log = logging.getLogger(__name__)

FILE = "engine.json"
REVISION = 1  # raise it when something else is measured, so that machines choose again
PREFERRED = ("openvino", "openvino-f32", "onnxruntime")  # of engines that are alike
ALIKE = 1.1  # times the CPU time of the fastest
RUNS = 3  # of a batch, of which the fastest counts
PATIENCE_S = 120.0


def known(folder: Path) -> str | None:
    """The engine that this machine chose with these packages; None where it has not yet.

    It is kept for the user, or in `folder` where that cannot be.
    """
    for file in (_file(), folder / FILE):
        with suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            if found.get("machine") == _machine() and found.get("engine") in PREFERRED:
                return found["engine"]
    return None


def choose(graph: Path, typical: Sequence[Any], folder: Path) -> str:
    """Measure every candidate with a typical input of `graph`, and remember the choice.

    Where nothing could be measured it is the preferred one, and nothing is remembered.
    """
    took = _measured(graph, typical)
    if not took:
        return PREFERRED[0]
    engine = best(took)
    told = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in took.items())
    log.info("the embedding model runs on %s here (CPU time of a batch: %s)", engine, told)
    text = json.dumps({"engine": engine, "machine": _machine(), "seconds": took}, indent=1)
    try:
        _keep(_file(), text)
    except OSError:  # a user without a home, as in many containers
        _keep(folder / FILE, text)
    return engine


def _keep(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as part:
        part.write(text)
    Path(part.name).replace(file)


def best(took: Mapping[str, float]) -> str:
    """The fastest, or one that is preferred and hardly slower."""
    limit = min(took.values()) * ALIKE
    return next(name for name in PREFERRED if took.get(name, limit + 1) <= limit)


def _measured(graph: Path, typical: Sequence[Any]) -> dict[str, float]:
    with TemporaryDirectory(prefix="millrace-engine-") as folder:
        file = Path(folder) / "typical.npz"
        np.savez(file, *typical)
        took: dict[str, float] = {}
        command = [sys.executable, "-m", "connectors.minilm.choosing"]
        running = {  # side by side: CPU time hardly minds, and somebody waits for the start
            name: subprocess.Popen(
                [*command, name, graph, file],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for name in PREFERRED
        }
        until = time.monotonic() + PATIENCE_S
        for name, process in running.items():
            try:
                said, _ = process.communicate(timeout=max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                said, _ = process.communicate()
            if process.returncode == 0:  # else it cannot run here
                took[name] = float(said)
    return took


def _file() -> Path:
    """Of this user and machine, whatever data folder is used."""
    return user_cache() / FILE


def _machine() -> str:
    """What a choice holds for: the CPU, and the packages that measured."""
    parts = [str(REVISION), platform.machine()]
    with suppress(OSError):
        said = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
        shown = ("model name", "flags", "Features", "CPU part")
        parts += [line.partition(":")[2].strip() for line in said if line.startswith(shown)]
    for package in ("openvino", "onnxruntime"):
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            parts.append(f"no {package}")
    return "; ".join(parts)


def main(engine: str, graph: str, file: str) -> None:
    """Prints the CPU seconds that a batch takes on this engine, in one thread."""
    from connectors.minilm.engines import run_on

    with np.load(file) as typical:
        inputs = [typical[name] for name in typical.files]
    run = run_on(engine, Path(graph), 1, inputs, keep=False)
    took: list[float] = []
    for _ in range(RUNS):
        begin = time.process_time()
        run(*inputs)
        took.append(time.process_time() - begin)
    print(min(took))


if __name__ == "__main__":
    main(*sys.argv[1:])
