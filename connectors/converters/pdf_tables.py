"""Tables of a PDF as the library finds them: their rows, where they stand, and what goes on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from connectors.converters.continued import goes_on

Box = tuple[float, float, float, float]  # left, low, right, high
_SAME_EDGE = 6.0  # points between the edges of one column on two pages
_TOUCHING, _WORDS_APART = 0.05, 0.5  # of a letter's height
_AMOUNT = re.compile(r"[-+(]?\W?\d.*", re.DOTALL)  # with its unit, if any


@dataclass(slots=True)
class Table:
    """Rows of cells, the header first; `columns` are the left and right edge of each."""

    rows: list[list[str]]
    box: Box
    columns: list[tuple[float, float]]
    across: frozenset[tuple[int, int]] = frozenset()  # cells over which the one before goes on

    def goes_on_in(self, other: Table) -> bool:
        """Whether `other`, at the top of the next page, lacks the header that this one has.

        Its columns stand where these do, and its first row says nothing of the header again but
        is like the rows here; names of groups of rows count for nothing.
        """
        if not self.columns or len(self.columns) != len(other.columns):
            return False
        alike = all(
            abs(left - x) <= _SAME_EDGE or abs(right - y) <= _SAME_EDGE
            for (left, right), (x, y) in zip(self.columns, other.columns, strict=True)
        )
        pairs = zip(self.rows[0], other.rows[0], strict=False)
        if not alike or any(a.split() == b.split() != [] for a, b in pairs):
            return False
        rows = [row for row in other.rows if sum(map(bool, row)) > 1]
        return bool(rows) and goes_on(self.rows[0], self.rows[1:], rows, _AMOUNT)

    def begin_as(self, former: Table) -> None:
        """Take over its header: the rows in which a name goes over several columns, and one."""
        spanned = {row for row, _ in former.across}
        count = next(row for row in range(len(former.rows)) if row not in spanned) + 1
        count = min(count, len(former.rows) - 1) if len(former.rows) > 1 else 1
        self.rows[:0] = former.rows[:count]
        own = {(row + count, column) for row, column in self.across}
        self.across = frozenset(own | {each for each in former.across if each[0] < count})


class _Row(NamedTuple):
    cells: list[str]
    low: float  # where it ends below
    boxes: int  # its cells that have a place on the page: in a table without rules, those with text


def tables(found: Iterable[dict[str, Any]]) -> list[Table]:
    """The tables of one page that have two rows or more.

    Above the header, a row of nothing but a text in its first column is a heading, and not theirs.
    """
    kept: list[Table] = []
    for table in found:
        x, y, width, height = table["bbox"]
        if _words_alone(table):
            continue
        rows = _rows(table)
        high = y + height
        while len(rows) > 1 and len(rows[0].cells) > 1 and rows[0].boxes == 1 and rows[0].cells[0]:
            high = rows.pop(0).low
        texts = [row.cells for row in rows if any(map(str.strip, row.cells))]
        if len(texts) > 1:
            kept.append(Table(texts, (x, y, x + width, high), _columns(table)))
    return kept


def _words_alone(table: dict[str, Any]) -> bool:
    """Whether its columns are no farther apart than words are: lines that look alike, not a table.

    Cells between rules touch each other.
    """
    gaps = [
        (after["bbox"][0] - before["bbox"][0] - before["bbox"][2]) / max(before["bbox"][3], 1.0)
        for row in table["rows"]
        for before, after in pairwise(row["cells"])
        if before.get("bbox") and after.get("bbox") and before["text"] and after["text"]
    ]
    words = sum(_TOUCHING < gap < _WORDS_APART for gap in gaps)
    return words * 2 > len(gaps)


def _rows(table: dict[str, Any]) -> list[_Row]:
    """A table's rows; a row that only goes on in the cells of the one above is joined to it.

    A cell of two lines comes as two rows, the second of which begins inside the first's cells.
    """
    rows: list[_Row] = []
    for row in table["rows"]:
        cells = [str(cell["text"] or "") for cell in row["cells"]]
        boxes = [cell["bbox"] for cell in row["cells"] if cell.get("bbox")]
        low = min((box[1] for box in boxes), default=0.0)
        above = rows[-1] if rows else None
        if above and above.low <= low and len(cells) == len(above.cells):
            pairs = zip(above.cells, cells, strict=True)
            joined = [" ".join(text for text in pair if text) for pair in pairs]
            rows[-1] = above._replace(cells=joined)
        else:
            rows.append(_Row(cells, low, len(boxes)))
    return rows


def _columns(table: dict[str, Any]) -> list[tuple[float, float]]:
    """Where each column begins and ends; nothing where the library does not say it of one."""
    count = int(table["col_count"])
    edges: list[list[tuple[float, float]]] = [[] for _ in range(count)]
    for row in table["rows"]:
        if len(row["cells"]) == count:
            for at, cell in enumerate(row["cells"]):
                if box := cell.get("bbox"):
                    edges[at].append((box[0], box[0] + box[2]))
    if not all(edges):
        return []
    return [(min(left for left, _ in e), max(right for _, right in e)) for e in edges]
