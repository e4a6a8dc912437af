"""PPTX to Markdown, by python-pptx: a slide is a page, its title the heading."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from connectors.converters import archive, markdown
from connectors.converters.errors import Unreadable
from connectors.converters.made import Limits, Made, some
from connectors.converters.slide_words import paragraph_of, unread_of, words_of
from processors.text.raised import resolved

_MAIN = "ppt/presentation.xml"
_MACROS = "vbaProject.bin"
_ALT_WORDS = 3  # fewer name an icon or a logo
_GROUP = 6  # MSO_SHAPE_TYPE
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_TEXT = "{http://schemas.openxmlformats.org/drawingml/2006/main}t"
_DATA = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}dm"


def convert(data: bytes, limits: Limits) -> Made:
    """Titles, outlines, tables, the words of diagrams and speaker notes, slide by slide.

    Raises:
        Unreadable: the file is encrypted, damaged, a bomb, or no presentation.
    """
    archive.checked(data, _MAIN, limits)
    pptx: Any = import_module("pptx")
    try:
        presentation = pptx.Presentation(io.BytesIO(data))
        slides = list(presentation.slides)
    except Exception as error:
        raise Unreadable("damaged", f"cannot be read as a presentation: {error}") from error
    if len(slides) > limits.max_pages:
        raise Unreadable("too_large", f"has {len(slides):,} slides; at most {limits.max_pages:,}")
    pictures = charts = objects = 0
    left: Counter[str] = Counter()
    texts: list[str] = []
    title = str(presentation.core_properties.title or "").strip()
    for slide in slides:
        blocks: list[str] = []
        if slide._element.get("show") in ("0", "false"):
            left["slide"] += 1
            texts.append("")
            continue
        named = slide.shapes.title
        if named is not None and named.has_text_frame and named.text_frame.text.strip():
            blocks.append(markdown.heading(1, words_of(named.text_frame, left)))
            title = title or blocks[0][2:]
        for shape in _shapes(slide.shapes):
            if named is not None and shape.shape_id == named.shape_id:
                continue
            if shape.has_text_frame:
                blocks.append(_outline(shape, left))
            elif getattr(shape, "has_table", False) and shape.has_table:
                blocks.append(_table(shape.table, left))
            elif getattr(shape, "has_chart", False) and shape.has_chart:
                charts += 1
            elif shape._element.tag.endswith("}pic"):  # in a placeholder too
                pictures += 1
                blocks.append(_pictured(shape))
            elif shape._element.tag.endswith("}graphicFrame"):
                words = _diagram(slide, shape)
                blocks.append(words)
                objects += not words
        if slide.has_notes_slide and (frame := slide.notes_slide.notes_text_frame) is not None:
            notes = " ".join(frame.text.split())
            blocks.append(f"Notes: {notes}" if notes else "")
        texts.append("\n\n".join(block for block in blocks if block.strip()))
    unread = unread_of(left)
    if pictures:
        unread.append(f"{some(pictures, 'picture', 'pictures')} not read")
    if charts:
        unread.append(f"{some(charts, 'chart', 'charts')} not read")
    if objects:
        unread.append(f"{some(objects, 'embedded object', 'embedded objects')} not read")
    if any(str(part.partname).endswith(_MACROS) for part in presentation.part.package.iter_parts()):
        unread.append("macros not read")
    return Made(resolved(markdown.pages(texts)), title, {"pages": str(len(slides))}, tuple(unread))


def _shapes(shapes: Any) -> Iterator[Any]:
    """All shapes, those in groups too."""
    todo = list(reversed(list(shapes)))
    while todo:
        shape = todo.pop()
        if shape.shape_type == _GROUP:
            todo.extend(reversed(list(shape.shapes)))
        else:
            yield shape


def _outline(shape: Any, left: Counter[str]) -> str:
    """The paragraphs of a shape: items of a list in an outline, else as they are."""
    paragraphs = [
        (p.level, " ".join(paragraph_of(p, left).split())) for p in shape.text_frame.paragraphs
    ]
    paragraphs = [(level, text) for level, text in paragraphs if text]
    if not shape.is_placeholder or len(paragraphs) < 2:
        return "\n\n".join(text for _, text in paragraphs)
    lines: list[str] = []
    deepest = -1
    for level, text in paragraphs:
        deepest = min(level, deepest + 1)
        lines.append(f"{'  ' * deepest}- {text}")
    return "\n".join(lines)


def _diagram(slide: Any, shape: Any) -> str:
    """The words of a diagram (SmartArt) as a list; nothing where it is none, or without words."""
    ids = next(shape._element.iter(f"{_DIAGRAM}relIds"), None)
    if ids is None or ids.get(_DATA) not in slide.part.rels:
        return ""
    etree: Any = import_module("lxml.etree")
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    root = etree.fromstring(slide.part.related_part(ids.get(_DATA)).blob, parser)
    points = (
        "".join(t.text or "" for t in point.iter(_TEXT)) for point in root.iter(f"{_DIAGRAM}pt")
    )
    return "\n".join(f"- {' '.join(words.split())}" for words in points if words.strip())


def _pictured(shape: Any) -> str:
    """What its author says of a picture."""
    said = " ".join((shape._element.nvPicPr.cNvPr.get("descr") or "").split())
    return f"[Picture: {said}]" if len(said.split()) >= _ALT_WORDS else ""


def _table(table: Any, left: Counter[str]) -> str:
    rows: list[list[str]] = []
    across: set[tuple[int, int]] = set()
    for number, row in enumerate(table.rows):
        cells: list[str] = []
        for at, cell in enumerate(row.cells):
            element = cell._tc
            if element.get("hMerge") in ("1", "true"):
                across.add((number, at))
                cells.append("")
            elif element.get("vMerge") in ("1", "true"):
                cells.append(rows[-1][at] if rows else "")
            else:
                cells.append(words_of(cell.text_frame, left))
        rows.append(cells)
    return markdown.table(rows, across=across)
