"""A table cell of a page: how far it goes, and what it says in one line."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MOST_SPANNED = 64
_PARTS = ("p", "li", "br", "div", "dd", "dt", "tr")


def span(cell: Any, name: str) -> int:
    """How many columns or rows it goes over, as attribute `name` says."""
    said = (cell.get(name) or "").strip()
    return min(max(int(said), 1), _MOST_SPANNED) if said.isdigit() and len(said) < 5 else 1


def text(cell: Any) -> str:
    """Its words; items of a list are parted as such."""
    etree: Any = import_module("lxml.etree")
    parts: list[str] = []
    for event, each in etree.iterwalk(cell, events=("start", "end")):
        if event == "end":
            parts.append((each.tail or "") if each is not cell else "")
            continue
        if each is not cell and each.tag in _PARTS:
            ended = "".join(parts).rstrip()
            listed = each.tag == "li" and ended and ended[-1] not in ".;:!?"
            parts.append("; " if listed else " ")
        parts.append(each.text or "")
    return " ".join("".join(parts).split())
