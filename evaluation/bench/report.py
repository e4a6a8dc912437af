"""What a measurement found: as JSON with all that is needed to judge it, and as a table."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import psutil
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "millrace",
    "confluent-kafka",
    "fastavro",
    "numpy",
    "onnxruntime",
    "openvino",
    "qdrant-edge-py",
    "redis",
    "tokenizers",
    "quixstreams",
    "faust-streaming",
)

Say = Callable[[str], None]
"""Tells the person who waits what is being done now."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure, or its ratio to its limit, should at least or at most be."""

    of: Literal["value", "ratio"]
    sense: Literal["at least", "at most"]
    bound: float

    def met(self, value: float, ratio: float | None) -> bool:
        seen = value if self.of == "value" else ratio
        if seen is None:
            return False
        return seen >= self.bound if self.sense == "at least" else seen <= self.bound

    def __str__(self) -> str:
        sign = "≥" if self.sense == "at least" else "≤"
        return f"{sign} {self.bound:g}" + (" of the limit" if self.of == "ratio" else "")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, and what it is held against."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    limit_is: str = ""
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.limit if self.limit else None

    @property
    def met(self) -> bool | None:
        """None where there is no target."""
        return None if self.target is None else self.target.met(self.value, self.ratio)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": _short(self.value),
            "unit": self.unit,
            "limit": None if self.limit is None else _short(self.limit),
            "limit_is": self.limit_is,
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "target": str(self.target) if self.target else "",
            "met": self.met,
        }


@dataclass(frozen=True, slots=True)
class Findings:
    """What a bench returns: its figures, and the details behind them."""

    figures: Sequence[Figure]
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Setting:
    """When, where and on what a measurement was made. Taken before it starts."""

    started_at: str
    machine: Mapping[str, Any]
    commit: str
    dirty: bool  # the tree had changes that are in no commit
    command: str
    versions: Mapping[str, str]

    @classmethod
    def here(cls) -> Setting:
        commit = _git("rev-parse", "HEAD")
        return cls(
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            machine(),
            commit or "unknown",
            bool(_git("status", "--porcelain")),
            " ".join(["millrace", *sys.argv[1:]]),
            versions(),
        )


def machine() -> dict[str, Any]:
    """The processor, its cores, the memory, and how busy it is at this moment."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load_average": [round(each, 2) for each in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """The installed versions of the packages that decide about speed."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def as_json(
    name: str, findings: Findings, setting: Setting, took_s: float, *, quick: bool
) -> dict[str, Any]:
    """The form of `--output`."""
    return {
        "bench": name,
        "quick": quick,
        "figures": [figure.as_json() for figure in findings.figures],
        "details": _plain(findings.details),
        "took_s": round(took_s, 1),
        **dataclasses.asdict(setting),
    }


def write(path: Path, report: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def show(console: Console, report: Mapping[str, Any]) -> None:
    """A table for people."""
    machine = report["machine"]
    load = " ".join(f"{each:.1f}" for each in machine["load_average"])
    console.print(
        f"\n[bold]{report['bench']}[/bold]{' (quick: too small to quote)' * report['quick']}"
        f"  {machine['cpu']}, {machine['cores']} cores, load {load}, {report['took_s']:.0f} s"
    )
    table = Table("figure", "", "limit", "ratio", "target", "", box=None, pad_edge=False)
    for column in table.columns[1:4]:
        column.justify = "right"
    for each in report["figures"]:
        limit = f"{number(each['limit'])} ({each['limit_is']})" if each["limit"] else ""
        ratio = f"{each['ratio']:.2f}" if each["ratio"] is not None else ""
        value = f"{number(each['value'])} {each['unit']}"
        table.add_row(each["name"], value, limit, ratio, each["target"], verdict(each["met"]))
    console.print(table)


def verdict(met: bool | None) -> str:
    return {True: "met", False: "missed", None: ""}[met]


def number(value: float) -> str:
    """Three digits that mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def _plain(value: Any) -> Any:
    """Details as JSON holds them; floats without noise."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return _short(value) if isinstance(value, float) else value


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
