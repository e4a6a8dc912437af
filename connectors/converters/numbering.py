"""Paragraph numbers of a Word document, worked out from its numbering definitions."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING = re.compile(r"heading (\d)")
_PLACEHOLDER = re.compile(r"%(\d)")
_DEPTH = 24  # of styles based on styles, which a hostile file may set in a ring
_WORTHS = (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1)
_SIGNS = ("m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i")


def value(element: Any, name: str) -> str:
    """An attribute of Word's namespace, empty where there is none."""
    return str(element.get(f"{W}{name}") or "")


class Label(NamedTuple):
    """What stands in front of a numbered paragraph; no text: a bullet."""

    level: int
    text: str


class _Level(NamedTuple):
    start: int
    form: str
    pattern: str


class _Style(NamedTuple):
    name: str
    based_on: str
    number: str
    level: str
    outline: str
    breaks_page: bool


class Numbering:
    """The labels of paragraphs, asked for in document order."""

    def __init__(self, document: Any) -> None:
        self._styles: dict[str, _Style] = {}
        self._default = ""
        for style in document.styles.element.iter(f"{W}style"):
            if value(style, "type") == "paragraph":
                self._styles[value(style, "styleId")] = _style(style)
                if value(style, "default") in ("1", "true"):
                    self._default = value(style, "styleId")
        self._levels: dict[str, dict[int, _Level]] = {}
        self._abstract: dict[str, str] = {}
        self._overrides: dict[tuple[str, int], int] = {}
        self._read(document)
        self._counters: dict[str, dict[int, int]] = {}
        self._begun: set[tuple[str, int]] = set()

    def _read(self, document: Any) -> None:
        for relation in document.part.rels.values():
            if not relation.is_external and relation.reltype.endswith("/numbering"):
                root = relation.target_part.element
                break
        else:
            return
        for abstract in root.iter(f"{W}abstractNum"):
            levels = {_int(value(e, "ilvl")): _level(e) for e in abstract.iter(f"{W}lvl")}
            self._levels[value(abstract, "abstractNumId")] = levels
        for number in root.iter(f"{W}num"):
            name = value(number, "numId")
            self._abstract[name] = _val(number, "abstractNumId")
            for override in number.iter(f"{W}lvlOverride"):
                start = override.find(f"{W}startOverride")
                if start is not None:
                    place = name, _int(value(override, "ilvl"))
                    self._overrides[place] = _int(value(start, "val"))

    def _chain(self, paragraph: Any) -> list[_Style]:
        """The paragraph's style and what it is based on."""
        name = _val(paragraph, "pPr", "pStyle") or self._default
        found: list[_Style] = []
        while (style := self._styles.get(name)) and len(found) < _DEPTH:
            found.append(style)
            name = style.based_on
        return found

    def style_name(self, paragraph: Any) -> str:
        chain = self._chain(paragraph)
        return chain[0].name if chain else ""

    def breaks_page(self, paragraph: Any) -> bool:
        own = paragraph.find(f"{W}pPr/{W}pageBreakBefore")
        if own is not None:
            return value(own, "val") not in ("0", "false")
        return any(style.breaks_page for style in self._chain(paragraph))

    def heading_level(self, paragraph: Any) -> int:
        """1 to 6, or 0 for text. Built-in styles keep their English names in every language."""
        outline = _val(paragraph, "pPr", "outlineLvl")
        for style in self._chain(paragraph):
            if found := _HEADING.fullmatch(style.name):
                return min(int(found[1]), 6)
            outline = outline or style.outline
        return min(_int(outline) + 1, 6) if outline.isdigit() and int(outline) < 9 else 0

    def label(self, paragraph: Any) -> Label | None:
        """The label of the next paragraph, None where it has none; counts it."""
        number, level = self._place(paragraph)
        levels = self._levels.get(self._abstract.get(number, ""))
        if number in ("", "0") or not levels or level not in levels:
            return None
        if levels[level].form == "bullet":
            return Label(level, "")
        counters = self._counters.setdefault(self._abstract[number], {})
        override = self._overrides.get((number, level))
        if override is not None and (number, level) not in self._begun:
            self._begun.add((number, level))
            counters[level] = override
        else:
            counters[level] = counters.get(level, levels[level].start - 1) + 1
        for deeper in [each for each in counters if each > level]:
            del counters[deeper]

        def said(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            if at not in levels:
                return ""
            return _numeral(counters.get(at, levels[at].start), levels[at].form)

        text = _PLACEHOLDER.sub(said, levels[level].pattern).strip()
        return Label(level, text) if text else None

    def _place(self, paragraph: Any) -> tuple[str, int]:
        """The numbering a paragraph belongs to and its level there."""
        number = _val(paragraph, "pPr", "numPr", "numId")
        level = _val(paragraph, "pPr", "numPr", "ilvl")
        for style in self._chain(paragraph):
            number = number or style.number
            level = level or style.level
        return number, _int(level)


def _style(element: Any) -> _Style:
    return _Style(
        _val(element, "name").lower(),
        _val(element, "basedOn"),
        _val(element, "pPr", "numPr", "numId"),
        _val(element, "pPr", "numPr", "ilvl"),
        _val(element, "pPr", "outlineLvl"),
        element.find(f"{W}pPr/{W}pageBreakBefore") is not None,
    )


def _level(element: Any) -> _Level:
    start = _val(element, "start")
    return _Level(_int(start) if start else 1, _val(element, "numFmt"), _val(element, "lvlText"))


def _val(element: Any, *path: str) -> str:
    found = element.find("/".join(f"{W}{name}" for name in path))
    return "" if found is None else value(found, "val")


def _int(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 10 else 0


def _numeral(number: int, form: str) -> str:
    if form in ("lowerLetter", "upperLetter"):
        letter = chr(ord("a") + (number - 1) % 26) * min((number - 1) // 26 + 1, 9)
        return letter if form == "lowerLetter" else letter.upper()
    if form in ("lowerRoman", "upperRoman") and 0 < number < 4000:
        roman = ""
        for worth, sign in zip(_WORTHS, _SIGNS, strict=True):
            roman += sign * (number // worth)
            number %= worth
        return roman if form == "lowerRoman" else roman.upper()
    if form == "none":
        return ""
    return f"{number:02d}" if form == "decimalZero" else str(number)
