"""The table of what was revoked, in docs: `python -m evaluation.research.revoking`.

Of evaluation/results/revoke.json, which `millrace bench revoke` writes, into docs/guard.md and
docs/caching.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evaluation.bench.report import ROOT
from evaluation.research.pages import DOCS, placed, table

COMMAND = "python -m evaluation.research.revoking"
REPORT = ROOT / "evaluation" / "results" / "revoke.json"


def rendered(report: dict[str, Any]) -> str:
    """Milliseconds, and what was told at that moment."""
    details = report["details"]
    until, asked, told = details["until"], details["asked"], details["told"]
    head = ("milliseconds", *(f"{when}, {p}" for when in until for p in ("p50", "p99")))
    names = dict.fromkeys(name for each in until.values() for name in each)
    rows = [
        (name, *(_ms(each.get(name), p) for each in until.values() for p in ("p50", "p99")))
        for name in names
    ]
    told_by = dict.fromkeys(where for each in asked.values() for where in each)
    said = ", ".join(
        f"{where} {sum(each.get(where, 0) for each in told.values())} of "
        f"{sum(each.get(where, 0) for each in asked.values())}"
        for where in told_by
    )
    machine = report["machine"]["cpu"]
    return f"{table(head, rows)}\n\nTold at that moment by {said}. {machine}. `{COMMAND}`"


def _ms(latency: dict[str, float] | None, which: str) -> str:
    return "" if latency is None else f"{latency[which]:.0f}"


def main(report: Path = REPORT) -> None:
    found = json.loads(report.read_text(encoding="utf-8"))
    for name in ("guard.md", "caching.md"):
        page = DOCS / name
        page.write_text(placed(page.read_text("utf-8"), COMMAND, rendered(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
