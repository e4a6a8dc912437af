"""`millrace` as a person and as a script use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TIMEOUT_S = 300.0  # an overloaded machine


@dataclass(frozen=True)
class Cli:
    """The command line on one data folder, under further variables."""

    data: Path
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    def __call__(self, *words: str, code: int = 0, stdin: str | None = None) -> str:
        done = self.run("streams.cli", *words, stdin=stdin)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout if code != 2 else done.stderr

    def json(self, *words: str, code: int = 0, stdin: str | None = None) -> Any:
        return json.loads(self(*words, "--json", code=code, stdin=stdin))

    def run(
        self, module: str, *words: str, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`python -m module` with these words."""
        return subprocess.run(
            [sys.executable, "-m", module, *words],
            env=os.environ | self.variables | {"MILLRACE_DATA": str(self.data), "COLUMNS": "200"},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
