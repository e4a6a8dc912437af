"""Letters of a PDF that nobody sees: white ones on a white ground."""

from __future__ import annotations

from typing import Any

from connectors.converters.pdf_tables import Box

_WHITE = 0.98
_DARKER = 0.95


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


def _on(letter: Box, ground: Box) -> bool:
    x, y = letter[0] + letter[2] / 2, letter[1] + letter[3] / 2
    left, low, width, height = ground
    return left <= x <= left + width and low <= y <= low + height
