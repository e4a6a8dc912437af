"""Of a row only what was asked for: the column that the question names as a whole."""

from __future__ import annotations

import re

from processors.questions.evidence import Asked, asked, keys_of
from processors.questions.quoting import Sentence, cells_of, row_reads
from processors.text.values import absent

_FEWEST = 3  # columns of a row that is worth cutting
# What qualifies the value beside it, whatever is asked.
_QUALIFIES = re.compile(
    r"\b(?:notes?|remarks?|comments?|conditions?|exceptions?|restrictions?|details?|descriptions?"
    r"|units?|currency|per|basis|when|if|valid\w*|from|until|since|applies|bemerkung\w*|hinweise?"
    r"|einheit|bedingung\w*|währung|gültig\w*|remarques?|unité|devise)\b",
    re.IGNORECASE,
)


def narrowed(each: Sentence, text: str, question: Asked) -> str:
    """How a row reads with its first cell and the one column that is asked for.

    Empty where the question names no column as a whole, or several: then all of the row is shown.
    """
    header = each.header
    if not header or len(header) < _FEWEST:
        return ""
    cells = cells_of(text[each.start : each.end])
    known = {term.key for term in question.terms} - keys_of(cells[0])
    wanted = [at for at in range(1, len(header)) if _named(header[at], known)]
    if len(wanted) != 1 or len(cells) != len(header) or absent(cells[wanted[0]]):
        return ""
    shown = [
        cell if at in (0, *wanted) or not header[at] or _QUALIFIES.search(header[at]) else ""
        for at, cell in enumerate(cells)
    ]
    return row_reads(header, shown)


def pinned(each: Sentence, text: str, question: Asked) -> bool:
    """Whether the question names the row, by its first cell, and one of its columns as a whole."""
    header = each.header
    if not header or len(header) < 2:
        return False
    cells = cells_of(text[each.start : each.end])
    known = {term.key for term in question.terms}
    if len(cells) != len(header) or not _named(cells[0], known):
        return False
    left = known - keys_of(cells[0])
    wanted = [at for at in range(1, len(header)) if _named(header[at], left)]
    return len(wanted) == 1 and not absent(cells[wanted[0]])


def _named(name: str, known: set[str]) -> bool:
    terms = asked(name).terms
    return bool(terms) and all(term.key in known for term in terms)
