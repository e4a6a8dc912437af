"""Lines of a PDF's page, put together from the runs of text that stand on them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.converters.hyphens import Spellings
from connectors.converters.pdf_forms import Run
from connectors.converters.pdf_tables import Table
from processors.text import raised

SAME_LINE = 0.5
# Line spacing over this, in heights of the line, parts paragraphs.
GAP = 0.9
_SPACE = 0.15  # of the height: a gap that parts words
_NO_GAP = 0.35
_SMALLER = 0.86  # of the letters beside it: raised or lowered, if it is short
_MARK_CHARS = 4
_LOOKED_BACK = 40  # lines
_COLUMNS = 1.0  # of the height: a gap between two columns
APART = 0.6  # of the height: a gap after what is no word of the line
LABEL = re.compile(r"\d{1,3}|[A-Za-z]|[ivxl]{2,5}|[IVXL]{2,5}")
_ELEMENT = re.compile(r"(?:\A|[^\W\d_]|\W)(?:[A-Z][a-z]?)+\Z")  # of a formula: CO, H


@dataclass(slots=True)
class Line:
    """Runs of text beside each other."""

    text: str
    size: float  # 0 where it is not known
    left: float
    bottom: float
    top: float
    right: float
    bold: bool = False
    cells: int = 1  # texts that stand as far apart as in a table without rules
    label: str = ""  # that stands apart before its text, as the number of a list's point does


@dataclass(slots=True)
class Page:
    """What stands on a page."""

    lines: list[Line]
    tables: list[Table]  # from the top
    damaged: bool = False
    # By name and place, so that what stands on every page is one.
    pictures: set[tuple[Any, ...]] = field(default_factory=set[tuple[Any, ...]])
    ticks: int = 0  # in a form
    unseen: int = 0  # letters
    struck: int = 0  # letters
    comments: int = 0
    spellings: Spellings = field(default_factory=Spellings)  # of the whole document
    low: float = 0  # its edges
    high: float = 0


def append(lines: list[Line], run: Run) -> None:
    """Put a run of text on the line it continues, or on a new one."""
    text, (x, y, width, height), size, bold = run
    last = _continued(lines, run)
    if last is None:
        lines.append(Line(text, size, x, y, y + height, x + width, bold))
        return
    small, short = size < _SMALLER * last.size, len(text.strip()) <= _MARK_CHARS
    if small and short and x - last.right < height and not text[:1].isspace():
        text = _off_the_line(text, y, last)
    elif last.size < _SMALLER * size and len(last.text.strip()) <= _MARK_CHARS:
        last.text = raised.up(last.text.strip())  # a note begins with its mark
        last.bottom = y
    if LABEL.fullmatch(last.text.strip()) and x - last.right > APART * height:
        last.label, last.size, last.top = last.text.strip(), size, y + height
    elif x - last.right > _COLUMNS * height:
        last.cells += 1
    space = "" if x - last.right < _SPACE * height or last.text.endswith(" ") else " "
    last.text += space + text
    last.right = max(last.right, x + width)
    last.top = max(last.top, y + height) if not small else last.top
    last.size = max(last.size, size) if last.text.strip() else size
    last.bold = last.bold and bold


def _continued(lines: Sequence[Line], run: Run) -> Line | None:
    """The line that a run goes on with: the last one, or one that ends just where it begins."""
    x, y, _, height = run[1]
    for back, line in enumerate(reversed(lines[-_LOOKED_BACK:])):
        level = abs(line.bottom - y) < SAME_LINE * max(height, 1)
        inside = line.bottom - height / 2 < y < line.top and run[2] < _SMALLER * line.size
        if not (level or inside):
            continue
        if (back == 0 and x >= line.right - height) or abs(x - line.right) < _NO_GAP * height:
            return line
    return None


def _off_the_line(text: str, y: float, line: Line) -> str:
    """Small letters beside others: raised or lowered by where they stand."""
    height = line.top - line.bottom
    lowered = y < line.bottom - 0.05 * height
    if lowered or (abs(y - line.bottom) < 0.05 * height and _ELEMENT.search(line.text)):
        return raised.down(text)
    return raised.up(text)


def near(above: Line, line: Line) -> bool:
    """Whether two lines are set as neighbours of one paragraph."""
    height = above.top - above.bottom
    return -SAME_LINE * height <= above.bottom - line.top < GAP * height


def body_size(pages: Sequence[Page]) -> float:
    """The size in which most of the text is set, 0 without text."""
    weights: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            if line.size:
                weights[round(line.size)] += len(line.text)
    return weights.most_common(1)[0][0] if weights else 0
