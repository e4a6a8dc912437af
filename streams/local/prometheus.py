"""Prometheus beside the embedded stack: it reads the workers' metrics by the rendered rules."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from streams.app.settings import Settings
from streams.flow.errors import UserError
from streams.local.child import LOOPBACK, OWN_FOLDER, Ports, Service, write_atomically
from streams.local.worker_process import environment

NAME = "prometheus"
KEPT = "7d"
INTERVAL = "5s"


def executable() -> str:
    """The path of Prometheus.

    Raises:
        UserError: it is not installed.
    """
    found = shutil.which("prometheus")
    if found is None:
        raise UserError(
            "Prometheus is not installed: `RUNLEVEL=1 apt-get install prometheus` gets it without "
            "a service of its own, or leave --observe out"
        )
    return found


def port_of(data: Path, process: str) -> int:
    """Where a worker of the stack shows its metrics."""
    return Ports(data).choose(f"metrics {process}", 0, "MILLRACE_HTTP_PORT")


def address(data: Path) -> str:
    """Where to look; empty: no Prometheus was started on this folder."""
    port = Ports(data).known(NAME)
    return f"http://{LOOPBACK}:{port}" if port else ""


class Prometheus(Service):
    """Asks `targets` (ports by process) every few seconds, and keeps a week of it."""

    def __init__(self, settings: Settings, targets: Mapping[str, int]) -> None:
        self._data = settings.data.absolute()
        super().__init__("Prometheus", self._data / "logs" / f"{NAME}.log")
        self._settings = settings
        self._targets = dict(targets)
        self._port = 0

    def command(self) -> Sequence[str]:
        program, folder = executable(), self._data / NAME
        folder.mkdir(OWN_FOLDER, exist_ok=True)
        self._port = self._port or Ports(self._data).choose(NAME, 0, "")
        rules, config = folder / "rules.yaml", folder / "prometheus.yaml"
        write_atomically(rules, _rules(self._settings))
        write_atomically(config, json.dumps(configuration(self._targets, rules)))  # YAML too
        return [
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--storage.tsdb.retention.time={KEPT}",
            f"--web.listen-address={LOOPBACK}:{self._port}",
            "--log.level=warn",
        ]

    def is_ready(self) -> bool:
        try:
            url = f"http://{LOOPBACK}:{self._port}/-/ready"
            with urllib.request.urlopen(url, timeout=1) as answer:
                return self.alive and answer.status == 200
        except OSError:
            return False


def configuration(targets: Mapping[str, int], rules: Path) -> dict[str, object]:
    """What Prometheus reads: a target a process, under the process's name."""
    return {
        "global": {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL},
        "rule_files": [str(rules)],
        "scrape_configs": [
            {
                "job_name": "millrace",
                "static_configs": [
                    {"targets": [f"{LOOPBACK}:{port}"], "labels": {"process": process}}
                    for process, port in targets.items()
                ],
            }
        ],
    }


def _rules(settings: Settings) -> str:
    """The rules of these settings, by a process of its own: the flow's imports would stay here."""
    done = subprocess.run(
        [sys.executable, "-m", "streams.local.prometheus"],
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it gave no reason"]
        raise UserError(f"the rules of Prometheus cannot be made: {said[-1]}")
    return done.stdout


def main() -> int:
    """Prints the rules."""
    from streams.app import opening
    from streams.app.settings import load
    from streams.release.observing.rules import rules

    settings = load()
    print(json.dumps(rules(opening.stages(settings), settings.policies)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
