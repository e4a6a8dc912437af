"""A table of contents that somebody typed: lines that repeat the headings, with their pages."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(?:\d{1,2}(?:\.\d{1,3})*[.)]?|[IVX]{1,5}[.)]|[A-Z][.)])\s+")
_ENTRY = re.compile(r"\s*(?:[-*+]\s+)?(?P<title>\S.{1,150}?)[\s.…·_]+(?P<page>\d{1,4})\s*")
_FEWEST = 2
_LONGEST = 200


def without_contents(body: str) -> str:
    """Markdown without lines that are a heading of it and a page's number, of two or more such."""
    lines = body.split("\n")
    titles = {_key(line.lstrip("#")) for line in lines if line.startswith("#")}
    if len(titles) < _FEWEST:
        return body
    dropped: set[int] = set()
    run: list[int] = []
    last = 0
    for at, line in enumerate([*lines, "#"]):
        if not line.strip():
            continue
        entry = _ENTRY.fullmatch(line) if len(line) <= _LONGEST else None
        page = int(entry["page"]) if entry and _key(entry["title"]) in titles else -1
        if page < 0 or page < last:
            dropped.update(run if len(run) >= _FEWEST else ())
            run, last = [], 0
        if page >= 0:
            run.append(at)
            last = page
    return "\n".join(line for at, line in enumerate(lines) if at not in dropped)


def _key(title: str) -> str:
    said = title.strip()
    # At its beginning alone: looked for anywhere, it takes the square of a title's length.
    number = _NUMBER.match(said)
    return " ".join(said[number.end() if number else 0 :].casefold().split())
