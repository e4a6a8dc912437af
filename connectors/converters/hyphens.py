"""Words that a line's end divides, made whole as the rest of the text spells them."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DIVIDED = re.compile(r"([^\W\d_]+)[-\u2010\u00ad]\Z")
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*")
_FIRST = re.compile(r"[^\W\d_]+")
# What keeps its hyphen in most words that begin so.
_PREFIXES = frozenset(
    ("self", "non", "long", "short", "high", "low", "well", "cross", "half", "all", "ex", "two",
     "three", "four", "five", "six", "ten", "one", "multi", "year", "day", "third", "first",
     "fixed", "real", "full", "part", "check", "mid", "e")
)  # fmt: skip
_AND = re.compile(r"(?:and|or|to|und|oder|bzw|bis|et|ou)\b")


class Spellings:
    """The words of a text, whole and with hyphens."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        self._whole: set[str] = set()
        self._hyphened: set[str] = set()
        for line in lines:
            for word in _WORD.findall(line.lower()):
                (self._hyphened if "-" in word or "\u2010" in word else self._whole).add(word)

    def joined(self, text: str, rest: str, over: str = " ") -> str:
        """`text` that goes on with `rest` on a new line, or `over` a page's end.

        A divided word is said whole before that.
        """
        divided = _DIVIDED.search(text)
        first = _FIRST.match(rest)
        if not divided or not first or (_AND.match(rest) and not text.endswith("\u00ad")):
            return f"{text}{over}{rest}"
        begin, end = divided[1], first[0]
        keeps = text[-1] != "\u00ad" and self._keeps(begin, end)
        text = text if keeps else text[:-1]
        if over == " ":
            return text + rest
        word, _, left = rest.partition(" ")
        return f"{text}{word}{over}{left}"

    def _keeps(self, begin: str, end: str) -> bool:
        """Whether the hyphen is the word's own."""
        if not end[:1].islower():
            return True
        if f"{begin}-{end}".lower() in self._hyphened:
            return True
        if f"{begin}{end}".lower() in self._whole:
            return False
        return begin.lower() in _PREFIXES
