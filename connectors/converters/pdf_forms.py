"""The values of a PDF's form fields, as runs of text among those of their page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

_PASSWORD = 1 << 13  # among a field's flags
_LINE = 14.0  # points: how high a line of text in a field is about


class Run(NamedTuple):
    """Text set in one go; `bbox` is its left and low edge, its width and its height."""

    text: str
    bbox: tuple[float, float, float, float]
    size: float  # 0 where it is not known
    bold: bool


def secret(document: Any) -> set[Any]:
    """The names and the places of the fields for passwords."""
    try:
        fields: Any = document.get_form_fields()
    except (OSError, ValueError, RuntimeError):
        return set()
    hidden = [field for field in fields if field.flags & _PASSWORD]
    return {field.name for field in hidden} | {_place(field.bounds) for field in hidden}


def filled_in(
    document: Any, number: int, runs: Sequence[Run], hidden: set[Any]
) -> tuple[list[Run], int]:
    """The runs of a page with the value of each field behind its label, or where it stands.

    A field's label is the run that ends before it on its line. And how many boxes are ticked, of
    which nothing says what they mean.
    """
    found = list(runs)
    try:
        annotations: Any = document.get_annotations(number)
    except (OSError, ValueError, RuntimeError):
        return found, 0
    ticks = 0
    values: list[tuple[float, float, float, float, str]] = []
    for each in annotations:
        kind = str(each.get("field_type", ""))
        ticks += kind.startswith("Checkbox") and "checked: true" in kind
        text = " ".join(str(each.get("field_value") or "").split())
        if not text or not kind.startswith(("Text", "Choice")) or not each.get("rect"):
            continue
        if each.get("field_name") not in hidden and _place(each["rect"]) not in hidden:
            left, low, right, high = each["rect"]
            values.append((-high, left, low, right, text))
    for top, left, low, right, text in sorted(values):
        middle = (low - top) / 2
        labels = [
            at
            for at, (_, (x, y, width, height), *_) in enumerate(found)
            if y <= middle <= y + height and x + width <= left
        ]
        if labels:
            at = max(labels, key=lambda at: found[at].bbox[0] + found[at].bbox[2])
            _, (_, y, _, height), size, bold = found[at]
            found.insert(at + 1, Run(text, (left, y, right - left, height), size, bold))
            continue
        below = (at for at, run in enumerate(found) if run.bbox[1] + run.bbox[3] < middle)
        height = min(-top - low, _LINE)
        place = (left, -top - height, right - left, height)
        found.insert(next(below, len(found)), Run(text, place, 0, False))
    return found, ticks


def _place(box: Sequence[float]) -> tuple[int, ...]:
    return tuple(round(edge) for edge in box)
