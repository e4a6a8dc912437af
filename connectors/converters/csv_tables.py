"""CSV to pipe tables, with what stands above and below them."""

from __future__ import annotations

import csv
import io

from connectors.converters import markdown
from connectors.converters.errors import Unreadable
from processors.text.tables import is_note

_DELIMITERS = ",;\t|"
_SAMPLE = 16_384
_FIELD_BYTES = 1 << 24


def csv_table(text: str) -> tuple[str, list[str]]:
    """Pipe tables of CSV text with what stands above and below them, and what is odd about it.

    Raises:
        Unreadable: quotes that never close, or the like.
    """
    csv.field_size_limit(_FIELD_BYTES)
    rows: list[list[str]] = []
    fields = 0
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text)):
            fields += len(row)
            markdown.bounded(1, fields)
            rows.append(row)
    except csv.Error as error:
        raise Unreadable("damaged", f"is not CSV: {error}") from None
    blocks: list[list[list[str]]] = []
    width = gap = 0
    for row in rows:
        said = max((at + 1 for at, field in enumerate(row) if field.strip()), default=0)
        if not said:
            gap = 1
        elif blocks and (not gap or said == width):
            blocks[-1].append(row)
            width, gap = max(said, width), 0
        else:
            blocks.append([row])
            width, gap = said, 0
    odd = of = 0
    for block in blocks:
        above = next((at for at, row in enumerate(block) if len(list(filter(None, row))) > 1), 0)
        lengths = [len(row) for row in block[above:] if len(row) > 1 or not is_note(row[0])]
        odd += sum(length != lengths[0] for length in lengths)
        of += len(block)
    notes = [f"{odd:,} of {of:,} rows have not as many fields as the first"] if odd else []
    if len(blocks) < 2:
        return markdown.table(rows), notes
    return "\n\n".join(map(_written, blocks)), notes


def _written(block: list[list[str]]) -> str:
    """A table; of lines of one field each, as they are above a table, paragraphs."""
    said = [[field for field in row if field.strip()] for row in block]
    if all(len(row) == 1 for row in said):
        return "\n\n".join(" ".join(row[0].split()) for row in said)
    return markdown.table(block)


def _delimiter(text: str) -> str:
    """The candidate that cuts the first lines most evenly, and into most fields."""
    lines = text[:_SAMPLE].splitlines()[:20]
    best, score = ",", (0, 0)
    for candidate in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=candidate) if row]
        except csv.Error:
            continue
        common = max(set(widths), key=widths.count) if widths else 1
        found = (widths.count(common), common) if common > 1 else (0, 0)
        if found > score:
            best, score = candidate, found
    return best
