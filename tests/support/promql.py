"""The metrics that PromQL names, with the labels that it wants of each."""

from __future__ import annotations

import re
from collections.abc import Iterator

_STRINGS = re.compile(r'"[^"]*"')
_SELECTED = re.compile(r"([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?")
_LISTS = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_RANGES = re.compile(r"\[[^\]]*\]")
_WORDS = frozenset({"and", "or", "unless", "on", "by", "bool", "offset", "inf", "nan"})


def metrics(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric with the labels that it is selected by."""
    plain = _RANGES.sub("", _LISTS.sub(" ", _STRINGS.sub('""', expression)))
    for found in _SELECTED.finditer(plain):
        name, matchers = found[1], found[2] or ""
        if name in _WORDS or plain[found.end() :].lstrip().startswith("("):
            continue  # a function, or an operator
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))


def grouped(expression: str) -> set[str]:
    """The labels that are grouped by."""
    lists = _LISTS.findall(_STRINGS.sub('""', expression))
    return {name.strip() for each in lists for name in each.split(",") if name.strip()}
