"""Lines of a document that say where things are, not what: they are no sentences to quote."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONGEST = 160
_LEADERS = re.compile(r"(?:\.{3,}|(?:\. ){3,}|…{2,}|·{3,}|_{3,})\s*(?:\d{1,4}|[ivxlc]{1,7})\s*\Z")
_PAGE = re.compile(
    r"[-–—\s]*(?:(?:page|seite|p\.|s\.|folio)\s*)?\d{1,4}"  # noqa: RUF001
    r"(?:\s*(?:/|of|von|de|sur)\s*\d{1,4})?[-–—\s]*",  # noqa: RUF001
    re.IGNORECASE,
)
# "Figure 3: Map of the harbour", and no sentence about it.
_CAPTION = re.compile(
    r"(?:figure|fig\.?|table|tab\.?|chart|diagram|exhibit|photo|picture|image|abbildung|abb\.?|tabelle"
    r"|tableau|graphique|schéma)\s?[A-Z]?\d{1,3}(?:[.\-]\d{1,3})?\s*(?:[.:|\u2013\u2014-].{0,120}|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_CONTENTS = re.compile(
    r"(?:table of )?contents|list of (?:figures|tables)|index|inhalt(?:sverzeichnis|sübersicht)?"
    r"|abbildungsverzeichnis|tabellenverzeichnis|sommaire|table des matières",
    re.IGNORECASE,
)
_ENTRY = re.compile(r".{3,120}\s(?P<page>\d{1,4})")
_FEWEST_ENTRIES = 2
_ENDS = (".", "!", "?")


def is_furniture(text: str) -> bool:
    """Whether a line is of a table of contents, a page's number or a caption."""
    if "\n" in text.strip():
        return all(is_furniture(line) for line in text.splitlines() if line.strip())
    if len(text) > _LONGEST:
        return False
    stripped = text.strip().strip("*_")
    if is_page_number(stripped) or (stripped[-1:].isalnum() and _LEADERS.search(stripped)):
        return True
    return not stripped.endswith(_ENDS) and _CAPTION.fullmatch(stripped) is not None


def is_page_number(text: str) -> bool:
    """Whether a line is no more than the number of its page."""
    return len(text) < _LONGEST and _PAGE.fullmatch(text.strip()) is not None


def of_contents(lines: Sequence[str]) -> set[int]:
    """Which lines of a page are of a table of contents, by their places.

    Those with dots before a page's number, and those that end in ever higher numbers below a line
    that says what they are.
    """
    found = {at for at, line in enumerate(lines) if _LEADERS.search(line.strip())}
    for at, line in enumerate(lines):
        if not _CONTENTS.fullmatch(line.strip().rstrip(":")):
            continue
        entries: list[int] = []
        page = 0
        for below in range(at + 1, len(lines)):
            entry = _ENTRY.fullmatch(lines[below].strip())
            if below not in found and (entry is None or int(entry["page"]) < page):
                break
            page = int(entry["page"]) if entry else page
            entries.append(below)
        if len(entries) >= _FEWEST_ENTRIES:
            found.update(entries)
    return found
