"""DOCX to Markdown, from the parts that python-docx opens.

Word keeps no paragraph numbers in the text: they follow from the numbering definitions, and people
cite them, so they are worked out here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from connectors.converters import archive, markdown
from connectors.converters.errors import Unreadable
from connectors.converters.formulas import FORMULA, linear
from connectors.converters.made import Limits, Made, some
from connectors.converters.numbering import Numbering, W, value

_MAIN = "word/document.xml"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_TITLE_STYLES = {"title": 1, "subtitle": 2}
_PICTURES = {f"{W}drawing", f"{W}pict", f"{W}object"}
# What may stand around paragraphs, tables, rows and cells.
_AROUND = {f"{W}{name}" for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml")}
_REFERENCES = {f"{W}footnoteReference": "", f"{W}endnoteReference": "e"}  # before their numbers
_PAGE_WORDS = 4  # "Page 3 of 12"
_BREAKS = {
    f"{W}tab": "\t",
    f"{W}br": "\n",
    f"{W}cr": "\n",
    f"{W}noBreakHyphen": "-",
    f"{W}p": " ",  # within another one: in a text box
}


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
    unread: list[str] = []
    if reading.pictures:
        unread.append(f"{some(reading.pictures, 'picture', 'pictures')} not read")
    return Made(markdown.pages(pages), reading.title, metadata, tuple(unread))


class _Reading:
    """One pass over a document's body."""

    def __init__(self, document: Any) -> None:
        self._body = document.element.body
        self._numbering = Numbering(document)
        self._notes = dict(_notes(document))
        self._heads, self._feet = (_running(document, name) for name in ("header", "footer"))
        self._rendered = next(self._body.iter(f"{W}lastRenderedPageBreak"), None) is not None
        self._blocks: list[str] = []
        self._pages: list[str] = []
        self._bullet_level = -1  # of the last block, -1 where it was none
        self._cited: list[str] = []
        self.pictures = 0
        self.title = str(document.core_properties.title or "").strip()

    def pages(self) -> list[str]:
        for text in self._heads:
            self._add(text)
        for element in _blocks(self._body):
            if element.tag == f"{W}tbl":
                self._add(markdown.table(self._rows(element)))
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
        for node in _nodes(paragraph):
            if node.tag == f"{W}t":
                words.append(node.text or "")
            elif (node.tag == rendered) if self._rendered else (value(node, "type") == "page"):
                turned += 1
                early += not "".join(words).strip()
            elif node.tag in _BREAKS and node is not paragraph:
                words.append(_BREAKS[node.tag])
            elif node.tag in _PICTURES:
                self.pictures += next(node.iter(f"{W}t"), None) is None
            elif node.tag == FORMULA:
                words.append(linear(node))
            elif node.tag in _REFERENCES:
                number = _REFERENCES[node.tag] + value(node, "id")
                if number in self._notes:
                    self._cited.append(number)
                    words.append(f"[^{number}]")
        return "".join(words), turned, early

    def _rows(self, table: Any) -> Iterator[list[str]]:
        """Rows of cells; what is merged down is said in each row, what is merged across once."""
        above: list[str] = []
        for row in _blocks(table, f"{W}tr"):
            cells: list[str] = []
            for cell in _blocks(row, f"{W}tc"):
                span = cell.find(f"{W}tcPr/{W}gridSpan")
                merged = cell.find(f"{W}tcPr/{W}vMerge")
                at = len(cells)
                if merged is not None and value(merged, "val") != "restart" and at < len(above):
                    cells.append(above[at])
                else:
                    texts = (self._text(p)[0] for p in cell.iter(f"{W}p"))
                    cells.append(" ".join(text for text in texts if text.strip()))
                width = value(span, "val") if span is not None else ""
                cells.extend([""] * (min(int(width), 64) - 1 if width.isdigit() else 0))
            above = cells
            yield cells


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


def _nodes(element: Any) -> Iterator[Any]:
    """All below `element` in order, but for what is there a second time.

    That is what older readers are given, and what was moved, where it was before.
    """
    todo = [element]
    while todo:
        node = todo.pop()
        if node.tag in (_FALLBACK, f"{W}moveFrom"):
            continue
        yield node
        if node.tag == FORMULA:
            continue
        todo.extend(reversed(list(node)))


def _parts(document: Any, name: str) -> Iterator[Any]:
    """The roots of the document's parts of this kind."""
    etree: Any = import_module("lxml.etree")
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    for relation in document.part.rels.values():
        if relation.reltype.endswith(f"/{name}") and not relation.is_external:
            yield etree.fromstring(relation.target_part.blob, parser)


def _notes(document: Any) -> Iterator[tuple[str, str]]:
    """Footnotes and endnotes by what they are referred to."""
    for kind in ("footnote", "endnote"):
        for root in _parts(document, f"{kind}s"):
            for note in root.iter(f"{W}{kind}"):
                text = " ".join("".join(t.text or "" for t in note.iter(f"{W}t")).split())
                if text:
                    yield _REFERENCES[f"{W}{kind}Reference"] + value(note, "id"), text


def _running(document: Any, name: str) -> list[str]:
    """The paragraphs of headers or footers, each once; mere numbers of pages are left out."""
    found: dict[str, None] = {}
    for root in _parts(document, name):
        for paragraph in _nodes(root):
            if paragraph.tag != f"{W}p" or next(paragraph.iterancestors(f"{W}p"), None) is not None:
                continue  # those of a text box are read with the one that holds it
            nodes = list(_nodes(paragraph))
            fields = [node.text or "" for node in nodes if node.tag == f"{W}instrText"]
            fields += [value(node, "instr") for node in nodes if node.tag == f"{W}fldSimple"]
            words = (
                node.text or "" if node.tag == f"{W}t" else _BREAKS.get(node.tag, "")
                for node in nodes[1:]
            )
            text = " ".join("".join(words).split())
            numbers = any("PAGE" in field for field in fields)
            if text and not (numbers and len(text.split()) <= _PAGE_WORDS):
                found[text] = None
    return list(found)
