"""A page's elements as a reader sees them, before it is written as Markdown.

What is hidden or struck out is taken away, what stands in form fields is said, and tables and
definition lists are written out: the library writes each by its looks alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

from connectors.converters import web_tables
from processors.text import raised
from processors.text.ticks import TICKED, UNTICKED

_STRUCK = ("del", "s", "strike")
_UNSEEN = ("script", "style", "template", "noscript", "datalist", "head", "rp")
_NO_DISPLAY = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_NO_SIZE = re.compile(r"(?:font-size|opacity)\s*:\s*0(?:\.0+)?(?![\d.])", re.IGNORECASE)
_LINE_THROUGH = re.compile(r"text-decoration[\w-]*\s*:[^;]*line-through", re.IGNORECASE)
_WHITE = re.compile(
    r"(?<![\w-])color\s*:\s*(?:white\b|#fff(?:fff)?\b|rgb\(\s*255\s*,\s*255\s*,\s*255\s*\))",
    re.IGNORECASE,
)
_BACKGROUND = re.compile(r"background", re.IGNORECASE)
_HIDING_RULE = re.compile(
    r"([.#][\w-]{1,80})\s*\{[^{}]{0,2000}?"
    r"(?:display\s*:\s*none|visibility\s*:\s*hidden)"
)
_WORDS = re.compile(r"[^\W\d_]{2,}")
_SILENT_FIELDS = ("hidden", "submit", "button", "reset", "image", "password", "file")
_PLACE = "\ue0f5{}\ue0f6"
_PLACES = re.compile("[ \t]*\ue0f5(\\d+)\ue0f6")
_FEWEST_ANCHORS = 3
_COMMENT_WORDS = 3
_ALT_WORDS = 3  # fewer name an icon or a logo


class Page(NamedTuple):
    """A page ready to be written: its source and title, what is written already or left out."""

    source: str
    title: str
    written: list[str]
    left: Counter[str]

    def whole(self, body: str) -> str:
        """`body`, made of `source`, with what was written already in its places."""
        body = _PLACES.sub(lambda found: f"\n\n{self.written[int(found[1])]}\n\n", body)
        return raised.resolved(body)


def page(source: str) -> Page | None:
    """The page in `source`; None where it cannot be read as a tree."""
    html: Any = import_module("lxml.html")
    etree: Any = import_module("lxml.etree")
    source = re.sub(r"\A\s*<\?xml[^>]{0,200}\?>", "", source)
    if re.search("<!--|<[a-zA-Z/]", source) is None:
        return None
    try:
        parser = html.HTMLParser(huge_tree=True)
        root = html.document_fromstring(source, parser=parser)
    except (etree.LxmlError, ValueError, AssertionError):
        return None
    left: Counter[str] = Counter()
    title = " ".join((root.findtext(".//title") or "").split())
    rules = {
        rule for style in root.iter("style") for rule in _HIDING_RULE.findall(style.text or "")
    }
    _drop_comments(root, etree, left)
    _drop_unseen(root, rules, left)
    _say_fields(root, left)
    for name, write in (("sup", raised.up), ("sub", raised.down)):
        for each in list(root.iter(name)):
            _replace(each, write("".join(each.itertext())))
    _drop_contents(root)
    written: list[str] = []
    _write_tables(root, written)
    _write_definitions(root, html)
    return Page(html.tostring(root, encoding="unicode"), title, written, left)


def _drop_comments(root: Any, etree: Any, left: Counter[str]) -> None:
    for each in [*root.iter(etree.Comment), *root.iter(etree.ProcessingInstruction)]:
        said = each.text or ""
        if not said.startswith("[if") and len(_WORDS.findall(said)) >= _COMMENT_WORDS:
            left["comment"] += 1
        if each.getparent() is not None:
            _replace(each, "")


def _drop_unseen(root: Any, rules: set[str], left: Counter[str]) -> None:
    for each in list(root.iter()):
        if not isinstance(each.tag, str) or each is root or each.tag in _UNSEEN:
            continue
        kind = _why_unseen(each, rules)
        if kind and each.getparent() is not None:
            said = "".join(each.itertext())
            left[kind] += bool(said.strip())
            _replace(each, "")


def _why_unseen(each: Any, rules: set[str]) -> str:
    if each.tag in _STRUCK:
        return "struck"
    style = each.get("style") or ""
    if _LINE_THROUGH.search(style):
        return "struck"
    if "hidden" in each.attrib and each.get("hidden") != "until-found":
        return "hidden"
    if each.tag == "dialog" and "open" not in each.attrib:
        return "hidden"
    if _NO_DISPLAY.search(style) or _NO_SIZE.search(style):
        return "hidden"
    if rules:
        names = [f".{name}" for name in (each.get("class") or "").split()]
        if rules.intersection([*names, f"#{each.get('id')}"]):
            return "hidden"
    if _WHITE.search(style) or (each.tag == "font" and _is_white(each.get("color") or "")):
        around = [each, *each.iterancestors()]
        if not any(_BACKGROUND.search(a.get("style") or "") or a.get("bgcolor") for a in around):
            return "hidden"
    return ""


def _is_white(color: str) -> bool:
    return color.lower() in ("white", "#fff", "#ffffff")


def _say_fields(root: Any, left: Counter[str]) -> None:
    """What stands in the fields of a form, and what says what a picture shows."""
    for each in list(root.iter("input", "select", "img", "iframe", "object", "embed", "audio")):
        if each.getparent() is None:
            continue
        said = ""
        kind = (each.get("type") or "text").lower()
        if each.tag == "input":
            if kind in ("checkbox", "radio"):
                said = f"{TICKED if 'checked' in each.attrib else UNTICKED} "
            elif kind not in _SILENT_FIELDS:
                said = f" {each.get('value') or ''} "
        elif each.tag == "select":
            options = list(each.iter("option"))
            chosen = [option for option in options if "selected" in option.attrib] or options[:1]
            said = ", ".join(" ".join("".join(option.itertext()).split()) for option in chosen)
        elif each.tag == "img":
            alt = " ".join((each.get("alt") or "").split())
            said = f" [Picture: {alt}] " if len(alt.split()) >= _ALT_WORDS else ""
        else:
            left["embedded"] += 1
        _replace(each, said)


def _drop_contents(root: Any) -> None:
    """Lists of links to places of the page itself: they tell where things are, not what."""
    for each in list(root.iter("nav", "ul", "ol")):
        links = list(each.iter("a"))
        inside = [link for link in links if (link.get("href") or "").startswith("#")]
        if len(inside) < _FEWEST_ANCHORS or len(inside) != len(links) or each.getparent() is None:
            continue
        linked = sum(len("".join(link.itertext()).strip()) for link in links)
        if linked * 10 >= len("".join("".join(each.itertext()).split())) * 8:
            _replace(each, "")


def _write_tables(root: Any, written: list[str]) -> None:
    for table in list(root.iter("table")):
        if table.getparent() is None:
            continue
        if web_tables.is_layout(table):
            web_tables.unlaid(table)
            continue
        text = web_tables.written(table)
        block = table.makeelement("p", {})
        block.text = _PLACE.format(len(written))
        block.tail = table.tail
        written.append(text)
        table.getparent().replace(table, block)


def _write_definitions(root: Any, html: Any) -> None:
    """Definition lists: each term in one line with what it means, where that is a line."""
    for each in list(root.iter("dl")):
        if each.getparent() is None:
            continue
        made = each.makeelement("ul", {})
        made.tail = each.tail
        for terms, meanings in _definitions(each):
            item = html.fragment_fromstring("<li></li>")
            said = ", ".join(" ".join("".join(term.itertext()).split()) for term in terms)
            item.text = f"{said.rstrip(':')}: " if meanings and said else said
            blocks = any(
                next(m.iter("p", "ul", "ol", "pre", "table", "div"), None) is not None
                for m in meanings
            )
            for number, meaning in enumerate(meanings):
                meaning.tag = "div" if blocks else "span"
                meaning.tail = "; " if number < len(meanings) - 1 and not blocks else ""
                item.append(meaning)
            made.append(item)
        each.getparent().replace(each, made)


def _definitions(each: Any) -> Iterator[tuple[list[Any], list[Any]]]:
    terms: list[Any] = []
    meanings: list[Any] = []
    for part in each.iter("dt", "dd"):
        if next(part.iterancestors("dl"), None) is not each:
            continue
        if part.tag == "dt":
            if meanings:
                yield terms, meanings
                terms, meanings = [], []
            terms.append(part)
        else:
            meanings.append(part)
    if terms or meanings:
        yield terms, meanings


def _replace(each: Any, text: str) -> None:
    """Text in place of an element."""
    text += each.tail or ""
    parent, before = each.getparent(), each.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + text
    else:
        parent.text = (parent.text or "") + text
    parent.remove(each)
