"""Numbers and dates in text, however they are written: 1,000 is 1000, twelve is 12."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# "may" in small letters is hardly ever the month. ASCII: or "s" is also the long s of old print.
_MONTH = (
    r"(?:(?ai:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)|M(?:ay|AY))\b\.?"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_DATE = (
    r"(?P<iso>[12]\d{3}-(?:0?[1-9]|1[0-2])-" + _DAY + r")(?!\d)"
    rf"|(?P<day_first>{_DAY}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+[12]\d{{3}}\b)?)"
    rf"|(?P<month_first>{_MONTH}\s+{_DAY}(?:st|nd|rd|th)?\b(?![:.,]\d)(?:,?\s+[12]\d{{3}}\b)?)"
    rf"|(?P<month_year>{_MONTH}\s+[12]\d{{3}}\b)"
    rf"|(?P<numeric>{_DAY}(?P<by>[./]){_DAY}(?P=by)[12]\d{{3}})(?!\d)"
    rf"|(?P<month>(?=[A-Z]){_MONTH})"
)
_SPELLED = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_TIMES = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9}
_VALUES = (
    {word: value for value, word in enumerate(_SPELLED.split())}
    | {word: value for value, word in zip(range(20, 100, 10), _TENS.split(), strict=True)}
    | _TIMES
)
_WORD = rf"(?ai:{'|'.join(sorted(_VALUES, key=len, reverse=True))})"
# "One" counts things where a unit follows; elsewhere it stands for somebody or something.
_UNIT = (
    r"(?ai:(?:business |working |calendar )?(?:minute|hour|day|week|month|quarter|year|time|euro|dollar"
    r"|pound|per ?cent|hundred|thousand|million|billion))"
)
_FIGURE = re.compile(
    # Not a part of an identifier: F-2207, AC-2(3), Q4, 1EN5.
    rf"(?<![\w])(?<![^\W\d_][-./:]|\w['’(]|\d[.:,])(?<!\d [(])(?:{_DATE}"  # noqa: RUF001
    r"|(?P<literal>\d{1,2}:\d{2}|\d+(?:\.\d+){2,})(?!\w)"
    r"|(?P<number>(?:\d{1,3}(?:[,'’ \u00a0\u202f]\d{3})+|\d+)(?!\d)(?:\.\d+|,\d{1,2}(?!\d))?)"  # noqa: RUF001
    rf"(?![A-Z])(?:[ -](?P<times>{'|'.join(_TIMES)})\b)?"
    rf"|(?P<words>(?!(?ai:one)\b(?!-|\s+{_UNIT})){_WORD}"
    rf"(?:(?:[-\s]+|(?<=(?ai:hundred))(?ai: and )|(?<=(?ai:thousand))(?ai: and )){_WORD}){{0,8}})\b)"
)
_A_YEAR = re.compile(r"[12](?<!\d.)\d{3}(?!\d)")  # its first digit is looked for first: fast
_DATE_CHARS = 24  # before the year: "12th of September, "
_FULL = re.compile(r"\d{4}-\d\d-\d\d")
_YEAR = re.compile(r"(?:19|20)\d\d")


class Figure(NamedTuple):
    """A number or a date in a text, `text[start:end]`."""

    start: int
    end: int
    key: str  # "1000", "2024-05-12", "05-12", "2024-05", "month 5", "14:10"
    says: frozenset[str]  # its key, and the parts of a date
    time: bool  # a date, month or year


def figures(text: str) -> Iterator[Figure]:
    """The figures of `text`, in order.

    A date in digits is read day first where both are possible, and a comma before two digits is
    taken for a decimal point.
    """
    for found in _FIGURE.finditer(text):
        start, end = found.span()
        kind, said = found.lastgroup, found[0]
        if found["number"] is not None:
            value = _number(found["number"])
            if found["times"]:
                value = _plain(Decimal(value) * _TIMES[found["times"]])
            year = _YEAR.fullmatch(found["number"]) is not None
            yield Figure(start, end, value, frozenset([value]), year)
        elif kind == "words":
            value = str(_spelled(said.lower()))
            yield Figure(start, end, value, frozenset([value]), False)
        elif kind == "literal":
            yield Figure(start, end, said, frozenset([said]), False)
        else:
            yield _date(start, end, kind or "", said)


def full_dates(text: str) -> set[str]:
    """The keys of the dates with day, month and year; it looks only around the years."""
    return {
        figure.key
        for year in _A_YEAR.finditer(text)
        for figure in figures(text[max(year.start() - _DATE_CHARS, 0) : year.end() + 6])
        if _FULL.fullmatch(figure.key)
    }


def _number(said: str) -> str:
    whole, point, rest = re.sub(r"['’ \u00a0\u202f]|,(?=\d{3})", "", said).partition(".")  # noqa: RUF001
    if "," in whole:
        whole, point, rest = whole.partition(",")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{rest}" if point and rest.strip("0") else whole


def _plain(value: Decimal) -> str:
    said = format(value, "f")
    return said.rstrip("0").rstrip(".") if "." in said else said


def _spelled(said: str) -> int:
    total = current = 0
    for word in re.findall(r"[a-z]+", said):
        if word == "and":
            continue
        value = _VALUES[word]
        if value == 100:
            current = max(current, 1) * value
        elif value > 100:
            total, current = total + max(current, 1) * value, 0
        else:
            current += value
    return total + current


def _date(start: int, end: int, kind: str, said: str) -> Figure:
    digits = [int(number) for number in re.findall(r"\d+", said)]
    year = next((number for number in digits if number > 31), None)
    rest = [number for number in digits if number <= 31]
    if kind == "iso":
        month, day = rest
    elif kind in ("numeric", "by"):
        day, month = rest if rest[1] <= 12 else reversed(rest)
        if month > 12:
            return Figure(start, end, said, frozenset([said]), True)
    else:
        name = next(name[:3].lower() for name in re.findall(r"[A-Za-z]{3,}", said))
        month, day = _MONTHS.index(name) + 1, rest[0] if rest else None
    says = [f"month {month}"]
    if day is not None:
        says.append(f"{month:02}-{day:02}")
    if year is not None:
        says += [str(year), f"{year}-{month:02}"]
        if day is not None:
            says.append(f"{year}-{month:02}-{day:02}")
    return Figure(start, end, says[-1], frozenset(says), True)
