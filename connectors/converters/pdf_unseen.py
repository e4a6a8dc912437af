"""Letters of a PDF that are not to be read: white ones on a white ground, and struck out ones."""

from __future__ import annotations

from typing import Any

from connectors.converters.pdf_tables import Box

_WHITE = 0.98
_DARKER = 0.95
_LINE = 30.0  # points: what is higher strikes several lines, and not all of each
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
