"""`python -m evaluation.bench.render RESULTS_DIR`: the table of docs/benchmarks.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.bench.report import number, verdict

HEAD = ("bench", "figure", "measured", "limit, same run", "ratio", "target", "", "commit")


def table(reports: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table, a row for each figure; runs too small to quote are left out."""
    lines = [f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
    for report in reports:
        if not report["quick"]:
            lines += [f"| {' | '.join(row)} |" for row in _rows(report)]
    return "\n".join(lines)


def _rows(report: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    commit = report["commit"][:9] + ("+" if report["dirty"] else "")
    for each in report["figures"]:
        limit = f"{number(each['limit'])} ({each['limit_is']})" if each["limit"] else ""
        yield (
            f"`{report['bench']}`",
            each["name"],
            f"{number(each['value'])} {each['unit']}",
            limit,
            "" if each["ratio"] is None else f"{each['ratio']:.2f}",
            each["target"],
            verdict(each["met"]),
            commit,
        )


def main(folder: Path) -> None:
    reports = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    reports = [each for each in reports if "bench" in each and "figures" in each]
    print(table(reports))
    for machine in sorted({_machine(each["machine"]) for each in reports}):
        print(f"\nMeasured on: {machine}. `+`: with changes that were in no commit yet.")


def _machine(machine: Mapping[str, Any]) -> str:
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']:.0f} GB"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m evaluation.bench.render RESULTS_DIR")
    main(Path(sys.argv[1]))
