"""Numbers and dates in text, however they are written: 1,000 is 1000, twelve is 12."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# English, German and French, by as many letters as tell them apart.
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan jän", "feb fév", "mar mär", "apr avr", "may mai", "jun juin", "jul juil", "aug aoû",
         "sep", "oct okt", "nov", "dec dez déc"),
        1,
    )
    for name in names.split()
}  # fmt: skip
# "may" in small letters is hardly ever the month. ASCII: or "s" is also the long s of old print.
_MONTH = (
    r"(?:(?ai:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)|M(?:ay|AY))\b\.?"
)
_ABROAD = (
    r"(?:Januar|Jänner|Februar|März|April|Mai|Juni|Juli|Oktober|Dezember"
    r"|(?i:janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre))\b"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_DATE = (
    r"(?P<iso>[12]\d{3}-(?:0?[1-9]|1[0-2])-" + _DAY + r")(?!\d)"
    rf"|(?P<day_first>{_DAY}(?:(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}"
    rf"|(?:er|\.)?\s+(?:{_ABROAD}|(?:April|August|September|November)\b))"
    r"(?:,?\s+[12]\d{3}\b)?)"
    rf"|(?P<month_first>{_MONTH}\s+{_DAY}(?:st|nd|rd|th)?\b(?![:.,]\d)(?:,?\s+[12]\d{{3}}\b)?)"
    rf"|(?P<month_year>(?:{_MONTH}|{_ABROAD})\s+[12]\d{{3}}\b)"
    rf"|(?P<numeric>{_DAY}(?P<by>[./]){_DAY}(?P=by)[12]\d{{3}})(?!\d)"
    rf"|(?P<month>(?=[A-Z]){_MONTH})"
)
_SPELLED = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_TIMES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9}  # zeros
_SCALES = _TIMES | {
    "tsd": 3, "tausend": 3, "mille": 3, "mio": 6, "millionen": 6, "millions": 6, "mrd": 9,
    "milliarden": 9, "milliards": 9, "milliard": 9, "billions": 9,
}  # fmt: skip
_VALUES = (
    {word: value for value, word in enumerate(_SPELLED.split())}
    | {word: value for value, word in zip(range(20, 100, 10), _TENS.split(), strict=True)}
    | {word: 10**zeros for word, zeros in _TIMES.items()}
)
_WORD = rf"(?ai:{'|'.join(sorted(_VALUES, key=len, reverse=True))})"
# "One" counts things where a unit follows; elsewhere it stands for somebody or something.
_UNIT = (
    r"(?ai:(?:business |working |calendar )?(?:minute|hour|day|week|month|quarter|year|time|euro"
    r"|dollar|pound|per ?cent|hundred|thousand|million|billion))"
)
# What follows a number without a space and does not make an identifier of it.
_CODES = r"[KMGTP]i?B|EUR|USD|GBP|CHF"
# Points between thousands: 1.234,56 and 1.234.567, as on much of the continent.
_POINTED = r"(?:\d{1,3}(?:\.\d{3})+,\d{1,4}|\d{1,3}(?:\.\d{3}){2,})(?!\d|[.,]\d)"
_FIGURE = re.compile(
    # Not a part of an identifier: F-2207, AC-2(3), Q4, 1EN5.
    rf"(?<![\w])(?<![^\W\d_][-./:]|\w['’(]|\d[.:,])(?<!\d [(])(?:{_DATE}"  # noqa: RUF001
    rf"|(?>(?P<literal>\d{{1,2}}:\d{{2}}|(?!{_POINTED})\d+(?:\.\d+){{2,}}))"
    r"(?!(?!(?:[ap]m|h)\b)\w|\(\w|\.\d)"
    # A number is read whole or not at all: not 5 of 5(1), nor 3 of 3.2M.
    rf"|(?>(?P<number>{_POINTED}|(?:\d{{1,3}}(?:[,'’ \u00a0\u202f]\d{{3}})+|\d+)(?!\d)"  # noqa: RUF001
    r"(?:\.\d+|,\d{1,2}(?!\d))?))"
    rf"(?!(?!(?:{_CODES})\b)[A-Z]|\(\w|[.:]\d| \(\d{{1,3}}\))"
    rf"(?:[ -](?P<times>(?ai:{'|'.join(sorted(_SCALES, key=len, reverse=True))}))\b)?"
    rf"|(?P<words>(?!(?ai:one)\b(?!-|\s+{_UNIT})){_WORD}"
    rf"(?:(?:[-\s]+|(?:(?<=(?ai:hundred))|(?<=(?ai:thousand)))(?ai: and )){_WORD}){{0,8}})\b)"
)
_A_YEAR = re.compile(r"[12](?<!\d.)\d{3}(?!\d)")  # its first digit is looked for first: fast
_DATE_CHARS = 24  # before the year: "12th of September, "
_FULL = re.compile(r"\d{4}-\d\d-\d\d")
_YEAR = re.compile(r"(?:19|20)\d\d")


_MINUS = re.compile(r"(?:\A|(?<![\d%])[\s(])(?:[-\u2212]|minus )[€$£]?\Z", re.IGNORECASE)
_MONEY = re.compile(r"(?:(?P<euro>€|EUR)|(?P<dollar>\$|USD)|(?P<pound>£|GBP)) ?\Z")
_MEASURE = re.compile(
    r"[ \u00a0-]?(?:(?P<percent>%|per ?cent\b|prozent\b|pour cent\b)|(?P<euro>€|euros?\b|EUR\b)"
    r"|(?P<dollar>\$|dollars?\b|USD\b)|(?P<pound>£|pounds?\b|GBP\b)|(?P<am>a\.?m\b)|(?P<pm>p\.?m\b)"
    r"|(?P<minute>min\b|minute[ns]?\b)|(?P<hour>h\b|hours?\b|stunden?\b|heures?\b)"
    r"|(?P<day>days?\b|tagen?\b|tage?\b|jours?\b)|(?P<week>weeks?\b|wochen?\b|semaines?\b)"
    r"|(?P<month>months?\b|monate?n?\b|mois\b)|(?P<year>years?\b|jahre?n?\b|ans?\b)|(?P<kilobyte>KB\b)|(?P<megabyte>MB\b)"
    r"|(?P<gigabyte>GB\b)|(?P<terabyte>TB\b))",
    re.IGNORECASE | re.ASCII,
)


class Figure(NamedTuple):
    """A number or a date in a text, `text[start:end]`."""

    start: int
    end: int
    key: str  # "1000", "-5", "2024-05-12", "05-12", "2024-05", "month 5", "14:10"
    says: frozenset[str]  # its key, the parts of a date, and what else 1.500 may be
    time: bool  # a date, month or year
    unit: str = ""  # a few that are beside numbers in most texts, if it is one of them

    @property
    def keys(self) -> frozenset[str]:
        """Its key, and what else 1.500 may be."""
        return frozenset([self.key]) if self.time else self.says

    def among(self, said: frozenset[str]) -> bool:
        """Whether it is one of those that are `said`."""
        return not self.keys.isdisjoint(said)


def figures(text: str) -> Iterator[Figure]:
    """The figures of `text`, in order.

    A date in digits is read day first where both are possible, and a comma before two digits is
    taken for a decimal point.
    """
    for found in _FIGURE.finditer(text):
        start, end = found.span()
        kind, said = found.lastgroup, found[0]
        if kind in ("number", "times", "words", "literal"):
            if kind == "words":
                keys = [str(_spelled(said.lower()))]
            elif kind == "literal":
                keys = [re.sub(r"\A0(?=\d:)", "", said)]
            else:
                keys = _readings(found["number"], found["times"])
            if _MINUS.search(text, max(start - 8, 0), start):
                keys = [f"-{key}" for key in keys]
            year = _YEAR.fullmatch(said) is not None
            yield Figure(start, end, keys[0], frozenset(keys), year, _unit(text, start, end))
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


def _readings(said: str, times: str | None) -> list[str]:
    """What a number in digits may be: 1.500 is 1.5, and 1500 in other countries."""
    if re.fullmatch(_POINTED, said):
        said = said.replace(".", "")
    bare = re.sub(r"['’ \u00a0\u202f]|,(?=\d{3})", "", said).replace(",", ".")  # noqa: RUF001
    if times:
        return [_scaled(bare, _SCALES[times.lower()])]
    if re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", said):
        return [_scaled(bare, 0), bare.replace(".", "")]
    return [_scaled(bare, 0)]


def _scaled(value: str, zeros: int) -> str:
    whole, _, rest = value.partition(".")
    rest = rest.ljust(zeros, "0")
    whole, rest = (whole + rest[:zeros]).lstrip("0") or "0", rest[zeros:].rstrip("0")
    return f"{whole}.{rest}" if rest else whole


def _unit(text: str, start: int, end: int) -> str:
    found = _MEASURE.match(text, end) or _MONEY.search(text, max(start - 4, 0), start)
    return found.lastgroup or "" if found else ""


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
        words = re.findall(r"[^\W\d_]{3,}", said.lower())
        month = next(m for word in words if (m := _MONTHS.get(word[:4]) or _MONTHS.get(word[:3])))
        day = rest[0] if rest else None
    says = [f"month {month}"]
    if day is not None:
        says.append(f"{month:02}-{day:02}")
    if year is not None:
        says += [str(year), f"{year}-{month:02}"]
        if day is not None:
            says.append(f"{year}-{month:02}-{day:02}")
    return Figure(start, end, says[-1], frozenset(says), True)
