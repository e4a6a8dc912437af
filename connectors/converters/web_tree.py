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
from connectors.converters.web_fields import drop_contents, say_fields
from connectors.converters.web_unseen import drop_comments, drop_unseen, replace
from processors.text import raised

_PLACE = "\ue0f5{}\ue0f6"
_PLACES = re.compile("[ \t]*\ue0f5(\\d+)\ue0f6")


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
    drop_comments(root, etree, left)
    drop_unseen(root, left)
    say_fields(root, left)
    for name, write in (("sup", raised.up), ("sub", raised.down)):
        for each in list(root.iter(name)):
            replace(each, write("".join(each.itertext())))
    drop_contents(root)
    written: list[str] = []
    _write_tables(root, written)
    _write_definitions(root, html)
    return Page(html.tostring(root, encoding="unicode"), title, written, left)


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
