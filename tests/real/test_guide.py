"""docs/real-systems.md is followed as it stands, by a shell: it works, in ten minutes at most."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.harness import until

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "real-systems.md").read_text(encoding="utf-8")
MOST_S = 600.0


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[float]:
    """When the servers were started, which are at work, in the folder that the page names."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "infra.local", str(tmp_path / "servers")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert any(line.startswith("ready:") for line in process.stdout)
            yield begun
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


def test_the_guide_leads_from_nothing_to_an_answer_in_ten_minutes(
    begun: float, tmp_path: Path
) -> None:
    settings, first, asking, last = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)

    environment = os.environ | {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
        "MILLRACE_DATA": str(tmp_path / "data"),
        "PYTHONPATH": str(ROOT),
    }
    program = f'millrace() {{ "{sys.executable}" -m streams.cli "$@"; }}\n'

    def said(lines: str, *, well: bool = False) -> str:
        done = subprocess.run(
            ["bash", "-e", "-c", f"{program}{settings}{lines}"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert not well or done.returncode == 0, f"{lines}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def shell(lines: str) -> str:
        return said(lines, well=True)

    try:
        shell(first)
        asked = 'millrace ask "What does the replacement of a lost card cost?" --tenant retail'
        until(lambda: "12 euros" in said(asked), "the rows of before to be searchable")
        *changes, gone = re.split(r"(?=^psql)", asking, flags=re.MULTILINE)[1:]
        for change, fee in zip(changes, ("7 euros", "9 euros"), strict=True):
            psql, ask = change.splitlines()
            shell(psql)
            until(lambda ask=ask, fee=fee: fee in said(ask), f"{fee} to be searchable")
        shell(gone)
        again = changes[-1].splitlines()[1]
        until(lambda: "abroad costs" not in said(again), "the row to be gone")
        assert "RUNNING" in shell(last)
    finally:
        shell("millrace down")
    assert time.monotonic() - begun < MOST_S
