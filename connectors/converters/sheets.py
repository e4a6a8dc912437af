"""XLSX to Markdown, by openpyxl: a table per block of rows, under its sheet's name."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from connectors.converters import archive, markdown
from connectors.converters.continued import goes_on
from connectors.converters.errors import Unreadable
from connectors.converters.made import Limits, Made, some
from connectors.converters.sheet_cells import Seen, Shown, column_of, hidden_of
from connectors.converters.sheet_xml import in_xml
from processors.text.raised import resolved

_MAIN = "xl/workbook.xml"
# A formula whose result no program has written down.
_UNCOMPUTED = re.compile(rb"(?:</f>|<f[^>]{0,200}/>)(?:<v\s*/>|<v></v>)?</c>")
_COMMENT = re.compile(rb"<(?:\w{1,9}:)?comment\s")
# A merged range: its first and last column, and its first and last row, for which are 7 digits.
_MERGED = re.compile(
    rb'<(?:\w{1,9}:)?mergeCell\s+ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"'
)
# By first row: the first and the last column, from 0, and the last row.
Merged = dict[int, list[tuple[int, int, int]]]
_MOST_MERGED = 64
_TEXT_BOX = re.compile(rb"<xdr:txBody[\s>]")
_DRAWN = (("xl/charts/chart", "chart", "charts"), ("xl/media/", "picture", "pictures"))
# Numbers, dates and truth values, as no header has them but for years.
_VALUE = re.compile(r"[-+(]?\W?\d[\d.,:\- ]*%?\)?|TRUE|FALSE")
_MACROS = "xl/vbaProject.bin"


def convert(data: bytes, limits: Limits) -> Made:
    """Every sheet's tables as they are seen: not what is hidden, which is named.

    A block after an empty row that has none goes on with the table above it.

    Formulas are taken by the result that was saved with them.

    Raises:
        Unreadable: the file is encrypted, damaged, a bomb, or no workbook.
    """
    archive.checked(data, _MAIN, limits)
    openpyxl: Any = import_module("openpyxl")
    blocks: list[str] = []
    unread: list[str] = []
    size = rows_read = 0
    try:
        book = openpyxl.load_workbook(
            io.BytesIO(data), read_only=True, data_only=True, rich_text=True
        )
        hidden_sheets: list[str] = []
        seen = Seen()
        for sheet in book.worksheets:
            if sheet.sheet_state != "visible":
                hidden_sheets.append(sheet.title)
                continue
            sheet.reset_dimensions()  # what a file says of its size may be wrong
            start = len(blocks)
            blocks.append(markdown.heading(2, sheet.title))
            merged = _merged(data, sheet._worksheet_path)
            hidden = hidden_of(partial(in_xml, data, sheet._worksheet_path))
            for rows in _tables(sheet.iter_rows(), merged, seen.of(hidden)):
                rows_read += len(rows)
                blocks.extend(_written(rows))
                size += sum(map(len, blocks[-2:]))
                if size > limits.max_text_bytes:
                    raise Unreadable(
                        "too_large",
                        f"its tables hold more than {limits.max_text_bytes:,} bytes of text",
                    )
            if len(blocks) == start + 1:
                blocks.pop()  # an empty sheet
        title = str(book.properties.title or "").strip()
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable("damaged", f"cannot be read as a workbook: {error}") from error
    if uncomputed := sum(1 for _ in in_xml(data, "xl/worksheets/", _UNCOMPUTED)):
        unread.append(
            f"{some(uncomputed, 'formula', 'formulas')} without a saved result: open the workbook "
            "in a spreadsheet program and save it"
        )
    if hidden_sheets:
        said = ", ".join(hidden_sheets[:8])
        unread.append(
            f"{some(len(hidden_sheets), 'hidden sheet', 'hidden sheets')} left out: {said}"
        )
    unread += seen.unread()
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        names = parts.namelist()
    if _MACROS in names:
        unread.append("macros not read")
    if boxes := sum(1 for _ in in_xml(data, "xl/drawings/drawing", _TEXT_BOX)):
        unread.append(f"{some(boxes, 'text box', 'text boxes')} not read")
    for begin, one, many in _DRAWN:
        if count := sum(name.startswith(begin) for name in names):
            unread.append(f"{some(count, one, many)} not read")
    if comments := sum(1 for _ in in_xml(data, "xl/comments", _COMMENT)):
        unread.append(f"{some(comments, 'cell comment', 'cell comments')} not read")
    return Made(resolved("\n\n".join(blocks)), title, {"rows": str(rows_read)}, tuple(unread))


def _tables(
    rows: Iterable[Sequence[Any]], merged: Merged, shown: Shown
) -> Iterator[list[list[str]]]:
    """Blocks of rows; one that lacks a header goes on with the table before it."""
    table: list[list[str]] = []
    header: list[str] = []
    above: list[list[str]] = []  # the rows of values of the block before
    columns: set[int] = set()
    for block in _blocks(rows, merged, shown):
        found = _columns(block)
        several = [row for row in block if sum(map(bool, row)) > 1]
        # A first row of one cell is a title.
        if (
            table
            and found == columns
            and several[:1] == block[:1]
            and goes_on(header, above, several, _VALUE)
        ):
            table += block
            above = several
            continue
        if table:
            yield table
        table, columns = block, found
        header, above = (several or [[]])[0], several[1:]
    if table:
        yield table


def _columns(rows: list[list[str]]) -> set[int]:
    """Those that a block's table uses; what is said above it counts for nothing."""
    return {at for row in rows if sum(map(bool, row)) > 1 for at, cell in enumerate(row) if cell}


def _blocks(
    rows: Iterable[Sequence[Any]], merged: Merged, shown: Shown
) -> Iterator[list[list[str]]]:
    """Rows without an empty row in between; what is merged is said in each row and column.

    Not what is merged from a title or a header, which would be said among the values then.
    """
    block: list[list[str]] = []
    has_header = False
    # By column, the last row and the text of what is merged.
    open_at: dict[int, tuple[int, str]] = {}
    for number, row in enumerate(rows, 1):
        cells = shown(number, row)
        if cells is None:
            continue
        while cells and not cells[-1]:
            cells.pop()
        for at, (last, text) in list(open_at.items()):
            if number > last:
                del open_at[at]
            elif cells:
                cells += [""] * (at + 1 - len(cells))
                cells[at] = cells[at] or text
        several = sum(map(bool, cells)) > 1
        for at, end, last in merged.get(number, ()):
            if at < len(cells) and cells[at] and has_header:
                for column in range(at, end + 1 if at and several else at + 1):
                    cells += [""] * (column + 1 - len(cells))
                    cells[column] = cells[column] or cells[at]
                    if last > number:
                        open_at[column] = last, cells[at]
        if cells:
            block.append(cells)
            has_header = has_header or sum(map(bool, cells)) > 1
        elif block:
            yield block
            block, has_header = [], False
    if block:
        yield block


def _written(rows: list[list[str]]) -> Iterator[str]:
    """A block as text: lines of one cell above a table stand before it as paragraphs."""
    at = 0
    while at < len(rows) and sum(map(bool, rows[at])) == 1:
        at += 1
    if at == len(rows):  # no table at all, or one of one column
        if len({next(i for i, cell in enumerate(row) if cell) for row in rows}) == 1 and at > 2:
            yield markdown.table(rows)
        else:
            yield "\n\n".join(next(cell for cell in row if cell) for row in rows)
        return
    for row in rows[:at]:
        yield next(cell for cell in row if cell)
    shift = min(next(i for i, cell in enumerate(row) if cell) for row in rows[at:])
    yield markdown.table(row[shift:] for row in rows[at:])


def _merged(data: bytes, path: str) -> Merged:
    """What a sheet merges over several rows or columns."""
    merged: Merged = {}
    for found in in_xml(data, path, _MERGED):
        first, last = int(found[2]), int(found[4])
        left, right = column_of(found[1]), column_of(found[3])
        merged.setdefault(first, []).append((left, min(right, left + _MOST_MERGED), last))
    return merged
