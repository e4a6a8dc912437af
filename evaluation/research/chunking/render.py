"""The table of chunkings in `docs/chunking.md`."""

from __future__ import annotations

from typing import Any

from streams.flow.errors import UserError

BEGIN = "<!-- table: rendered by `python -m evaluation.research.chunking` -->"
END = "<!-- end of table -->"


def render(report: dict[str, Any], page: str) -> str:
    """`page` with the table of this report between its marks.

    Raises:
        UserError: the page has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UserError(f"the page has no lines '{BEGIN}' and '{END}' to put the table between")
    head = (
        "| set | chunking | nDCG@10 | against shipped, 95 % | found in 500 tokens "
        "| against shipped, 95 % | chunks a document | tokens embedded a document |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    lines = [head]
    shown = ""
    for row in report["rows"]:
        name = ""
        if row["set"] != shown:
            shown = row["set"]
            name = f"{shown} ({row['documents']:,} documents, {row['questions']:,} questions)"
        lines.append(
            f"| {name} | {row['chunking']} | {row['ndcg']:.3f} | {_against(row, 'ndcg')} "
            f"| {row['within']:.3f} | {_against(row, 'within')} "
            f"| {row['chunks']:.1f} | {row['embedded']:,.0f} |"
        )
    said = f"Policy {report['policy']}, model {report['model']}: `{report['command']}`."
    return f"{before}{BEGIN}\n{chr(10).join(lines)}\n\n{said}\n{END}{after}"


def _against(row: dict[str, Any], name: str) -> str:
    """The difference and its interval; in bold where it is told from nothing."""
    value, low, high = row[f"{name}_difference"]
    if low == high == 0:
        return "="
    said = f"{value:+.3f} ({low:+.3f} to {high:+.3f})"
    return f"**{said}**" if low > 0 or high < 0 else said
