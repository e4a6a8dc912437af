"""Tables of a PDF that have their rules drawn: a cell is what the lines around it hold.

Cells that go over several columns or rows, and texts of several lines in one, follow from the lines
alone; a library that looks for columns of words loses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from connectors.converters.pdf_forms import Run
from connectors.converters.pdf_lines import Line, append
from connectors.converters.pdf_tables import Table

_STRAIGHT = 1.0  # points that a rule may be off, and the width of one that is drawn as a box
_THICK = 2.5
_TOUCHES = 2.5
_MOST_CELLS = 20_000
_MOST_RULES = 4_000  # of a page: more are a drawing
_OVER = 3.0  # points of a text that may stand over a rule


@dataclass(slots=True)
class _Rule:
    at: float  # its place across: the height of a level one
    low: float
    high: float

    def covers(self, place: float) -> bool:
        return self.low - _TOUCHES <= place <= self.high + _TOUCHES


@dataclass(slots=True)
class _Grid:
    """Rules that touch: level ones from the top, upright ones from the left."""

    level: list[_Rule] = field(default_factory=list[_Rule])
    upright: list[_Rule] = field(default_factory=list[_Rule])

    def places(self) -> tuple[list[float], list[float]]:
        """The heights of its rows' edges from the top, and its columns' from the left."""
        return (
            _distinct(sorted((rule.at for rule in self.level), reverse=True)),
            _distinct(sorted(rule.at for rule in self.upright)),
        )


def ruled(paths: Iterable[dict[str, Any]], runs: Sequence[Run]) -> list[Table]:
    """The tables whose rules are among `paths`, with the texts of `runs` that stand in them."""
    level: list[_Rule] = []
    upright: list[_Rule] = []
    for path in paths:
        for x, y, right, top in _strokes(path):
            if abs(top - y) <= _STRAIGHT < abs(right - x):
                level.append(_Rule((y + top) / 2, min(x, right), max(x, right)))
            elif abs(right - x) <= _STRAIGHT < abs(top - y):
                upright.append(_Rule((x + right) / 2, min(y, top), max(y, top)))
    if len(level) + len(upright) > _MOST_RULES:
        return []
    found = (_table(grid, runs) for grid in _grids(_joined(level), _joined(upright)))
    return [table for table in found if table is not None]


def _strokes(path: dict[str, Any]) -> Iterator[tuple[float, float, float, float]]:
    """Its straight lines; a filled box that is thin is one."""
    at: tuple[float, float] | None = None
    for step in path["operations"]:
        x, y = float(step.get("x", 0)), float(step.get("y", 0))
        if step["op"] == "rectangle":
            right, top = x + float(step["width"]), y + float(step["height"])
            if abs(top - y) <= _THICK:
                yield x, (y + top) / 2, right, (y + top) / 2
            elif abs(right - x) <= _THICK:
                yield (x + right) / 2, y, (x + right) / 2, top
            elif path["stroke_color"] is not None:
                yield from ((x, y, right, y), (x, top, right, top))
                yield from ((x, y, x, top), (right, y, right, top))
        elif step["op"] == "line_to" and at is not None and path["stroke_color"] is not None:
            yield *at, x, y
        at = (x, y)


def _joined(rules: list[_Rule]) -> list[_Rule]:
    """Rules in one line as one: many programs draw one for each cell."""
    made: list[_Rule] = []
    for rule in sorted(rules, key=lambda each: (round(each.at), each.low)):
        last = made[-1] if made else None
        if last and abs(last.at - rule.at) <= _STRAIGHT and rule.low <= last.high + _TOUCHES:
            last.high = max(last.high, rule.high)
        else:
            made.append(rule)
    return made


def _grids(level: Sequence[_Rule], upright: Sequence[_Rule]) -> Iterator[_Grid]:
    """Each rule is held once against those that are left: a drawing of many takes no minutes."""
    left_level: list[_Rule] = list(level)
    left_upright: list[_Rule] = list(upright)
    while left_level:
        new = [left_level.pop()]
        grid = _Grid(new)
        while new:
            met, left_upright = _parted(left_upright, new)
            grid.upright += met
            new, left_level = _parted(left_level, met)
            grid.level += new
        yield grid


def _parted(rules: Sequence[_Rule], others: Sequence[_Rule]) -> tuple[list[_Rule], list[_Rule]]:
    """Those that cross one of the others, and the rest."""
    those: list[_Rule] = []
    rest: list[_Rule] = []
    for rule in rules:
        (those if any(_cross(rule, other) for other in others) else rest).append(rule)
    return those, rest


def _cross(level: _Rule, upright: _Rule) -> bool:
    """Also the other way round."""
    return level.covers(upright.at) and upright.covers(level.at)


def _distinct(places: Iterable[float]) -> list[float]:
    made: list[float] = []
    for place in places:
        if not made or abs(made[-1] - place) > _TOUCHES:
            made.append(place)
    return made


Cell = tuple[int, int]


def _table(grid: _Grid, runs: Sequence[Run]) -> Table | None:
    """The table of a grid; None where it is none, or a text stands over a rule."""
    heights, edges = grid.places()
    rows, columns = len(heights) - 1, len(edges) - 1
    if rows < 2 or columns < 2 or rows * columns > _MOST_CELLS:
        return None
    owners = _owners(grid, heights, edges)
    texts: dict[Cell, list[Line]] = {}
    for run in runs:
        x, y, width, height = run.bbox
        middle = y + height / 2
        begins, goes = (_owner(owners, heights, edges, end, middle) for end in _ends(x, width))
        if begins != goes:
            return None
        if begins is not None:
            append(texts.setdefault(begins, []), run)
    return _written(owners, heights, edges, texts)


def _ends(x: float, width: float) -> tuple[float, float]:
    inside = min(_OVER, width / 3)
    return x + inside, x + width - inside


def _owners(grid: _Grid, heights: list[float], edges: list[float]) -> dict[Cell, Cell]:
    """Of each place the cell at the top left of those that no rule parts."""

    def parted(rules: list[_Rule], at: float, place: float) -> bool:
        return any(abs(rule.at - at) <= _TOUCHES and rule.covers(place) for rule in rules)

    owners: dict[Cell, Cell] = {}
    for row in range(len(heights) - 1):
        level = (heights[row] + heights[row + 1]) / 2
        for column in range(len(edges) - 1):
            if (row, column) in owners:
                continue
            right = column
            while (
                right + 2 < len(edges)
                and (row, right + 1) not in owners
                and not parted(grid.upright, edges[right + 1], level)
            ):
                right += 1
            low = row
            middles = [(edges[c] + edges[c + 1]) / 2 for c in range(column, right + 1)]
            while low + 2 < len(heights) and not any(
                parted(grid.level, heights[low + 1], middle) for middle in middles
            ):
                low += 1
            for r in range(row, low + 1):
                for c in range(column, right + 1):
                    owners.setdefault((r, c), (row, column))
    return owners


def _owner(
    owners: dict[Cell, Cell], heights: list[float], edges: list[float], x: float, y: float
) -> Cell | None:
    if not (heights[-1] < y < heights[0] and edges[0] < x < edges[-1]):
        return None
    row = sum(y < height for height in heights) - 1
    column = sum(x > edge for edge in edges) - 1
    return owners[row, column]


def _written(
    owners: dict[Cell, Cell],
    heights: list[float],
    edges: list[float],
    texts: dict[Cell, list[Line]],
) -> Table | None:
    columns = len(edges) - 1
    said = {cell: " ".join(line.text.strip() for line in lines) for cell, lines in texts.items()}
    top = 0
    while top < len(heights) - 1 and len({owners[top, c] for c in range(columns)}) == 1:
        top += 1  # what goes over all columns above the header is a heading, and not the table's
    rows: list[list[str]] = []
    across: set[Cell] = set()
    for row in range(top, len(heights) - 1):
        cells = [""] * columns
        for column in range(columns):
            owner = owners[row, column]
            first = owner[1] == column
            if first and (owner[0] == row or owner[0] > top):  # a group's name is each row's
                cells[column] = said.get(owner, "")
        if any(cells):
            across |= {(len(rows), c) for c in range(columns) if owners[row, c][1] != c}
            rows.append(cells)
    filled = {column for cells in rows for column, cell in enumerate(cells) if cell}
    if len(rows) < 2 or len(filled) < 2:
        return None
    box = (edges[0], heights[-1], edges[-1], heights[top])
    return Table(rows, box, [*pairwise(edges)], frozenset(across))
