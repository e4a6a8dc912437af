"""HTML to Markdown, by lxml and html-to-markdown."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from connectors.converters import web_tree
from connectors.converters.errors import Unreadable
from connectors.converters.made import Limits, Made, some
from connectors.converters.text import decode
from connectors.converters.web_pictures import pictures_of

# Marks inside a sentence would stand in every quote of it; a link's address is not its text.
_UNMARKED = [
    "a",
    "b",
    "strong",
    "em",
    "i",
    "u",
    "mark",
    "span",
    "font",
    "small",
    "ins",
    "sub",
    "sup",
]
_LEFT_OUT = (
    ("struck", "place of struck text left out", "places of struck text left out"),
    ("hidden", "hidden part left out", "hidden parts left out"),
    ("comment", "comment left out", "comments left out"),
    ("embedded", "embedded page or file not read", "embedded pages or files not read"),
)
_BLANK_LINES = re.compile(r"\n{3,}")


def convert(data: bytes, limits: Limits) -> Made:  # noqa: ARG001 - as every converter
    """Headings, lists, tables and code of a page; scripts, styles and what is hidden are dropped.

    Raises:
        Unreadable: it cannot be parsed.
    """
    library: Any = import_module("html_to_markdown")
    source, encoding, lost = decode(data, declared=True)
    options = library.ConversionOptions(
        extract_metadata=False,
        strip_tags=_UNMARKED,
        skip_images=True,
        compact_tables=True,
        bullets="-",
        exclude_selectors=["script", "style", "svg", "noscript", "template"],
    )
    page = web_tree.page(source)
    try:
        made = library.convert(page.source if page else source, options)
    except (ValueError, RuntimeError, library.ConversionError) as error:
        raise Unreadable("damaged", f"cannot be read as HTML: {error}") from None
    body = (made.content or "").replace("\f", "\n")
    body = _BLANK_LINES.sub("\n\n", page.whole(body) if page else body).strip()
    metadata = {"encoding": encoding} if encoding else {}
    unread = tuple(str(getattr(each, "message", each)) for each in made.warnings or ())
    if pictures := pictures_of(source):
        unread += (f"{some(pictures, 'picture', 'pictures')} not read",)
    if not body and made.warnings:
        raise Unreadable("damaged", f"cannot be read as HTML: {unread[0]}")
    for kind, one, many in _LEFT_OUT if page else ():
        if count := page.left[kind] if page else 0:
            unread += (some(count, one, many),)
    unread += lost
    if not body and pictures:
        said = some(pictures, "picture", "pictures")
        raise Unreadable("scanned", f"holds no text, only {said}")
    return Made(body, page.title if page else "", metadata, unread)
