"""Raised and lowered characters in plain text, where a footnote's mark must not become a digit.

Converters put what is raised or lowered between marks of their own; what it means follows from what
stands before it and from the notes that the text has.
"""

from __future__ import annotations

import re

_UP, _DOWN, _END = "\ue0f0", "\ue0f1", "\ue0f2"  # private use: no text has them
MARK = _UP  # begins what is raised
_FOUND = re.compile(f"([{_UP}{_DOWN}])([^{_UP}{_DOWN}{_END}]*){_END}")
_AT_START = re.compile(r"[\s>*_-]*\Z")
_WORD = re.compile(r"[^\W\d_]+\Z")
_NUMBER = re.compile(r"(?<![\d.,])\d[\d., ]*\Z")
_ORDINAL = re.compile(r"st|nd|rd|th|er|re|e|ème|o|a|te", re.IGNORECASE)
_SIGN = re.compile(r"™|℠|®|©|TM|SM|\(?R\)?|°|o")
_FORMULA = re.compile(r"[=+*/]\s*[^\W\d_]{1,3}\Z")
_BASES = ("10", "2", "1000", "1,000")
_LENGTHS = frozenset(("m", "km", "cm", "mm", "dm", "µm", "nm", "ft", "in", "yd", "mi", "s"))
_SUPERSCRIPT = str.maketrans("0123456789+-\u2212", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_NOTE_MARK = re.compile(r"\d{1,3}|[A-Za-z]|[ivx]{1,4}|[*†‡§#¶]{1,3}")
_SHORT = 12


def up(text: str) -> str:
    """`text` as what is raised, until `resolved`."""
    return f"{_UP}{_bare(text)}{_END}" if text.strip() else text


def down(text: str) -> str:
    """`text` as what is lowered, until `resolved`."""
    return f"{_DOWN}{_bare(text)}{_END}" if text.strip() else text


def _bare(text: str) -> str:
    return re.sub(f"[{_UP}{_DOWN}{_END}]", "", text)


def resolved(text: str) -> str:
    """The text with what is raised or lowered in it written in one line.

    A footnote's mark is `[^1]`, the note begins with `[^1]:`; a power of a number is `10^6`, of a
    unit `m²`; ordinals (1st) and formulas (CO2) are as one types them.
    """
    if _END not in text:
        return text
    text = _joined(text)
    notes = {
        mark
        for found in _FOUND.finditer(text)
        if found[1] == _UP and _begins_line(text, found.start())
        for mark in _marks(found[2])
    }
    parts: list[str] = []
    at = 0
    for found in _FOUND.finditer(text):
        parts.append(text[at : found.start()])
        said = "".join(parts[-2:])[-40:]
        if found[1] == _DOWN:
            parts.append(_lowered(said, found[2]))
        elif _begins_line(text, found.start()):
            parts.append("".join(f"[^{mark}]" for mark in _marks(found[2])) + ":")
            if not text[found.end() : found.end() + 1].isspace():
                parts.append(" ")
        else:
            parts.append(_raised(said, found[2], notes))
        at = found.end()
    return "".join([*parts, text[at:]])


def _joined(text: str) -> str:
    """Runs of raised characters that only their formatting parts, as one."""
    for mark in (_UP, _DOWN):
        text = text.replace(f"{_END}{mark}", "")
    return text


def _begins_line(text: str, at: int) -> bool:
    return _AT_START.match(text, text.rfind("\n", 0, at) + 1, at) is not None


def _marks(raised: str) -> list[str]:
    return [
        mark
        for part in re.split(r"[,;\s]+", raised.strip())
        if _NOTE_MARK.fullmatch(mark := part.strip("()[].:"))
    ]


def _raised(before: str, raised: str, notes: set[str]) -> str:
    said = raised.strip()
    marks = _marks(said)
    number = _NUMBER.search(before)
    word = _WORD.search(before)
    if marks and all(mark in notes for mark in marks):
        return _footnote(marks)
    if (number and _ORDINAL.fullmatch(said)) or _SIGN.fullmatch(said):
        return said
    exponent = re.fullmatch(r"[-+\u2212]?\d{1,3}|[-+]?[a-z]", said)
    if exponent and number and (number[0].strip() in _BASES or not said[0].isalnum()):
        return f"^{said}"
    if exponent and word:
        if word[0] in _LENGTHS and said.lstrip("-\u2212") in ("1", "2", "3"):
            return said.translate(_SUPERSCRIPT)
        if len(word[0]) == 1 or _FORMULA.search(before):
            return f"^{said}"
    if before.endswith((")", "]")) and exponent and not marks:
        return f"^{said}"
    if marks:
        return _footnote(marks)
    return f"^{said}" if len(said) <= _SHORT and " " not in said else f" ({said})"


def _lowered(before: str, lowered: str) -> str:
    said = lowered.strip()
    if _WORD.search(before) and said.isdigit():
        return said
    return f"_{said}" if before[-1:].isalnum() else said


def _footnote(marks: list[str]) -> str:
    return "".join(f"[^{mark}]" for mark in marks)
