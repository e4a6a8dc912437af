"""Whether a row goes on with a table that was broken off, or begins another one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

_YEAR = re.compile(r"19\d\d|20\d\d|2100")
Kind = Literal["text", "year", "number"]


def goes_on(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    row: Sequence[str],
    value: re.Pattern[str],
) -> bool:
    """Whether `row` is of the kind of `rows`, and has a `value` where their `header` has a name.

    Years behind a name are the header of another table, unless these rows have years there too.
    """
    pairs = zip(header, row, strict=False)
    if not any(a and not value.fullmatch(a) and value.fullmatch(b) for a, b in pairs):
        return False
    named = _kind(next(filter(None, row), ""), value) == "text"
    for at, cell in enumerate(row):
        known = {_kind(each[at], value) for each in rows if at < len(each) and each[at]}
        kind = _kind(cell, value)
        if kind == "year" and not named and "number" in known:
            kind = "number"
        if cell and known and kind not in known:
            return False
    return True


def _kind(cell: str, value: re.Pattern[str]) -> Kind:
    if _YEAR.fullmatch(cell):
        return "year"
    return "number" if value.fullmatch(cell) else "text"
