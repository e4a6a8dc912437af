"""What the drills found, as the table of docs/chaos.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS, PAGE = ROOT / "evaluation/results/chaos.json", ROOT / "docs/chaos.md"
BEGIN, END = "<!-- rendered by make chaos -->", "<!-- end -->"
HEAD = (
    "fault", "concerns", "answered", "abstained", "failed", "degraded", "right", "faithfulness",
    "relevancy", "seconds: median, longest",
)  # fmt: skip


def table(found: Mapping[str, Any]) -> str:
    """A Markdown table, a row for each fault; the first is without any."""
    rows = [
        (
            each["fault"],
            each["where"],
            f"{each['answered']}",
            f"{each['abstained']}",
            f"{each['failed']}",
            f"{each['degraded']}",
            f"{each['right']}",
            _score(each["scores"]["faithfulness"]),
            _score(each["scores"]["answer_relevancy"]),
            f"{each['median_s']:.1f}, {each['longest_s']:.1f}",
        )
        for each in found["faults"]
    ]
    lines = [HEAD, ["---"] * len(HEAD), *rows]
    setting = found["setting"]
    made = (
        f"Of {found['faults'][0]['asked']} questions each; {found['judge']}; "
        f"{setting['machine']['cpu']}, {setting['machine']['cores']} cores, "
        f"{setting['started_at'][:10]}, commit {setting['commit'][:9]}{'+' * setting['dirty']}."
    )
    return "\n".join([*(f"| {' | '.join(each)} |" for each in lines), "", made])


def _score(said: Mapping[str, float] | None) -> str:
    if said is None:
        return "nothing to score"
    return f"{said['value']:.2f} ({said['low']:.2f} to {said['high']:.2f})"


def put(page: str, found: Mapping[str, Any]) -> str:
    """The page with this table."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(found)}\n{END}{after}"
