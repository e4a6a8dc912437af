"""PDF to Markdown: pdf_oxide gives runs of text and tables with their places and sizes.

A PDF knows no headings, so lines that are larger than most text are taken for them, their levels by
size.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise
from typing import Any

from connectors.converters import markdown, pdf_tables
from connectors.converters.bidi import as_read, has_right_to_left
from connectors.converters.errors import Unreadable
from connectors.converters.made import Limits, Made, some
from connectors.converters.pdf_forms import Run, filled_in, secret
from connectors.converters.pdf_tables import Box, Table

_END = b"%%EOF"
_END_WITHIN = 2048
_BULLET = re.compile("^[•‣◦▪●○■\u2013·*\x7f\uf0b7-]\\s+")
_NUMBER = re.compile(r"^(?:\(?[A-Za-z\d]{1,3}[.)]|\d{1,3}(?:\.\d{1,3}){1,5}\.?)\s+\S")
_LARGER = 1.15  # of the body's size: a heading
_HEADING_CHARS = 200
_HEADING_LEVELS = 4
# Line spacing over this, in heights of the line, parts paragraphs.
_GAP = 0.9
_SAME_LINE = 0.5
_SPACE = 0.15  # of the height: a gap that parts words
_PICTURE = 24.0  # points: what is smaller either way is an icon or a rule
_WHOLE_PAGE = 0.8
_RUNNING_SHARE = 0.6  # of the pages: a line at the edge that comes so often is a running head
_RUNNING_PAGES = 4
_DIGITS = re.compile(r"\d+")
_CAPTION = re.compile(r"tab\w*\.? *\d", re.IGNORECASE)  # not the same line on each page
_NEAR = 0.25  # of the page's height: how near to its edge a table ends that goes on on the next


@dataclass(slots=True)
class _Line:
    text: str
    size: float  # 0 where it is not known
    left: float
    bottom: float
    top: float
    right: float
    bold: bool = False


@dataclass(slots=True)
class _Page:
    lines: list[_Line]
    tables: list[Table]  # from the top
    damaged: bool = False
    # By name and place, so that what stands on every page is one.
    pictures: set[tuple[Any, ...]] = field(default_factory=set[tuple[Any, ...]])
    ticks: int = 0  # in a form
    low: float = 0  # its edges
    high: float = 0


def convert(data: bytes, limits: Limits) -> Made:
    """The pages of a PDF, form feeds between them.

    Raises:
        Unreadable: it is encrypted, damaged beyond reading, too long, scanned, or empty.
    """
    library: Any = import_module("pdf_oxide")
    if b"%PDF-" not in data[:_END_WITHIN]:
        raise Unreadable("damaged", "is no PDF: it does not begin as one")
    truncated = _END not in data[-_END_WITHIN:]
    try:
        document = library.PdfDocument.from_bytes(data)
        if b"/Encrypt" in data and not document.authenticate(""):
            raise Unreadable("encrypted", "is encrypted: save it without a password")
        count = int(document.page_count())
    except (OSError, ValueError, RuntimeError) as error:
        word = "is truncated" if truncated else "is damaged"
        raise Unreadable("damaged", f"{word}: {error}") from None
    if count > limits.max_pages:
        raise Unreadable("too_large", f"has {count:,} pages; at most {limits.max_pages:,}")
    hidden = secret(document)
    pages = [_page(document, number, hidden) for number in range(count)]
    _repeat_headers(pages)
    _drop_running(pages)
    sizes = _heading_sizes(pages)
    texts = [_markdown(page, sizes) for page in pages]
    silent = [str(i) for i, text in enumerate(texts, 1) if not text.strip()]
    if len(silent) == len(texts):
        if truncated:
            raise Unreadable("damaged", "is truncated: none of its pages can be read")
        none = f"none of {some(count, 'page', 'pages')} holds text"
        if any(page.pictures for page in pages):
            raise Unreadable("scanned", f"{none}, only pictures: have its characters recognised")
        raise Unreadable("empty", f"{none}: is it damaged?")
    unread: list[str] = []
    scanned = [name for name in silent if pages[int(name) - 1].pictures]
    silent = [name for name in silent if name not in scanned]
    for names, what in ((scanned, "of pictures alone"), (silent, "without text")):
        if names:
            unread.append(f"{some(len(names), 'page', 'pages')} {what}: {_few(names)}")
    pictures = set[tuple[Any, ...]]().union(
        *(page.pictures for page, text in zip(pages, texts, strict=True) if text.strip())
    )
    if pictures:
        unread.append(f"{some(len(pictures), 'picture', 'pictures')} not read")
    if ticks := sum(page.ticks for page in pages):
        unread.append(f"{some(ticks, 'ticked box', 'ticked boxes')} not read")
    broken = [str(i) for i, page in enumerate(pages, 1) if page.damaged]
    if broken:
        unread.append(f"{some(len(broken), 'page', 'pages')} damaged: {_few(broken)}")
    if truncated:
        unread.append("the file is cut off at its end")
    first = next((line for line in texts[0].splitlines() if line.startswith("# ")), "")
    return Made(markdown.pages(texts), first[2:], {"pages": str(count)}, tuple(unread))


def _few(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _page(document: Any, number: int, hidden: set[Any]) -> _Page:
    try:
        spans = document.extract_spans(number, reading_order="column_aware")
        found: Any = document.extract_tables(number) if len(spans) > 3 else ()
    except (OSError, ValueError, RuntimeError):
        return _Page([], [], damaged=True)
    tables = sorted(pdf_tables.tables(found), key=lambda table: -table.box[3])
    boxes = [table.box for table in tables]
    runs = [
        Run(text, span.bbox, span.font_size, bool(span.is_bold))
        for span, text in zip(spans, _seen(document, number, spans), strict=True)
        if text.strip() and not _inside(span.bbox, boxes)
    ]
    runs, ticks = filled_in(document, number, runs, hidden)
    lines: list[_Line] = []
    for run in runs:
        _append(lines, run)
    for line in lines:
        if has_right_to_left(line.text):
            line.text = as_read(line.text)
    left, low, right, high = _edges(document, number)
    area = abs((right - left) * (high - low)) if lines or tables else 0
    pictures = _pictures(document, number, area)
    return _Page(lines, tables, pictures=pictures, ticks=ticks, low=low, high=high)


def _edges(document: Any, number: int) -> Box:
    """Of a page; all 0 where they are not known."""
    try:
        left, low, right, high = document.page_media_box(number)
    except (OSError, ValueError, RuntimeError):
        return 0, 0, 0, 0
    return left, low, right, high


def _seen(document: Any, number: int, spans: Sequence[Any]) -> list[str]:
    """The text of each run; one with right-to-left letters as it is seen, from left to right.

    The library turns some such runs round and others not, by how they were drawn.
    """
    texts = [str(span.text) for span in spans]
    if not any(map(has_right_to_left, texts)):
        return texts
    places = [(*char.bbox, char.char) for char in document.extract_chars(number)]
    for at, span in enumerate(spans):
        if has_right_to_left(texts[at]):
            x, y, width, height = span.bbox
            inside = sorted(
                (left, wide, char)
                for left, low, wide, high, char in places
                if x <= left + wide / 2 <= x + width and y <= low + high / 2 <= y + height
            )
            texts[at] = _spaced(inside, height)
    return texts


def _spaced(chars: Sequence[tuple[float, float, str]], height: float) -> str:
    """Characters with their left edges and widths as text, a space where there is a gap."""
    text, right = "", 0.0
    for left, width, char in chars:
        gap = text and left - right > _SPACE * height and not (text[-1] + char).count(" ")
        text += f" {char}" if gap else char
        right = left + width
    return text


def _pictures(document: Any, number: int, area: float) -> set[tuple[Any, ...]]:
    """The pictures of a page that a reader would miss, each by its name and place.

    Not icons and rules; and not a picture of the whole page where that page has text, since such
    text was read from it. `area` is that of a page with text, 0 of one without.
    """
    try:
        found: Any = document.page_images(number)
    except (OSError, ValueError, RuntimeError):
        return set()
    return {
        (image["name"], *(round(image[side]) for side in ("x", "y", "width", "height")))
        for image in found
        if min(abs(image["width"]), abs(image["height"])) >= _PICTURE
        and not (area and abs(image["width"] * image["height"]) >= _WHOLE_PAGE * area)
    }


def _inside(box: tuple[float, ...], boxes: Sequence[Box]) -> bool:
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    return any(left <= x <= right and low <= y <= high for left, low, right, high in boxes)


def _append(lines: list[_Line], run: Run) -> None:
    """Put a run of text on the line it continues, or on a new one."""
    text, (x, y, width, height), size, bold = run
    last = lines[-1] if lines else None
    if last and abs(last.bottom - y) < _SAME_LINE * max(height, 1) and x >= last.right - height:
        space = "" if x - last.right < _SPACE * height or last.text.endswith(" ") else " "
        last.text += space + text
        last.right = max(last.right, x + width)
        last.top = max(last.top, y + height)
        last.size = max(last.size, size) if last.text.strip() else size
        last.bold = last.bold and bold
        return
    lines.append(_Line(text, size, x, y, y + height, x + width, bold))


def _repeat_headers(pages: Sequence[_Page]) -> None:
    """Begin a table that goes on at the top of a page with the header it has on the page before.

    The one ends near the bottom of its page, the other begins near the top, and nothing stands
    between them but what other pages have in the same place.
    """
    body = _body_size(pages)
    shapes = Counter(each for page in pages for each in {_shape(line) for line in page.lines})

    def empty(lines: Sequence[_Line]) -> bool:
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
            table.rows.insert(0, former.rows[0])


def _shape(line: _Line) -> tuple[str, int]:
    """What running heads and feet have in common from page to page: all but their numbers."""
    text = line.text.strip()
    return text if _CAPTION.match(text) else _DIGITS.sub("0", text), round(line.bottom)


def _drop_running(pages: Sequence[_Page]) -> None:
    """Take repeated running heads and feet away; where one comes first, it stays.

    They are what stands alone at the edge of most pages in the same place, in no larger letters
    than the text, and differs in its numbers only.
    """
    if len(pages) < _RUNNING_PAGES:
        return
    body = _body_size(pages)

    def edges(page: _Page) -> list[_Line]:
        found: list[_Line] = []
        for sign in (1, -1):
            by_height = sorted(page.lines, key=lambda line: sign * line.bottom)
            edge = [line for line in by_height if abs(line.bottom - by_height[0].bottom) < 2]
            rest = by_height[len(edge) :]
            height = max((line.top - line.bottom for line in edge), default=0)
            if rest and abs(rest[0].bottom - edge[0].bottom) > (1 + 2 * _GAP) * height:
                found += [line for line in edge if line.size <= body]
        return found

    often = Counter(each for page in pages for each in {_shape(line) for line in edges(page)})
    running = {each for each, times in often.items() if times >= _RUNNING_SHARE * len(pages)}
    seen: set[tuple[str, int]] = set()
    for page in pages:
        found = {_shape(line) for line in page.lines} & running
        page.lines = [line for line in page.lines if _shape(line) not in seen]
        seen |= found


def _body_size(pages: Sequence[_Page]) -> float:
    """The size in which most of the text is set, 0 without text."""
    weights: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            if line.size:
                weights[round(line.size)] += len(line.text)
    return weights.most_common(1)[0][0] if weights else 0


def _heading_sizes(pages: Sequence[_Page]) -> dict[float, int]:
    """The heading level of each size of letters that is larger than the text's own."""
    body = _body_size(pages)
    sizes = {round(line.size) for page in pages for line in page.lines}
    larger = sorted((size for size in sizes if size > body * _LARGER), reverse=True)
    return {size: min(level, _HEADING_LEVELS) for level, size in enumerate(larger, 1)}


def _markdown(page: _Page, sizes: dict[float, int]) -> str:
    out: list[str] = []
    tables = [(table.box[3], markdown.table(table.rows)) for table in page.tables]
    last: _Line | None = None
    last_level = 0
    for line in page.lines:
        while tables and line.top <= tables[0][0] and (last is None or last.top > tables[0][0]):
            out.append(tables.pop(0)[1])
            last = None
        text = " ".join(line.text.split())
        level = sizes.get(round(line.size), 0) if len(text) <= _HEADING_CHARS else 0
        near = last is not None and _near(last, line)
        if bullet := _BULLET.match(text):
            text = f"- {text[bullet.end() :]}"
            out.append(text) if not out or not out[-1].startswith("- ") else _extend(out, text)
        elif level:
            if near and last_level == level:
                out[-1] += f" {text}"
            else:
                out.append(markdown.heading(level, text))
        elif near and not last_level and not _NUMBER.match(text) and not out[-1].startswith("|"):
            _join(out, text)
        else:
            out.append(text)
        last, last_level = line, level
    out.extend(text for _, text in tables)
    return "\n\n".join(out)


def _near(above: _Line, line: _Line) -> bool:
    """Whether two lines are set as neighbours of one paragraph."""
    height = above.top - above.bottom
    return -_SAME_LINE * height <= above.bottom - line.top < _GAP * height


def _extend(out: list[str], text: str) -> None:
    out[-1] += f"\n{text}"


def _join(out: list[str], text: str) -> None:
    """Go on with a paragraph; a word that a hyphen divides is made whole."""
    if re.search(r"[a-z]-$", out[-1]) and text[:1].islower():
        out[-1] = out[-1][:-1] + text
    else:
        out[-1] += f" {text}"
