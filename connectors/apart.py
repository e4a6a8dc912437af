"""Processes of our own that are told nothing of the settings; what ends one ends nobody else."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

# All that one sees of our environment. Nothing in it is secret.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
_PR_SET_PDEATHSIG = 1
_ROOT = str(Path(__file__).parents[1])


def command(module: str, *arguments: object) -> Sequence[str]:
    """How one of our modules is run."""
    # -P: a module in the working folder must not be taken for one of ours.
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]


def environment() -> dict[str, str]:
    """What it is given of ours."""
    found = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    known = found.get("PYTHONPATH")
    return found | {"PYTHONPATH": f"{_ROOT}{os.pathsep}{known}" if known else _ROOT}


def die_with_parent() -> None:
    """Called by the child: of a parent that was killed, none is left in its successor's way."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
