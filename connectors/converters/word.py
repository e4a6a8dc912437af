"""DOCX to Markdown, from the parts that python-docx opens.

Word keeps no paragraph numbers in the text: they follow from the numbering definitions, and people
cite them, so they are worked out here.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from connectors.converters import archive, markdown
from connectors.converters.errors import Unreadable
from connectors.converters.made import Limits, Made, some
from connectors.converters.numbering import Numbering, W, value
from connectors.converters.word_text import REFERENCES, Words, parts
from processors.text.raised import resolved

_MAIN = "word/document.xml"
_TITLE_STYLES = {"title": 1, "subtitle": 2}
_MACROS = "vbaProject.bin"
# What may stand around paragraphs, tables, rows and cells.
_AROUND = {f"{W}{name}" for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml")}
_PAGE_WORDS = 4  # "Page 3 of 12"
# Of what tells where things are; the style's name is the same in every language.
_CONTENTS = re.compile(r"toc ?(?:\d|heading)|table ?of ?(?:figures|authorities)|index ?\d")
_TEXT_PATH = "{urn:schemas-microsoft-com:vml}textpath"  # of a watermark


def convert(data: bytes, limits: Limits) -> Made:
    """Headings, numbered and bulleted paragraphs, tables and notes, in order.

    What stands at the top and bottom of pages is said once, at the begin and end of the document.

    Pages are where Word last broke them, or where the author did; a document that has been shown by
    neither has none.

    Raises:
        Unreadable: the file is encrypted, damaged, a bomb, or no Word document.
    """
    archive.checked(data, _MAIN, limits)
    docx: Any = import_module("docx")
    try:
        document = docx.Document(io.BytesIO(data))
    except Exception as error:
        raise Unreadable("damaged", f"cannot be read as a Word document: {error}") from error
    reading = _Reading(document)
    pages = reading.pages()
    metadata = {"pages": str(len(pages))} if len(pages) > 1 else {}
    return Made(resolved(markdown.pages(pages)), reading.title, metadata, tuple(reading.unread()))


class _Reading:
    """One pass over a document's body."""

    def __init__(self, document: Any) -> None:
        self._body = document.element.body
        self._numbering = Numbering(document)
        self._words = Words(document)
        self._notes = dict(_notes(document, self._words))
        self._heads, self._feet = (
            _running(document, name, self._words) for name in ("header", "footer")
        )
        self._beside = list(_beside(document))
        self._rendered = next(self._body.iter(f"{W}lastRenderedPageBreak"), None) is not None
        self._blocks: list[str] = []
        self._pages: list[str] = []
        self._bullet_level = -1  # of the last block, -1 where it was none
        self._cited: list[str] = []
        self.title = str(document.core_properties.title or "").strip()

    def unread(self) -> list[str]:
        return [*self._words.unread(), *self._beside]

    def pages(self) -> list[str]:
        for text in self._heads:
            self._add(text)
        for element in _blocks(self._body):
            if element.tag == f"{W}tbl":
                self._add(self._table(element))
                for _ in range(self._turned(element)):
                    self._turn()
            else:
                self._paragraph(element)
        for number in self._cited:
            if note := self._notes.get(number):
                self._add(f"[^{number}]: {note}")
        for text in self._feet:
            self._add(text)
        self._turn()
        return self._pages

    def _turn(self) -> None:
        self._pages.append("\n\n".join(self._blocks))
        self._blocks.clear()
        self._bullet_level = -1

    def _turned(self, element: Any) -> int:
        """Pages that end in this element."""
        if self._rendered:
            return sum(1 for _ in element.iter(f"{W}lastRenderedPageBreak"))
        return sum(value(each, "type") == "page" for each in element.iter(f"{W}br"))

    def _paragraph(self, element: Any) -> None:
        if self._is_contents(element):
            return
        text, turned, early = self._text(element)
        before = not self._rendered and self._numbering.breaks_page(element) and self._blocks
        # A break in front of the words turns the page first; one among them, after: a paragraph
        # belongs to the page where it begins.
        for _ in range(early or bool(before)):
            self._turn()
        self._say(element, " ".join(text.split()))
        for _ in range(turned - early):
            self._turn()

    def _say(self, element: Any, text: str) -> None:
        style = self._numbering.style_name(element)
        label = self._numbering.label(element) if text else None
        if not text:
            return
        level = self._numbering.heading_level(element) or _TITLE_STYLES.get(style, 0)
        if level:
            numbered = f"{label.text} {text}" if label and label.text else text
            self._add(markdown.heading(level, numbered))
            self.title = self.title or (text if level == 1 else "")
        elif label and not label.text:
            self._bullet(label.level, text)
        else:
            self._add(f"{label.text} {text}" if label else text)

    def _bullet(self, level: int, text: str) -> None:
        """One item; never more than one level deeper than the one before it."""
        level = min(level, self._bullet_level + 1)
        item = f"{'  ' * level}- {text}"
        if self._bullet_level >= 0:
            self._blocks[-1] += f"\n{item}"
        else:
            self._blocks.append(item)
        self._bullet_level = level

    def _add(self, block: str) -> None:
        if block:
            self._blocks.append(block)
            self._bullet_level = -1

    def _text(self, paragraph: Any) -> tuple[str, int, int]:
        """Its words, the pages that end in it, and how many of them before any word."""
        words: list[str] = []
        turned = early = 0
        rendered = f"{W}lastRenderedPageBreak"
        for node in self._words.nodes(paragraph):
            element = node.element
            if (element.tag == rendered) if self._rendered else (value(element, "type") == "page"):
                turned += 1
                early += not "".join(words).strip()
            elif element.tag in REFERENCES:
                number = REFERENCES[element.tag] + value(element, "id")
                if number in self._notes:
                    self._cited.append(number)
                    words.append(f"[^{number}]")
            elif element is not paragraph:
                words.append(self._words.said(node))
        return "".join(words), turned, early

    def _is_contents(self, paragraph: Any) -> bool:
        """Whether a paragraph only tells on what page something is."""
        names = (
            self._numbering.style_name(paragraph),
            value(style, "val").lower()
            if (style := paragraph.find(f"{W}pPr/{W}pStyle")) is not None
            else "",
        )
        if any(map(_CONTENTS.match, names)):
            return True
        return any("PAGEREF _Toc" in field for field in _fields(paragraph))

    def _table(self, table: Any) -> str:
        """Rows of cells; what is merged down is said in each row.

        A cell set in bold letters is marked, since names in the first column are.
        """
        above: list[str] = []
        rows: list[list[str]] = []
        across: set[tuple[int, int]] = set()
        headers = 0
        bold: list[list[bool]] = []
        for row in _blocks(table, f"{W}tr"):
            if row.find(f"{W}trPr/{W}del") is not None:
                self._words.left["deleted"] += 1
                continue
            if row.find(f"{W}trPr/{W}hidden") is not None:
                self._words.left["hidden"] += 1
                continue
            cells: list[str] = []
            strong: list[bool] = []
            for cell in _blocks(row, f"{W}tc"):
                span = cell.find(f"{W}tcPr/{W}gridSpan")
                merged = cell.find(f"{W}tcPr/{W}vMerge")
                at = len(cells)
                if merged is not None and value(merged, "val") != "restart" and at < len(above):
                    cells.append(above[at])
                else:
                    texts = (self._text(p)[0] for p in _paragraphs(cell))
                    cells.append(" ".join(text for text in texts if text.strip()))
                strong.append(_bold(cell))
                width = value(span, "val") if span is not None else ""
                more = min(int(width), 64) - 1 if width.isdigit() else 0
                across.update((len(rows), at + 1 + i) for i in range(more))
                cells.extend([""] * more)
                strong.extend([False] * more)
            header = row.find(f"{W}trPr/{W}tblHeader")
            if header is not None and value(header, "val") not in ("0", "false"):
                headers += headers == len(rows)
            above = cells
            rows.append(cells)
            bold.append(strong)
        known = headers or None
        if not known and len(rows) > 1 and all(each[:1] == [True] for each in bold):
            others = [any(each[1:]) for each in bold]
            known = 0 if not any(others) else None
        return markdown.table(rows, headers=known, across=across)


def _fields(paragraph: Any) -> Iterator[str]:
    """What is worked out in a paragraph, such as PAGE."""
    for node in paragraph.iter(f"{W}instrText"):
        yield node.text or ""
    for node in paragraph.iter(f"{W}fldSimple"):
        yield value(node, "instr")


def _bold(cell: Any) -> bool:
    runs = [run for run in cell.iter(f"{W}r") if next(run.iter(f"{W}t"), None) is not None]
    marks = [run.find(f"{W}rPr/{W}b") for run in runs]
    return bool(runs) and all(
        mark is not None and value(mark, "val") not in ("0", "false") for mark in marks
    )


def _paragraphs(cell: Any) -> Iterator[Any]:
    """Those of a cell and of tables in it, not once more those in its text boxes."""
    for paragraph in cell.iter(f"{W}p"):
        if next(paragraph.iterancestors(f"{W}p"), None) is None:
            yield paragraph


def _blocks(parent: Any, *tags: str) -> Iterator[Any]:
    """Paragraphs and tables (or `tags`) in order, those in content controls and insertions too."""
    tags = tags or (f"{W}p", f"{W}tbl")
    todo = list(reversed(list(parent)))
    while todo:
        element = todo.pop()
        if element.tag in tags:
            yield element
        elif element.tag in _AROUND:
            todo.extend(reversed(list(element)))


def _notes(document: Any, words: Words) -> Iterator[tuple[str, str]]:
    """Footnotes and endnotes by what they are referred to."""
    for kind in ("footnote", "endnote"):
        for root in parts(document, f"{kind}s"):
            for note in root.iter(f"{W}{kind}"):
                said = (words.said(node) for node in words.nodes(note))
                if text := " ".join("".join(said).split()):
                    yield REFERENCES[f"{W}{kind}Reference"] + value(note, "id"), text


def _beside(document: Any) -> Iterator[str]:
    """What else the file holds that is no text of it."""
    if comments := sum(1 for root in parts(document, "comments") for _ in root.iter(f"{W}comment")):
        yield f"{some(comments, 'comment', 'comments')} not read"
    chunks = sum(each.reltype.endswith("/aFChunk") for each in document.part.rels.values())
    if chunks:
        yield f"{some(chunks, 'embedded document', 'embedded documents')} not read"
    if any(str(part.partname).endswith(_MACROS) for part in document.part.package.iter_parts()):
        yield "macros not read"
    marks = {
        " ".join(path.get("string", "").split())
        for root in parts(document, "header")
        for path in root.iter(_TEXT_PATH)
    }
    for mark in sorted(filter(None, marks)):
        yield f"its pages are marked {mark[:60]}"


def _running(document: Any, name: str, words: Words) -> list[str]:
    """The paragraphs of headers or footers, each once; mere numbers of pages are left out."""
    found: dict[str, None] = {}
    for root in parts(document, name):
        for paragraph in root.iter(f"{W}p"):
            if next(paragraph.iterancestors(f"{W}p"), None) is not None:
                continue  # those of a text box are read with the one that holds it
            nodes = list(words.nodes(paragraph))
            text = " ".join("".join(map(words.said, nodes[1:])).split())
            numbers = any("PAGE" in field for field in _fields(paragraph))
            if text and not (numbers and len(text.split()) <= _PAGE_WORDS):
                found[text] = None
    return list(found)
