"""Letters of a PDF that are not to be read: white ones on a white ground, and struck out ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.converters.pdf_tables import Box

_WHITE = 0.98
_DARKER = 0.95
_LINE = 30.0  # points: what is higher strikes several lines, and not all of each
_THIN = 2.0
_MOST_LINES = 2_000  # of a page: more are a drawing
_LOWEST, _HIGHEST = 0.12, 0.55  # of a letter's height above its base line
_SAID = ("Text", "FreeText", "Highlight", "Underline", "Squiggly", "Popup")


def unseen_places(document: Any, number: int) -> set[Box]:
    """Where the white letters of a page are that stand on nothing.

    What stands on a picture or on a ground of another colour is seen; and so is a page that is all
    white letters, whose ground must be another.
    """
    try:
        chars = document.extract_chars(number)
        white = [char for char in chars if char.char.strip() and min(char.color) >= _WHITE]
        if not white or len(white) > len(chars) // 2 or document.page_images(number):
            return set()
        grounds = [
            path["bbox"]
            for path in document.extract_paths(number)
            if path["fill_color"] and min(path["fill_color"]) < _DARKER
        ]
    except (OSError, ValueError, RuntimeError, KeyError, TypeError):
        return set()
    return {tuple(char.bbox) for char in white if not any(_on(char.bbox, each) for each in grounds)}


def struck_places(document: Any, number: int, paths: Sequence[dict[str, Any]]) -> set[Box]:
    """Where letters stand through whose middle a line is drawn."""
    lines = [line for path in paths if (line := _level_line(path["bbox"])) is not None]
    if not lines or len(lines) > _MOST_LINES:
        return set()
    try:
        letters = [tuple(char.bbox) for char in document.extract_chars(number) if char.char.strip()]
    except (OSError, ValueError, RuntimeError):
        return set()
    found = {letter for letter in letters if any(_through(line, letter) for line in lines)}
    return found if len(found) * 2 < len(letters) else set()


def _level_line(box: Box) -> Box | None:
    """A line that may strike letters: level and thin."""
    left, low, width, height = box
    return (left, low + height / 2, width, height) if height <= _THIN < width else None


def _through(line: Box, letter: Box) -> bool:
    """Whether a line goes through the middle of a letter, whose box begins at its base line."""
    left, at, width, _ = line
    x, base, wide, high = letter
    inside = left - 1 <= x + wide / 2 <= left + width + 1
    return inside and _LOWEST * high < at - base < _HIGHEST * high


def comments(document: Any, number: int) -> tuple[int, set[Box]]:
    """How many comments a page has, and where letters stand that one of them strikes out."""
    try:
        found = document.get_annotations(number)
        strikes = [each["rect"] for each in found if each.get("subtype") == "StrikeOut"]
        lines = [
            (left, low, right - left, high - low)
            for left, low, right, high in strikes
            if 0 < high - low < _LINE
        ]
        letters = document.extract_chars(number) if lines else ()
    except (OSError, ValueError, RuntimeError, KeyError, TypeError):
        return 0, set()
    said = sum(each.get("subtype") in _SAID and bool(each.get("contents")) for each in found)
    return said, {
        tuple(letter.bbox) for letter in letters if any(_on(letter.bbox, line) for line in lines)
    }


def _on(letter: Box, ground: Box) -> bool:
    x, y = letter[0] + letter[2] / 2, letter[1] + letter[3] / 2
    left, low, width, height = ground
    return left <= x <= left + width and low <= y <= low + height
