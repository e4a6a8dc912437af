"""llama.cpp's own OpenAI-compatible server, in a process of its own, where it is installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MISSING = "llama.cpp is not installed: `make test-llm` installs it and runs this"
CONTEXT = 32_768  # tokens; the model's are bytes, mostly


def installed() -> bool:
    return find_spec("xllamacpp") is not None


@contextmanager
def serving(model: Path) -> Iterator[str]:
    """The address of a server of this GGUF file, `/v1` included."""
    command = [sys.executable, "-m", "tests.support.llama_server", str(model)]
    with (
        (model.parent / "llama.log").open("w") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        assert process.stdin and process.stdout
        try:
            line = next((each for each in process.stdout if each.startswith("serving ")), "")
            assert line, f"no server: {(model.parent / 'llama.log').read_text()[-2000:]}"
            yield f"{line.split()[1]}/v1"
        finally:
            process.kill()


def main(model: str) -> None:
    """Serve until standard input ends, which it does with whoever started this."""
    xllamacpp: Any = import_module("xllamacpp")  # installed or not, the rest is checked alike
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.n_ctx = CONTEXT
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(parameters)
    print(f"serving {server.listening_address}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
