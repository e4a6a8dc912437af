"""Writes the Markdown that converters make: pipe tables, headings, joined pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connectors.converters.errors import Unreadable
from processors.text.tables import Spans, laid_out, piped

MOST_CELLS = 3_000_000
PAGE_BREAK = "\n\f\n"


def table(
    rows: Iterable[Sequence[str]],
    *,
    headers: int | None = None,
    across: Spans = (),
    unmarked: bool = False,
) -> str:
    """A pipe table of rows of cells; what stands above or below it in them as paragraphs.

    Its header is of empty names where the first column names what the others hold. `headers`,
    `across` and `unmarked` are what the file says of it: see `laid_out`.
    """
    kept = rows if isinstance(rows, list) else list(rows)
    bounded(len(kept), max(map(len, kept), default=0))
    texts = [[" ".join(text.split()) for text in row] for row in kept]
    made = laid_out(texts, headers=headers, across=across, unmarked=unmarked)
    blocks = [*made.before, piped(made.header, made.rows), *made.after]
    return "\n\n".join(block for block in blocks if block)


def bounded(rows: int, columns: int) -> None:
    """Nothing, if a table of this size can be built: one long row makes all others as long.

    Raises:
        Unreadable: it cannot.
    """
    if rows * columns > MOST_CELLS:
        raise Unreadable(
            "too_large",
            f"has a table of {rows:,} rows and {columns:,} columns; at most {MOST_CELLS:,} cells",
        )


def heading(level: int, text: str) -> str:
    return f"{'#' * max(1, min(level, 6))} {' '.join(text.split())}"


def pages(texts: Sequence[str]) -> str:
    """The pages of a document as one body; a page keeps its place where it has no text."""
    return PAGE_BREAK.join(text.replace("\f", "\n").strip("\n") for text in texts)
