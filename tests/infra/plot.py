"""`python -m tests.infra.plot FILE`: a page of what `check_scaling` has seen."""

from __future__ import annotations

import csv
import sys
from itertools import pairwise
from pathlib import Path

POINTS = 30  # of a line


def page(rows: list[dict[str, float]], stages: list[str]) -> str:
    """Lag and workers over time, and the figures that follow from them."""
    parts = [HEAD]
    for stage in stages:
        parts += [_chart(rows, stage, "lag"), _chart(rows, stage, "replicas")]
    parts.append(
        "| stage | first replica | first ready | most lag | read | gone | replica-seconds |"
    )
    parts.append("|---|--:|--:|--:|--:|--:|--:|")
    parts += [_figures(rows, stage) for stage in stages]
    return "\n".join(parts) + "\n" + TAIL


def _chart(rows: list[dict[str, float]], stage: str, what: str) -> str:
    every = -(-len(rows) // POINTS)
    some = rows[::every]
    times = ", ".join(f'"{row["seconds"]:.0f}"' for row in some)
    values = ", ".join(f"{row[f'{stage} {what}']:g}" for row in some)
    return (
        f'```mermaid\nxychart-beta\n  title "{stage}: {what}"\n  x-axis "seconds" [{times}]\n'
        f"  line [{values}]\n```\n"
    )


def _figures(rows: list[dict[str, float]], stage: str) -> str:
    def first(what: str, least: float = 1) -> float:
        return next(row["seconds"] for row in rows if row[f"{stage} {what}"] >= least)

    def last(what: str) -> float:
        return max(row["seconds"] for row in rows if row[f"{stage} {what}"])

    most = max(row[f"{stage} lag"] for row in rows)
    took = sum(
        row[f"{stage} replicas"] * (after["seconds"] - row["seconds"])
        for row, after in pairwise(rows)
    )
    fixed = max(row[f"{stage} replicas"] for row in rows) * rows[-1]["seconds"]
    return (
        f"| {stage} | {first('replicas'):.1f} s | {first('ready'):.1f} s | {most:,.0f} | "
        f"{last('lag'):.0f} s | {last('replicas'):.0f} s | {took:,.0f} of {fixed:,.0f} |"
    )


HEAD = """# Workers follow the lag

The chart on a real API server, its controllers and the real KEDA 2.21, a real broker of four
partitions a topic, and a real worker process for each pod (`make test-cluster`): 6,000 documents
come at 200 a second from a cold start, and then no more. Everything was a process of one machine of
two cores that other programs were busy on, so a worker takes seconds to start; the scaler asks
every 2 seconds and lets go after 10.
"""
TAIL = """
Of each stage: when it was first given a replica and when the first worker had its partitions, after
the first document was sent; the most lag; when the last lag and the last replica were seen; and how
long replicas were there, against as many for the whole time. At the end lag and replicas were zero
and stayed so for 20 seconds, with the markers of all transactions in the log. The rows are in
[scaling.csv](results/scaling.csv).
"""


def main(name: str) -> None:
    with Path(name).open() as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    stages = [key.removesuffix(" lag") for key in rows[0] if key.endswith(" lag")]
    print(page(rows, stages), end="")


if __name__ == "__main__":
    main(sys.argv[1])
