"""The words of a Word document's paragraphs as a reader sees them, and what is left out of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

from connectors.converters.formulas import FORMULA, linear
from connectors.converters.made import some
from connectors.converters.numbering import W, value
from connectors.converters.word_looks import Look, look, on, tiny, val, white
from processors.text import raised
from processors.text.ticks import TICKED, UNTICKED, symbol

_COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_FALLBACK = f"{_COMPATIBILITY}Fallback"
_CHECKBOX = "{http://schemas.microsoft.com/office/word/2010/wordml}"
_PICTURES = {f"{W}drawing", f"{W}pict", f"{W}object"}
_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
_DRAWN = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}docPr"
REFERENCES = {f"{W}footnoteReference": "", f"{W}endnoteReference": "e"}  # before their numbers
BREAKS = {
    f"{W}tab": "\t",
    f"{W}br": "\n",
    f"{W}cr": "\n",
    f"{W}noBreakHyphen": "-",
    f"{W}p": " ",  # within another one: in a text box
}
_DEPTH = 8  # of styles based on styles
_LEFT_OUT = (
    ("struck", "place of struck text left out", "places of struck text left out"),
    ("hidden", "place of hidden text left out", "places of hidden text left out"),
    ("deleted", "tracked deletion left out", "tracked deletions left out"),
    ("inserted", "tracked insertion not yet accepted", "tracked insertions not yet accepted"),
    ("picture", "picture not read", "pictures not read"),
    ("chart", "chart not read", "charts not read"),
    ("diagram", "diagram not read", "diagrams not read"),
    ("object", "embedded object not read", "embedded objects not read"),
    ("symbol", "symbol not read", "symbols not read"),
)


class Node(NamedTuple):
    """An element, and how its words stand: "up", "down", a tick, or plainly ("")."""

    element: Any
    stands: str = ""


class Words:
    """Reads paragraphs; counts in `left` what of them no reader is shown or this cannot read."""

    def __init__(self, document: Any) -> None:
        self.left: Counter[str] = Counter()
        self._styles: dict[str, tuple[Look, str]] = {
            value(style, "styleId"): (look(style.find(f"{W}rPr")), val(style, "basedOn"))
            for style in document.styles.element.iter(f"{W}style")
        }

    def unread(self) -> list[str]:
        """A line for each kind of what was left out."""
        return [some(n, one, many) for key, one, many in _LEFT_OUT if (n := self.left[key])]

    def nodes(self, element: Any) -> Iterator[Node]:
        """All below `element` in order that a reader is shown, and that once.

        Not what older readers are given, and what was moved, where it was before.
        """
        todo = [Node(element)]
        while todo:
            node = todo.pop()
            each, stands = node
            tag = each.tag
            if tag in (_FALLBACK, f"{W}moveFrom", f"{W}rPr", f"{W}pPr"):
                continue
            if tag == f"{W}del":
                self.left["deleted"] += next(each.iter(f"{W}delText"), None) is not None
                continue
            if tag == f"{W}ins":
                self.left["inserted"] += next(each.iter(f"{W}t"), None) is not None
            elif tag == f"{W}r":
                stands = self._stands(each)
                if stands in ("struck", "hidden"):
                    said = any((t.text or "").strip() for t in each.iter(f"{W}t"))
                    self.left[stands] += said
                    todo.extend(Node(child) for child in reversed(list(each)) if _breaks(child))
                    continue
            elif tag == f"{W}sdt":
                if (tick := _checkbox(each)) is not None:
                    yield Node(each, tick)
                    continue
                if each.find(f"{W}sdtPr/{W}showingPlcHdr") is not None:
                    continue  # "Click here to enter a text."
            yield Node(each, stands)
            if tag != FORMULA:
                todo.extend(Node(child, stands) for child in reversed(list(each)))

    def said(self, node: Node) -> str:
        """The words of one node, without those of the nodes below it."""
        element, stands = node
        tag = element.tag
        if tag == f"{W}t":
            write = {"up": raised.up, "down": raised.down}.get(stands, str)
            return write(element.text or "")
        if tag == FORMULA:
            return linear(element)
        if tag == f"{W}sdt":
            return stands
        if tag == f"{W}sym":
            text = symbol(value(element, "font"), value(element, "char"))
            self.left["symbol"] += not text
            return text
        if tag == f"{W}fldChar":
            return _legacy_box(element)
        if tag in _PICTURES:
            return self._drawn(element)
        return BREAKS.get(tag, "")

    def _drawn(self, element: Any) -> str:
        """What its author says of a picture; a text box is read with the nodes below it."""
        if next(element.iter(f"{W}t"), None) is not None:
            return ""
        if next(element.iter(_CHART), None) is not None:
            self.left["chart"] += 1
        elif next(element.iter(_DIAGRAM), None) is not None:
            self.left["diagram"] += 1
        else:
            self.left["object" if element.tag == f"{W}object" else "picture"] += 1
        drawn = next(element.iter(_DRAWN), None)
        said = " ".join((drawn.get("descr") or "").split()) if drawn is not None else ""
        return f" [Picture: {said}] " if said else ""

    def _stands(self, run: Any) -> str:
        properties = run.find(f"{W}rPr")
        own = look(properties)
        looks = [own, *self._inherited(val(run, "rPr", "rStyle"))]
        paragraph = next(run.iterancestors(f"{W}p"), None)
        if paragraph is not None:
            looks += self._inherited(val(paragraph, "pPr", "pStyle"))
        if next((look.struck for look in looks if look.struck is not None), False):
            return "struck"
        if next((look.hidden for look in looks if look.hidden is not None), False):
            return "hidden"
        if properties is not None and (white(run, properties) or tiny(properties)):
            return "hidden"
        return next((look.stands for look in looks if look.stands is not None), "")

    def _inherited(self, name: str) -> Iterator[Look]:
        for _ in range(_DEPTH):
            if name not in self._styles:
                return
            look, name = self._styles[name]
            yield look


def _checkbox(element: Any) -> str | None:
    box = element.find(f"{W}sdtPr/{_CHECKBOX}checkbox")
    if box is None:
        return None
    checked = box.find(f"{_CHECKBOX}checked")
    on = checked is not None and checked.get(f"{_CHECKBOX}val") not in ("0", "false", "off")
    return TICKED if on else UNTICKED


def _legacy_box(element: Any) -> str:
    box = element.find(f"{W}ffData/{W}checkBox")
    if box is None:
        return ""
    ticked = on(box, "checked")
    return TICKED if (on(box, "default") if ticked is None else ticked) else UNTICKED


def _breaks(element: Any) -> bool:
    return element.tag == f"{W}lastRenderedPageBreak" or value(element, "type") == "page"


def parts(document: Any, name: str) -> Iterator[Any]:
    """The roots of the document's parts of this kind."""
    etree: Any = import_module("lxml.etree")
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    for relation in document.part.rels.values():
        if relation.reltype.endswith(f"/{name}") and not relation.is_external:
            yield etree.fromstring(relation.target_part.blob, parser)
