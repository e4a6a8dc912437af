"""Points of a list whose numbers a PDF sets apart and without a mark: 1, 2, 3 or a, b, c."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connectors.converters.pdf_lines import APART, LABEL, Line

_SAME_EDGE = 3.0  # points by which the numbers of a list may be set apart, at one side
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50}
_FEWEST = 2


def with_labels(lines: Sequence[Line]) -> list[Line]:
    """The lines with labels that are set a little lower than their text, and so come after it."""
    made: list[Line] = []
    for line in lines:
        last = made[-1] if made else None
        if last and not last.label and LABEL.fullmatch(line.text.strip()) and _beside(line, last):
            last.label = line.text.strip()
            last.text, last.left = f"{last.label} {last.text}", line.left
        else:
            made.append(line)
    return made


def _beside(label: Line, text: Line) -> bool:
    height = text.top - text.bottom
    level = min(label.top, text.top) - max(label.bottom, text.bottom) > height / 2
    return level and text.left - label.right > APART * height


def numbered(lines: Sequence[Line]) -> dict[int, str]:
    """The texts of the lines that are points, by their places: `1. Open the valve`.

    Their labels count from one on, each in the same place; what stands farther right between them
    goes on with the point above.
    """
    found: dict[int, str] = {}
    labelled = [at for at, line in enumerate(lines) if line.label]
    for count in (_figures, _letters, _roman):
        run: list[int] = []
        for at in labelled:
            value = count(lines[at].label)
            if run and value == len(run) + 1 and _goes_on(lines, run[-1], at):
                run.append(at)
                continue
            found.update(_written(lines, run))
            run = [at] if value == 1 else []
        found.update(_written(lines, run))
    return found


def _written(lines: Sequence[Line], run: Sequence[int]) -> Iterator[tuple[int, str]]:
    if len(run) >= _FEWEST:
        for at in run:
            label, text = lines[at].label, " ".join(lines[at].text.split())
            yield at, f"{label}. {text.removeprefix(label).lstrip()}"


def _goes_on(lines: Sequence[Line], above: int, at: int) -> bool:
    first, line = lines[above], lines[at]
    edge = min(abs(first.left - line.left), abs(_end(first) - _end(line)))
    between = all(each.left > first.left + _SAME_EDGE for each in lines[above + 1 : at])
    return edge <= _SAME_EDGE and between


def _end(line: Line) -> float:
    """Where the label ends, about: numbers of two figures may be set to the right."""
    return line.left + len(line.label) * line.size / 2


def _figures(label: str) -> int:
    return int(label) if label.isdecimal() else 0


def _letters(label: str) -> int:
    return ord(label.lower()) - ord("a") + 1 if len(label) == 1 and label.isalpha() else 0


def _roman(label: str) -> int:
    values = [_ROMAN.get(letter, 0) for letter in label.lower()]
    if not values or 0 in values:
        return 0
    pairs = zip(values, [*values[1:], 0], strict=True)
    return sum(-value if value < after else value for value, after in pairs)
