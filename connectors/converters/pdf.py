"""PDF to Markdown: pdf_oxide gives runs of text and tables with their places and sizes.

A PDF knows no headings, so lines that are larger than most text are taken for them, their levels by
size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from connectors.converters import pdf_tables
from connectors.converters.bidi import as_read, has_right_to_left
from connectors.converters.errors import Unreadable
from connectors.converters.hyphens import Spellings
from connectors.converters.made import Limits, Made, some
from connectors.converters.pdf_forms import Run, filled_in, secret
from connectors.converters.pdf_lines import Line, Page, append, body_size
from connectors.converters.pdf_paragraphs import blocks_of, in_one
from connectors.converters.pdf_points import with_labels
from connectors.converters.pdf_rules import ruled
from connectors.converters.pdf_running import drop_running, repeat_headers
from connectors.converters.pdf_tables import Box
from connectors.converters.pdf_unseen import comments, struck_places, unseen_places
from processors.text.raised import resolved

_END = b"%%EOF"
_END_WITHIN = 2048
_LARGER = 1.15  # of the body's size: a heading
_HEADING_LEVELS = 4
_SPACE = 0.15  # of the height: a gap that parts words
_PICTURE = 24.0  # points: what is smaller either way is an icon or a rule
_WHOLE_PAGE = 0.8


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
    repeat_headers(pages)
    drop_running(pages)
    spellings = Spellings(line.text for page in pages for line in page.lines)
    for page in pages:
        page.spellings = spellings
    sizes = _heading_sizes(pages)
    blocks = [blocks_of(page, sizes, body_size(pages)) for page in pages]
    texts = ["\n\n".join(block.text for block in page) for page in blocks]
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
    if any(page.unseen for page in pages):
        unread.append("text of the colour of its ground left out")
    if any(page.struck for page in pages):
        unread.append("struck text left out")
    if said := sum(page.comments for page in pages):
        unread.append(f"{some(said, 'comment', 'comments')} not read")
    broken = [str(i) for i, page in enumerate(pages, 1) if page.damaged]
    if broken:
        unread.append(f"{some(len(broken), 'page', 'pages')} damaged: {_few(broken)}")
    if truncated:
        unread.append("the file is cut off at its end")
    first = next((line for line in texts[0].splitlines() if line.startswith("# ")), "")
    return Made(
        resolved(in_one(blocks, spellings)), first[2:], {"pages": str(count)}, tuple(unread)
    )


def _few(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _page(document: Any, number: int, hidden: set[Any]) -> Page:
    try:
        spans = document.extract_spans(number, reading_order="column_aware")
        found: Any = document.extract_tables(number) if len(spans) > 3 else ()
    except (OSError, ValueError, RuntimeError):
        return Page([], [], damaged=True)
    white = unseen_places(document, number)
    said, struck = comments(document, number)
    paths = _paths(document, number)
    struck |= struck_places(document, number, paths)
    seen = _seen(document, number, spans, white | struck)
    runs = [
        Run(text, span.bbox, _known(span.font_size), bool(span.is_bold))
        for span, text in zip(spans, seen, strict=True)
        if text.strip()
    ]
    tables = ruled(paths, runs)
    drawn = [table.box for table in tables]
    tables += [table for table in pdf_tables.tables(found) if not _over(table.box, drawn)]
    tables.sort(key=lambda table: -table.box[3])
    boxes = [table.box for table in tables]
    runs = [run for run in runs if not _inside(run.bbox, boxes)]
    runs, ticks = filled_in(document, number, runs, hidden)
    lines: list[Line] = []
    for run in runs:
        append(lines, run)
    lines = with_labels(lines)
    for line in lines:
        if has_right_to_left(line.text):
            line.text = as_read(line.text)
    left, low, right, high = _edges(document, number)
    area = abs((right - left) * (high - low)) if lines or tables else 0
    pictures = _pictures(document, number, area)
    return Page(
        lines,
        tables,
        pictures=pictures,
        ticks=ticks,
        unseen=len(white),
        struck=len(struck),
        comments=said,
        low=low,
        high=high,
    )


def _known(size: float) -> float:
    """A size of letters; 0 where the numbers of the file are beyond all counting."""
    return size if math.isfinite(size) else 0.0


def _paths(document: Any, number: int) -> Any:
    try:
        return document.extract_paths(number)
    except (OSError, ValueError, RuntimeError):
        return ()


def _over(box: Box, others: Sequence[Box]) -> bool:
    """Whether two boxes have some of the page in common."""
    left, low, right, high = box
    return any(left < r and x < right and low < h and y < high for x, y, r, h in others)


def _edges(document: Any, number: int) -> Box:
    """Of a page; all 0 where they are not known."""
    try:
        left, low, right, high = document.page_media_box(number)
    except (OSError, ValueError, RuntimeError):
        return 0, 0, 0, 0
    return left, low, right, high


def _seen(document: Any, number: int, spans: Sequence[Any], white: set[Box]) -> list[str]:
    """The text of each run; one with right-to-left letters as it is seen, from left to right.

    The library turns some such runs round and others not, by how they were drawn. Letters at the
    `white` places are not seen.
    """
    texts = [str(span.text) for span in spans]
    if not white and not any(map(has_right_to_left, texts)):
        return texts
    places = [
        (*char.bbox, char.char)
        for char in document.extract_chars(number)
        if tuple(char.bbox) not in white
    ]
    for at, span in enumerate(spans):
        if has_right_to_left(texts[at]) or any(_inside(place, [_box(span)]) for place in white):
            x, y, width, height = span.bbox
            inside = sorted(
                (left, wide, char)
                for left, low, wide, high, char in places
                if x <= left + wide / 2 <= x + width and y <= low + high / 2 <= y + height
            )
            texts[at] = _spaced(inside, height)
    return texts


def _box(span: Any) -> Box:
    x, y, width, height = span.bbox
    return x, y, x + width, y + height


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


def _heading_sizes(pages: Sequence[Page]) -> dict[float, int]:
    """The heading level of each size of letters that is larger than the text's own."""
    body = body_size(pages)
    sizes = {round(line.size) for page in pages for line in page.lines}
    larger = sorted((size for size in sizes if size > body * _LARGER), reverse=True)
    return {size: min(level, _HEADING_LEVELS) for level, size in enumerate(larger, 1)}
