"""Processes of our own beside a worker: none outlives it, and none is told its secrets."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from connectors import apart
from tests.system.harness import until

CHILD = "import time; from connectors import apart; apart.die_with_parent(); print(flush=True)"
PARENT = (
    "import subprocess, sys, time; from connectors import apart;"
    f"child = subprocess.Popen([sys.executable, '-c', {CHILD + '; time.sleep(600)'!r}],"
    " env=apart.environment(), stdout=subprocess.PIPE);"
    "child.stdout.readline(); print(child.pid, flush=True); time.sleep(600)"
)


def test_a_child_of_a_killed_worker_ends_with_it() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(
        command, env=apart.environment(), stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert psutil.pid_exists(child)
        parent.kill()

    def gone() -> bool:
        try:
            return psutil.Process(child).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    until(gone, "the end of the child")


def test_a_setting_is_no_childs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_TIERS__LOCAL__KEY", "secret")
    assert "secret" not in str(apart.environment())
