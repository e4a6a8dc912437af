"""A table of measured figures in a page of `docs/`, put there by the command that measured it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from streams.flow.errors import UserError

DOCS = Path(__file__).parents[2] / "docs"


def marks(command: str) -> tuple[str, str]:
    """The lines that a page has around the table of `command`."""
    return f"<!-- table: rendered by `{command}` -->", "<!-- end of table -->"


def placed(page: str, command: str, table: str) -> str:
    """`page` with `table` between the marks of `command`.

    Raises:
        UserError: the page has no marks.
    """
    begin, end = marks(command)
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise UserError(f"the page has no lines '{begin}' and '{end}' to put the table between")
    return f"{before}{begin}\n{table}\n{end}{after}"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def below(positives: int, total: int) -> float:
    """The upper end of the one-sided 95 % interval of a share, where it is small (Poisson)."""
    # Of none seen, three in all; else Wilson's, which is near enough and needs no table.
    if not positives:
        return min(3.0 / total, 1.0)
    z, share = 1.645, positives / total
    middle = share + z * z / (2 * total)
    spread = z * ((share * (1 - share) + z * z / (4 * total)) / total) ** 0.5
    return (middle + spread) / (1 + z * z / total)
