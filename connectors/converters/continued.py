"""Whether a row goes on with a table that was broken off, or begins another one."""

from __future__ import annotations

import re
from collections.abc import Sequence

_YEAR = re.compile(r"19\d\d|20\d\d|2100")
Rows = Sequence[Sequence[str]]


def goes_on(header: Sequence[str], rows: Rows, block: Rows, value: re.Pattern[str]) -> bool:
    """Whether `block` is more of `rows`, the first of it of their kind, and no header like theirs.

    That has a `value` where their `header` has a name. Years behind a name are another header,
    unless there are years above them or below, or nothing below.
    """
    row, *below = block
    pairs = zip(header, row, strict=False)
    if not any(a and not value.fullmatch(a) and value.fullmatch(b) for a, b in pairs):
        return False
    named = not value.fullmatch(next(filter(None, row), ""))
    for at, cell in enumerate(row):
        known = {bool(value.fullmatch(said)) for said in _column(rows, at)}
        if cell and known and bool(value.fullmatch(cell)) not in known:
            return False
        others = [*_column(rows, at), *_column(below, at)]
        if named and below and _YEAR.fullmatch(cell) and not any(map(_YEAR.fullmatch, others)):
            return False
    return True


def _column(rows: Rows, at: int) -> list[str]:
    return [row[at] for row in rows if at < len(row) and row[at]]
