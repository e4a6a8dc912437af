"""The words of a slide's paragraphs as a reader sees them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from connectors.converters.made import some
from processors.text import raised

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


def words_of(frame: Any, left: Counter[str]) -> str:
    """The paragraphs of a frame in one line."""
    return " ".join(" ".join(paragraph_of(p, left) for p in frame.paragraphs).split())


def paragraph_of(paragraph: Any, left: Counter[str]) -> str:
    """A paragraph's words; counts in `left` what is struck out of it."""
    words: list[str] = []
    for node in paragraph._p:
        if node.tag == f"{_A}br":
            words.append(" ")
        elif node.tag in (f"{_A}r", f"{_A}fld"):
            text = "".join(each.text or "" for each in node.iter(f"{_A}t"))
            look = node.find(f"{_A}rPr")
            if look is not None and look.get("strike") in ("sngStrike", "dblStrike"):
                left["struck"] += bool(text.strip())
                continue
            shift = int(look.get("baseline") or 0) if look is not None else 0
            write = raised.up if shift > 0 else raised.down if shift < 0 else str
            words.append(write(text))
    return "".join(words)


def unread_of(left: Counter[str]) -> list[str]:
    """A line for each kind of what was left out."""
    kinds = (
        ("slide", "hidden slide left out", "hidden slides left out"),
        ("struck", "place of struck text left out", "places of struck text left out"),
    )
    return [some(n, one, many) for kind, one, many in kinds if (n := left[kind])]
