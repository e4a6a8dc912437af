"""What a PDF says on one page after the other: running heads and feet, headers of tables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from connectors.converters.pdf_lines import GAP, Line, Page, body_size
from processors.text.furniture import is_page_number

_RUNNING_SHARE = 0.6  # of the pages: a line at the edge that comes so often is a running head
_RUNNING_PAGES = 2
_MANY_PAGES = 4  # on fewer, running heads are the same but for the number of the page
_DIGITS = re.compile(r"\d+")
_CAPTION = re.compile(r"tab\w*\.? *\d", re.IGNORECASE)  # not the same line on each page
_NEAR = 0.25  # of the page's height: how near to its edge a table ends that goes on on the next


def repeat_headers(pages: Sequence[Page]) -> None:
    """Begin a table that goes on at the top of a page with the header it has on the page before.

    The one ends near the bottom of its page, the other begins near the top, and nothing stands
    between them but what other pages have in the same place.
    """
    body = body_size(pages)
    shapes = Counter(each for page in pages for each in {_shape(line) for line in page.lines})

    def empty(lines: Sequence[Line]) -> bool:
        return all(line.size <= body and shapes[_shape(line)] > 1 for line in lines)

    for above, page in pairwise(pages):
        if not (above.tables and page.tables):
            continue
        former, table = above.tables[-1], page.tables[0]
        if former.box[1] > above.low + _NEAR * (above.high - above.low):
            continue
        if table.box[3] < page.high - _NEAR * (page.high - page.low):
            continue
        between = [line for line in above.lines if line.top <= former.box[1]]
        between += [line for line in page.lines if line.bottom >= table.box[3]]
        if empty(between) and former.goes_on_in(table):
            table.begin_as(former)


def _shape(line: Line) -> tuple[str, int]:
    """What running heads and feet have in common from page to page: all but their numbers."""
    text = line.text.strip()
    return text if _CAPTION.match(text) else _DIGITS.sub("0", text), round(line.bottom)


def drop_running(pages: Sequence[Page]) -> None:
    """Take repeated running heads and feet away; where one comes first, it stays.

    They are what stands alone at the edge of most pages in the same place, in no larger letters
    than the text, and differs in its numbers only.
    """
    if len(pages) < _RUNNING_PAGES:
        return
    body = body_size(pages)
    many = len(pages) >= _MANY_PAGES

    def shape(line: Line, page: int) -> tuple[str, int]:
        text = line.text.strip()
        if many or is_page_number(text):
            return _shape(line)
        return re.sub(rf"\b{page}\b", "0", text), round(line.bottom)

    def edges(page: Page) -> list[Line]:
        found: list[Line] = []
        for sign in (1, -1):
            by_height = sorted(page.lines, key=lambda line: sign * line.bottom)
            edge = [line for line in by_height if abs(line.bottom - by_height[0].bottom) < 2]
            rest = by_height[len(edge) :]
            height = max((line.top - line.bottom for line in edge), default=0)
            if rest and abs(rest[0].bottom - edge[0].bottom) > (1 + 2 * GAP) * height:
                found += [line for line in edge if line.size <= body]
        return found

    often = Counter(
        each
        for number, page in enumerate(pages, 1)
        for each in {shape(line, number) for line in edges(page)}
    )
    running = {
        each for each, times in often.items() if times >= max(_RUNNING_SHARE * len(pages), 2)
    }
    seen = {each for each in running if is_page_number(each[0])}
    for number, page in enumerate(pages, 1):
        found = {shape(line, number) for line in page.lines} & running
        page.lines = [line for line in page.lines if shape(line, number) not in seen]
        seen |= found
