"""Counts the pictures of a page that its readers would miss."""

from __future__ import annotations

import re

# What can hold a picture that nobody sees, and pictures, in the order of the source.
_TAG = re.compile(
    r"<!--|-->|<(/?)(script|style|noscript|template|img|canvas|video)\b([^>]{0,4000})",
    re.IGNORECASE,
)
_DECORATION = re.compile(
    r"""\b(?:alt\s*=\s*(?:""|'')|(?:width|height)\s*=\s*["']?[0-9](?![0-9%])"""
    r"""|role\s*=\s*["']?(?:presentation|none)|aria-hidden\s*=\s*["']?true)""",
    re.IGNORECASE,
)
_PICTURES = ("img", "canvas", "video")


def pictures_of(source: str) -> int:
    """How many pictures a page shows, without those its author calls decoration, or of no size."""
    count = 0
    inside = ""  # of what is not shown
    for tag in _TAG.finditer(source):
        closing, name = tag[1], (tag[2] or "").lower()
        if inside:
            if tag[0] == inside or (closing and name == inside):
                inside = ""
        elif tag[0] == "<!--":
            inside = "-->"
        elif name in _PICTURES:
            count += not closing and _DECORATION.search(tag[3]) is None
        elif name and not closing:
            inside = name
    return count
