"""Tables of web pages, by their elements: header cells, spans and captions."""

from __future__ import annotations

from typing import Any

from connectors.converters import markdown
from connectors.converters.web_cells import span, text

_BLOCKS = ("table", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "form")


def is_layout(table: Any) -> bool:
    """Whether a table only places parts of the page: such are read one after the other."""
    if table.get("role") in ("presentation", "none"):
        return True
    return any(each is not table for each in table.iter(*_BLOCKS))


def unlaid(table: Any) -> None:
    """Make of a table that only places parts of the page no table."""
    for part in list(table.iter("tbody", "thead", "tfoot", "tr", "td", "th")):
        if next(part.iterancestors("table"), None) is table:
            part.tag = "div"
    table.tag = "div"


def written(table: Any) -> str:
    """A pipe table, its caption above it."""
    rows: list[list[str]] = []
    heads: list[list[bool]] = []
    across: set[tuple[int, int]] = set()
    down: dict[int, tuple[int, str, bool]] = {}  # by column: rows left, text and kind of a cell
    titles = [" ".join("".join(each.itertext()).split()) for each in table.iter("caption")]
    top = 0
    for row in _rows(table):
        cells: list[str] = []
        head: list[bool] = []

        def carry(cells: list[str] = cells, head: list[bool] = head) -> None:
            while (at := len(cells)) in down:
                left, said, is_head = down[at]
                cells.append(said)
                head.append(is_head)
                if left > 1:
                    down[at] = left - 1, said, is_head
                else:
                    del down[at]

        for cell in row.iter("td", "th"):
            carry()
            said, is_head = text(cell), cell.tag == "th"
            wide, deep = span(cell, "colspan"), span(cell, "rowspan")
            at = len(cells)
            for more in range(wide):
                if more:
                    across.add((len(rows), at + more))
                cells.append("" if more else said)
                head.append(is_head)
                if deep > 1:
                    down[at + more] = deep - 1, "" if more else said, is_head
        carry()
        if not any(cells):
            continue
        in_head = row.getparent().tag == "thead"
        top += len(rows) == top and (in_head or (all(head) and len(cells) > 1))
        rows.append(cells)
        heads.append(head)
    first = [head[:1] == [True] for head in heads]
    beside = bool(rows) and not top and all(first) and not any(any(head[1:]) for head in heads)
    if rows and not top and all(_pairs(head) for head in heads):
        rows = [
            row[at : at + 2]
            for row in rows
            for at in range(0, len(row), 2)
            if any(row[at : at + 2])
        ]
        across, beside = set[tuple[int, int]](), True
    known = min(top, len(rows) - 1) or None if top else 0 if beside else None
    strong = len(list(_rows(table)[0].iter("b", "strong"))) if rows else 0
    made = markdown.table(rows, headers=known, across=across, unmarked=not strong)
    return "\n\n".join(filter(None, [*titles, made]))


def _rows(table: Any) -> list[Any]:
    """In the order in which they are shown: a foot may stand before the body."""
    rows = list(table.iter("tr"))
    return sorted(rows, key=lambda row: {"thead": 0, "tfoot": 2}.get(row.getparent().tag, 1))


def _pairs(head: list[bool]) -> bool:
    """Name, value, name, value."""
    return len(head) > 2 and len(head) % 2 == 0 and all(head[::2]) and not any(head[1::2])
