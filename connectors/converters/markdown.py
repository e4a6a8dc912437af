"""Writes the Markdown that converters make: pipe tables, headings, joined pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

PAGE_BREAK = "\n\f\n"


def cell(text: str) -> str:
    """One cell of a pipe table: in one line, its pipes escaped."""
    return " ".join(text.split()).replace("|", "\\|")


def table(rows: Iterable[Sequence[str]]) -> str:
    """A pipe table whose first row is the header; rows without any text are left out.

    Rows may differ in length: all get as many cells as the longest.
    """
    kept = [[cell(text) for text in row] for row in rows]
    kept = [row for row in kept if any(row)]
    if not kept:
        return ""
    width = max(len(row) - next(i for i, t in enumerate(reversed(row)) if t) for row in kept)
    lines = [f"| {' | '.join((row + [''] * width)[:width])} |" for row in kept]
    lines.insert(1, "|" + " --- |" * width)
    return "\n".join(lines)


def heading(level: int, text: str) -> str:
    return f"{'#' * max(1, min(level, 6))} {' '.join(text.split())}"


def pages(texts: Sequence[str]) -> str:
    """The pages of a document as one body; a page keeps its place where it has no text."""
    return PAGE_BREAK.join(text.replace("\f", "\n").strip("\n") for text in texts)
