"""What the cells of a sheet show, and which show nothing."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple, cast

from connectors.converters.made import some
from connectors.converters.number_formats import (
    shown_duration,
    shown_moment,
    shown_number,
    shown_text,
)
from processors.text import raised

# Rows and columns that an author hid: not those that a filter or a folded outline keeps away.
_HIDDEN_ROW = re.compile(
    rb'<(?:\w{1,9}:)?row\b(?=[^>]{0,400}\shidden="(?:1|true)")(?![^>]{0,400}\soutlineLevel="[1-9])'
    rb'[^>]{0,400}?\sr="(\d{1,7})"'
)
_HIDDEN_COLUMNS = re.compile(
    rb'<(?:\w{1,9}:)?col\b(?=[^>]{0,400}\shidden="(?:1|true)")(?![^>]{0,400}\soutlineLevel="[1-9])'
    rb'(?=[^>]{0,400}\smin="(\d{1,5})")[^>]{0,400}?\smax="(\d{1,5})"'
)
_FILTERED = re.compile(rb"<(?:\w{1,9}:)?filterColumn\b")
_MOST_COLUMNS = 16_384
_WHITE = ("FFFFFFFF", "00FFFFFF")
Shown = Callable[[int, Sequence[Any]], "list[str] | None"]
InXml = Callable[[re.Pattern[bytes]], Iterator[re.Match[bytes]]]


class Hidden(NamedTuple):
    """Numbers from 1 of what a sheet hides."""

    rows: frozenset[int]
    columns: frozenset[int]


def hidden_of(in_xml: InXml) -> Hidden:
    """The rows and columns that a sheet hides."""
    filtered = next(in_xml(_FILTERED), None) is not None
    rows = () if filtered else (int(found[1]) for found in in_xml(_HIDDEN_ROW))
    columns = (
        column
        for found in in_xml(_HIDDEN_COLUMNS)
        for column in range(int(found[1]), min(int(found[2]), _MOST_COLUMNS) + 1)
    )
    return Hidden(frozenset(rows), frozenset(columns))


def column_of(letters: bytes) -> int:
    """The number of a column from 0."""
    named = letters.decode("ascii")
    return reduce(lambda at, letter: at * 26 + ord(letter) - 64, named, 0) - 1


class Seen:
    """Reads rows as they are seen; counts what is left out of them."""

    def __init__(self) -> None:
        self._left: Counter[str] = Counter()
        self._looks: dict[int, str] = {}

    def of(self, hidden: Hidden) -> Shown:
        """How the rows of a sheet are read: None for one that is not seen."""
        return partial(self._row, hidden)

    def unread(self) -> list[str]:
        """A line for each kind of what was left out."""
        kinds = (
            ("row", "hidden row left out", "hidden rows left out"),
            ("column", "value in a hidden column left out", "values in hidden columns left out"),
            ("struck", "struck cell left out", "struck cells left out"),
            ("white", "cell of hidden text left out", "cells of hidden text left out"),
        )
        return [some(n, one, many) for kind, one, many in kinds if (n := self._left[kind])]

    def _row(self, hidden: Hidden, number: int, row: Sequence[Any]) -> list[str] | None:
        if number in hidden.rows:
            if any(cell.value is not None for cell in row):
                self._left["row"] += 1
            return None
        texts: list[str] = []
        for column, cell in enumerate(row, 1):
            text = "" if cell.value is None else shown(cell)
            if text and (kind := "column" if column in hidden.columns else self._why_unseen(cell)):
                self._left[kind] += 1
                text = ""
            texts.append(text)
        return texts

    def _why_unseen(self, cell: Any) -> str:
        style = getattr(cell, "_style_id", 0)
        if style not in self._looks:
            font, fill = cell.font, cell.fill
            color = getattr(font.color, "rgb", None) if font is not None and font.color else None
            plain = fill is None or getattr(fill, "fill_type", None) is None
            struck = font is not None and font.strike
            self._looks[style] = (
                "struck" if struck else "white" if color in _WHITE and plain else ""
            )
        return self._looks[style]


def shown(cell: Any) -> str:
    """What a reader of the sheet sees of a cell that has a value."""
    value, form = cell.value, str(cell.number_format or "General")
    rich = isinstance(value, list)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return shown_number(value, form)
    if isinstance(value, datetime.timedelta):
        return shown_duration(value, form)
    if isinstance(value, datetime.date | datetime.time):
        return shown_moment(value, form)
    return shown_text(_parts(cast("list[Any]", value)) if rich else str(value), form)


def _parts(value: list[Any]) -> str:
    """A text of which parts look different: raised or lowered ones as such, struck ones not."""
    made: list[str] = []
    for part in value:
        if isinstance(part, str):
            made.append(part)
        elif not part.font.strike:
            way = {"superscript": raised.up, "subscript": raised.down}.get(part.font.vertAlign)
            made.append(way(part.text) if way else part.text)
    return "".join(made)
