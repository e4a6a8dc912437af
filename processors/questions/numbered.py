"""Steps that are no points of a list: rows of a table that count them, headings that do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from processors.questions.quoting import cells_of
from processors.questions.weighing import Passage, Unit
from processors.questions.wholes import Whole

NUMBER = re.compile(r"\s*(?:(?:step|schritt|étape)\s+)?(\d{1,3})[.):]", re.IGNORECASE)
_HEADED = re.compile(r"[#*_\s]*(?:step|schritt|étape)\s+(\d{1,2})\b", re.IGNORECASE)
_COUNTED = re.compile(r"(?:(?:step|schritt|étape)\s+)?(\d{1,2})[.)]?\Z", re.IGNORECASE)
_LEAST = 2


def first(reads: str) -> int:
    """The number that steps begin with; 0 where they have none."""
    found = NUMBER.match(reads)
    return int(found[1]) if found else 0


def last(reads: str) -> int:
    """The number of the last step; 0 where they have none."""
    numbers = [int(found[1]) for line in reads.splitlines() if (found := NUMBER.match(line))]
    return numbers[-1] if numbers else 0


def rows(passage: Passage) -> Iterator[Whole]:
    """Rows one below the other whose first cells count from one step to the next."""
    text = passage.candidate.text
    counted: list[tuple[int, Unit]] = []
    said: dict[int, str] = {}
    for unit in passage.units:
        sentence = unit.sentence
        cells = cells_of(text[sentence.start : sentence.end]) if sentence.header is not None else []
        found = _COUNTED.fullmatch(cells[0]) if len(cells) > 1 else None
        if found:
            counted.append((int(found[1]), unit))
            said[id(unit)] = "; ".join(filter(None, cells[1:]))
    for run in _runs(counted, stays=False):
        if len(run) >= _LEAST:
            lines = [f"{number}. {said[id(unit)]}" for number, unit in run]
            yield _whole(passage, [unit for _, unit in run], lines, lines)


def headed(passage: Passage) -> Iterator[Whole]:
    """What stands under headings that count steps ("Step 2: Open the valve"), with them.

    A chunk may hold one such step alone: the next ones are in those after it.
    """
    under = [(number, unit) for unit in passage.units if (number := _heading_number(unit))]
    for run in _runs(under, stays=True):
        lines: list[str] = []
        points: list[str] = []
        for number, heading in dict.fromkeys((n, u.sentence.headings[-1]) for n, u in run):
            said = [u.reads for n, u in run if n == number]
            points.append(" ".join(said))
            name = _name(heading)
            lines.append(f"{number}. {name}{points[-1]}")
        yield _whole(passage, [unit for _, unit in run], lines, points)


def _runs(counted: Iterable[tuple[int, Unit]], *, stays: bool) -> Iterator[list[tuple[int, Unit]]]:
    """Stretches in which the number is one more each, or `stays`."""
    run: list[tuple[int, Unit]] = []
    for number, unit in counted:
        if run and number - run[-1][0] != 1 and not (stays and number == run[-1][0]):
            yield run
            run = []
        run.append((number, unit))
    if run:
        yield run


def _whole(
    passage: Passage, units: Sequence[Unit], lines: Sequence[str], points: Sequence[str]
) -> Whole:
    near = max(units, key=lambda unit: unit.sentence.cosine)
    start, end = units[0].sentence.start, units[-1].sentence.end
    return Whole(passage, near, start, end, "\n".join(lines), _above(near), tuple(points))


def _above(unit: Unit) -> tuple[str, ...]:
    """The headings above its own step's."""
    headings = unit.sentence.headings
    return headings[:-1] if _heading_number(unit) else headings


def _heading_number(unit: Unit) -> int:
    headings = unit.sentence.headings
    found = _HEADED.match(headings[-1]) if headings else None
    return int(found[1]) if found else 0


def _name(heading: str) -> str:
    """What a heading calls its step, beside the number."""
    found = _HEADED.match(heading)
    name = " ".join(heading[found.end() if found else 0 :].strip("#*_ :.)\u2013\u2014-\n").split())
    return f"{name} \u2013 " if name else ""
