"""The process in which files from anywhere are parsed: requests come on standard input.

It has no more than its limits of memory, open files and time, writes no files, is nobody and has
no network where the host allows that (`shut_in`), and is told nothing of the settings: what takes
it over or brings it down has gained and cost nothing but itself. It ends with whoever started it,
whose process is named on the command line, and gives way to it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import math
import os
import resource
import select
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from connectors.converters.errors import Unreadable
from connectors.converters.made import Limits, Made
from connectors.converters.shut_in import as_nobody, without_network

CONVERTERS = {
    "html": "connectors.converters.web",
    "pdf": "connectors.converters.pdf",
    "docx": "connectors.converters.word",
    "pptx": "connectors.converters.slides",
    "xlsx": "connectors.converters.sheets",
}
IDLE_S = 30.0
# Beside a busy worker it still has a quarter of a core: more would be felt by those who wait, less
# would wear out the `patience` with its files.
GIVES_WAY = 5
_OPEN_FILES = 64
_GRACE_S = 2  # the parent looks first, and names the time-out; this is for a parent that is gone
_SENTENCE = 300
_PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>
_NEARLY = 0.7  # of the memory: what failed then failed for want of it


def main() -> None:
    """Serve until standard input closes or nothing comes for a while."""
    without_network()
    as_nobody()
    if not _end_with(int(sys.argv[1])):
        return
    os.nice(GIVES_WAY)
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):  # parsers print warnings
        os.dup2(nowhere, descriptor)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    requests = sys.stdin.buffer
    while select.select([requests], [], [], IDLE_S)[0] and (line := requests.readline()):
        request: dict[str, Any] = json.loads(line)
        limits = Limits(**request["limits"])
        memory = limits.memory_mb << 20
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        data = requests.read(int(request["size"]))
        times = resource.getrusage(resource.RUSAGE_SELF)
        spent = times.ru_utime + times.ru_stime
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(spent + limits.timeout_s), hard))
        signal.alarm(int(limits.patience * limits.timeout_s) + _GRACE_S)
        answer = run(str(request["doc_type"]), data, limits)
        signal.alarm(0)
        _send(answers, answer)
        if answer.get("outcome") == "too_large":
            return  # memory may be in pieces


def _end_with(parent: int) -> bool:
    """Have the kernel end this process with `parent`; false where that has ended already."""
    with contextlib.suppress(AttributeError, OSError):  # only Linux has it
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent


def run(doc_type: str, data: bytes, limits: Limits) -> dict[str, Any]:
    """The answer to one request: what was made, or the outcome and the reason."""
    try:
        converter = importlib.import_module(CONVERTERS[doc_type])
        made: Made = converter.convert(data, limits)
        return asdict(made)
    except MemoryError:
        return _too_large(limits)
    except RecursionError:
        return {"outcome": "damaged", "reason": "is nested too deeply to be read"}
    except BaseException as error:  # a panic of a parser is no Exception
        if _peak_mb() > _NEARLY * limits.memory_mb:  # which a parser may call by any name
            return _too_large(limits)
        if isinstance(error, Unreadable):
            return {"outcome": error.outcome, "reason": str(error)[:_SENTENCE]}
        said = f"{type(error).__name__}: {error}"[:_SENTENCE]
        return {"outcome": "damaged", "reason": f"cannot be read as {doc_type}: {said}"}


def _peak_mb() -> int:
    """The most memory that was resident here; `ru_maxrss` begins at that of whoever started us."""
    with contextlib.suppress(OSError), Path("/proc/self/status").open("rb") as status:
        for line in status:
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) >> 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _too_large(limits: Limits) -> dict[str, Any]:
    reason = f"needs more than {limits.memory_mb:,} MiB of memory to be read"
    return {"outcome": "too_large", "reason": reason}


def _send(answers: BinaryIO, answer: dict[str, Any]) -> None:
    written = json.dumps(answer).encode()
    with contextlib.suppress(BrokenPipeError):
        answers.write(b"%d\n" % len(written) + written)
        answers.flush()


if __name__ == "__main__":
    main()
