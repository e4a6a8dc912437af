"""Phone numbers, told from amounts, dates, identifiers and paragraphs."""

from __future__ import annotations

import re

_NUMBER = re.compile(
    r"(?<![\w.,/-])(?:\+|\(\+?)?\d[\d().\- ]{4,22}\d(?:\s?(?:x|ext\.?)\s?\d{1,6})?(?![\w/%]|[.,]\d)"
)
_SPOKEN = re.compile(
    r"(?:phone|telephone|tel|mobile|cell|fax|call|called|calls|dial|text|whatsapp|reach|contact"
    r"|office|answering)"
    r"\b[^.?!\n]{0,40}$",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?:\s?ext?\.?\s?\d+)?[-\s]{0,2}\(?(?:office|fax|mobile|cell|phone|tel)\b", re.IGNORECASE
)
_NORTH_AMERICA = re.compile(r"(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]?\d{4}")
_DATE = re.compile(
    r"\d{4}([-. ])\d{1,2}\1\d{1,2}|\d{1,2}([-. ])\d{1,2}\2\d{2,4}|\d{4} ?- ?\d{2,4}"
    r"|\d{3}-\d{2}-\d{4}"  # of a social security number, issued or not
)
_ABROAD = re.compile(r"00[1-9]")
_AMOUNT = re.compile(r"\d{1,3}([ .])\d{3}(?:\1\d{3})*")
_BEFORE = 60  # characters in which something says that it is one
_DIGITS = range(7, 16)  # of a number in full (E.164 has at most 15)


def phones(text: str) -> list[tuple[int, int]]:
    """Where they stand. One of few digits, or in one piece, counts where something says so."""
    found: list[tuple[int, int]] = []
    for match in _NUMBER.finditer(text):
        number = match[0]
        plain = re.split(r"\s?(?:x|ext)", number)[0]
        digits = sum(map(str.isdigit, plain))
        if digits not in _DIGITS or _DATE.fullmatch(plain):
            continue
        said = _SPOKEN.search(text[max(0, match.start() - _BEFORE) : match.start()])
        if said or _NAMED.match(text, match.end()) or _by_form(plain, digits):
            found.append(match.span())
    return found


def _by_form(number: str, digits: int) -> bool:
    """Whether nothing else is written like this."""
    if number.startswith(("+", "(+")) or _NORTH_AMERICA.fullmatch(number):
        return True
    groups = re.findall(r"\d+", number)
    if _ABROAD.match(number) and digits > 9:
        return True
    trunk = number.lstrip("(").startswith("0") and digits in range(9, 12)
    return trunk and len(groups) in range(2, 6) and not _AMOUNT.fullmatch(number)
