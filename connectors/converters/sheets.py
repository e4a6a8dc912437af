"""XLSX to Markdown, by openpyxl: a table per block of rows, under its sheet's name."""

from __future__ import annotations

import datetime
import functools
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any

from connectors.converters import archive, markdown
from connectors.converters.continued import goes_on
from connectors.converters.errors import Unreadable
from connectors.converters.made import Limits, Made, some

_MAIN = "xl/workbook.xml"
# A formula whose result no program has written down.
_UNCOMPUTED = re.compile(rb"(?:</f>|<f[^>]{0,200}/>)(?:<v\s*/>|<v></v>)?</c>")
_COMMENT = re.compile(rb"<(?:\w{1,9}:)?comment\s")
# A merged range: its first column and its first and last row, for which there are 7 digits.
_MERGED = re.compile(rb'<(?:\w{1,9}:)?mergeCell\s+ref="([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}(\d{1,7})"')
Merged = dict[int, list[tuple[int, int]]]  # by first row: the column from 0, and the last row
_DRAWN = (("xl/charts/chart", "chart", "charts"), ("xl/media/", "picture", "pictures"))
# Numbers, dates and truth values, as no header has them but for years.
_VALUE = re.compile(r"[-+(]?\W?\d[\d.,:\- ]*%?\)?|TRUE|FALSE")
_WINDOW = 1 << 20
_OVERLAP = 512


def convert(data: bytes, limits: Limits) -> Made:
    """Every sheet's tables, hidden sheets too; the first row of a block of rows is its header.

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
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # what a file says of its size may be wrong
            start = len(blocks)
            blocks.append(markdown.heading(2, sheet.title))
            merged = _merged(data, sheet._worksheet_path)
            for rows in _tables(sheet.iter_rows(), merged):
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
    if uncomputed := sum(1 for _ in _in_xml(data, "xl/worksheets/", _UNCOMPUTED)):
        unread.append(
            f"{some(uncomputed, 'formula', 'formulas')} without a saved result: open the workbook "
            "in a spreadsheet program and save it"
        )
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        names = parts.namelist()
    for begin, one, many in _DRAWN:
        if count := sum(name.startswith(begin) for name in names):
            unread.append(f"{some(count, one, many)} not read")
    if comments := sum(1 for _ in _in_xml(data, "xl/comments", _COMMENT)):
        unread.append(f"{some(comments, 'cell comment', 'cell comments')} not read")
    return Made("\n\n".join(blocks), title, {"rows": str(rows_read)}, tuple(unread))


def _tables(rows: Iterable[Sequence[Any]], merged: Merged) -> Iterator[list[list[str]]]:
    """Blocks of rows; one that lacks a header goes on with the table before it."""
    table: list[list[str]] = []
    header: list[str] = []
    above: list[list[str]] = []  # the rows of values of the block before
    columns: set[int] = set()
    for block in _blocks(rows, merged):
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


def _blocks(rows: Iterable[Sequence[Any]], merged: Merged) -> Iterator[list[list[str]]]:
    """Rows without an empty row in between; what is merged down is said in each row.

    Not what is merged down from a title or a header, which would be said among the values then.
    """
    block: list[list[str]] = []
    has_header = False
    # By column, the last row and the text of what is merged.
    open_at: dict[int, tuple[int, str]] = {}
    for number, row in enumerate(rows, 1):
        cells = [_text(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        for at, (last, text) in list(open_at.items()):
            if number > last:
                del open_at[at]
            elif cells:
                cells += [""] * (at + 1 - len(cells))
                cells[at] = cells[at] or text
        for at, last in merged.get(number, ()):
            if at < len(cells) and cells[at] and has_header:
                open_at[at] = last, cells[at]
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


def _text(cell: Any) -> str:
    """What a reader of the sheet sees, as far as the value and its format tell."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value, str(cell.number_format))
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    return str(value)


def _number(value: float, form: str) -> str:
    if form.endswith("%"):
        return f"{value * 100:.10g}%"
    whole = isinstance(value, int) or (value.is_integer() and abs(value) < 1e15)
    text = str(int(value)) if whole else f"{value:.15g}"
    if "0.00" in form and len(text) < 15 and "e" not in text:
        text = f"{value:.{len(form.split('.')[1]) - len(form.split('.')[1].lstrip('0'))}f}"
    return text


def _merged(data: bytes, path: str) -> Merged:
    """What a sheet merges over several rows."""
    merged: Merged = {}
    for found in _in_xml(data, path, _MERGED):
        first, last = int(found[2]), int(found[3])
        if last > first:
            letters = found[1].decode("ascii")
            column = functools.reduce(lambda at, letter: at * 26 + ord(letter) - 64, letters, 0)
            merged.setdefault(first, []).append((column - 1, last))
    return merged


def _in_xml(data: bytes, begin: str, pattern: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    """Where the pattern stands in the parts of a workbook whose names begin so."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        for name in book.namelist():
            if not name.startswith(begin):
                continue
            with book.open(name) as part:
                rest = b""
                while piece := part.read(_WINDOW):
                    window = rest + piece
                    end = 0
                    for found in pattern.finditer(window):
                        yield found
                        end = found.end()
                    rest = window[max(end, len(window) - _OVERLAP) :]
