"""Numbers, dates and durations of a sheet as its number formats show them.

Two things are said more plainly than they are shown: years have four digits, and a date whose
digits begin with the month, or are in the order of whoever looks, is year-month-day.
"""

from __future__ import annotations

import datetime
import math
import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<quoted>"[^"]*"?)|\\(?P<escaped>.)|_.|\*.
      |\[(?P<elapsed>h+|m+|s+)\]|\[\$(?P<money>[^\]\-]*)(?:-(?P<locale>[0-9A-Fa-f]+))?[^\]]*\]
      |\[(?P<condition>(?:<>|<=|>=|<|>|=)[^\]]*)\]|\[[^\]]*\]
      |(?P<half>AM/PM|A/P)|(?P<general>General)|(?P<power>E[+-])
      |(?P<date>y+|m+|d+|h+|s+(?:\.0+)?|e+|g+)|(?P<digits>[0\#?]+)|(?P<sign>[.,%/@])|(?P<other>.)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_BY_LOCALE = {
    "07": ("Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
           "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag"),
    "0C": ("janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
           "lundi mardi mercredi jeudi vendredi samedi dimanche"),
}  # fmt: skip
_ENGLISH = (
    "January February March April May June July August September October November December",
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
)
# Shown in the order of whoever looks.
_OPEN = ("mm-dd-yy", "m/d/yy", "m/d/yyyy", "m/d/yy h:mm", "mm/dd/yy")
_LONGEST = 255  # of a format, as spreadsheet programs take it: reading one takes its square
Moment = datetime.datetime | datetime.date | datetime.time


class _Part(NamedTuple):
    kind: str
    text: str


class _Section(NamedTuple):
    parts: tuple[_Part, ...]
    condition: str = ""
    locale: str = ""


def shown_number(value: float, form: str) -> str:
    """A number as its format shows it; nothing where the format hides it.

    Plainly, where the number or what the format makes of it is beyond all counting.
    """
    try:
        if math.isfinite(value):
            return _shown_number(value, form)
    except OverflowError:
        pass
    return str(value)


def _shown_number(value: float, form: str) -> str:
    sections = _sections(form)
    section, negative = _chosen(sections, value)
    kinds = {part.kind for part in section.parts}
    if "general" in kinds or not section.parts:
        if not section.parts and len(sections) > 1:
            return ""
        around = "".join(p.text if p.kind == "text" else "\0" for p in section.parts) or "\0"
        return around.replace("\0", ("-" if negative else "") + _general(abs(value)), 1).strip()
    text = _filled(abs(value), section.parts)
    if not any(part.kind == "digits" for part in section.parts):
        return "0" if value == 0 else text  # "-" for nothing
    return f"-{text}" if negative else text


def shown_text(value: str, form: str) -> str:
    """A text as its format shows it."""
    sections = _sections(form)
    if len(sections) < 4:
        return value
    return "".join(value if p.text == "@" else p.text for p in sections[3].parts).strip()


def shown_moment(value: Moment, form: str) -> str:
    """A date, a time or both as their format shows them."""
    section = next(iter(_sections(form)))
    parts = [part for part in section.parts if part.kind == "date"]
    if not parts or form.lower() in _OPEN or _month_first(parts):
        return _plainly(value)
    return " ".join(_dated(value, section).split())


def shown_duration(value: datetime.timedelta, form: str) -> str:
    """A duration in the units that its format counts."""
    total = round(value.total_seconds())
    sign, total = ("-", -total) if total < 0 else ("", total)
    written: list[str] = []
    for part in _sections(form)[0].parts:
        unit, count = part.text[:1].lower(), len(part.text)
        if part.kind == "elapsed":
            number = {"h": total // 3600, "m": total // 60, "s": total}[unit]
            total -= number * {"h": 3600, "m": 60, "s": 1}[unit]
            written.append(f"{number:0{count}d}")
        elif part.kind == "date":
            number = {"h": total // 3600 % 24, "m": total // 60 % 60, "s": total % 60}.get(unit, 0)
            written.append(f"{number:0{min(count, 2)}d}")
        else:
            written.append(part.text)
    return sign + "".join(written).strip() if written else str(value)


@lru_cache(maxsize=1024)
def _sections(form: str) -> tuple[_Section, ...]:
    if len(form) > _LONGEST:
        form = "General"
    sections: list[_Section] = []
    parts: list[_Part] = []
    condition = locale = ""
    for found in _TOKEN.finditer(form):
        kind, text = found.lastgroup or "", found[0]
        if kind == "other" and text == ";":
            sections.append(_Section(tuple(parts), condition, locale))
            parts, condition = [], ""
        elif kind in ("money", "locale"):
            locale = (found["locale"] or "")[-2:].upper() or locale
            parts.append(_Part("text", found["money"] or ""))
        elif kind == "condition":
            condition = found["condition"]
        elif kind in ("quoted", "escaped", "other"):
            parts.append(_Part("text", found["escaped"] or text.strip('"')))
        elif kind:
            said = found["elapsed"] if kind == "elapsed" else text
            parts.append(_Part(kind, said))
    sections.append(_Section(tuple(parts), condition, locale))
    return tuple(sections)


def _chosen(sections: tuple[_Section, ...], value: float) -> tuple[_Section, bool]:
    """The section for a number, and whether a minus has to be written."""
    if any(section.condition for section in sections):
        for section in sections[:3]:
            if not section.condition or _holds(section.condition, value):
                return section, value < 0
        return _Section((_Part("general", "General"),)), value < 0
    if value < 0 and len(sections) > 1:
        return sections[1], False
    if value == 0 and len(sections) > 2:
        return sections[2], False
    return next(iter(sections)), value < 0


def _holds(condition: str, value: float) -> bool:
    sign = re.match(r"<>|<=|>=|[<>=]", condition)
    try:
        bound = float(condition[len(sign[0]) if sign else 0 :])
    except ValueError:
        return False
    return {"<": value < bound, ">": value > bound, "=": value == bound, "<=": value <= bound,
            ">=": value >= bound, "<>": value != bound}[sign[0] if sign else "="]  # fmt: skip


def _general(value: float) -> str:
    whole = isinstance(value, int) or (value.is_integer() and value < 1e15)
    return str(int(value)) if whole else f"{value:.10g}"


def _filled(value: float, parts: tuple[_Part, ...]) -> str:
    kinds = [part.kind for part in parts]
    texts = [part.text for part in parts]
    if "/" in texts and "digits" in kinds:
        return _fraction(value, texts)
    if "digits" not in kinds:
        return " ".join(
            "".join(t for t, k in zip(texts, kinds, strict=True) if k != "sign").split()
        )
    value *= 100 ** texts.count("%")
    places = [i for i, kind in enumerate(kinds) if kind == "digits"]
    first, last = places[0] if places else 0, places[-1] if places else 0
    point = texts.index(".") if "." in texts else len(texts)
    if "power" in kinds:
        power = kinds.index("power")
        decimals = sum(len(texts[i]) for i in places if point < i < power)
        mantissa, exponent = f"{value:.{decimals}E}".split("E")
        written = f"{mantissa}E{exponent[0]}{exponent[1:].rjust(2, '0')}"
        return "".join(texts[:first]) + written + "".join(texts[last + 1 :])
    whole_places = [i for i in places if i < point]
    end = whole_places[-1] if whole_places else first
    scale = next(
        (n for n, text in enumerate(texts[last + 1 :]) if text != ","), len(texts) - last - 1
    )
    value /= 1000**scale
    grouped = any(texts[i] == "," for i in range(first, end))
    fraction = "".join(texts[i] for i in places if i > point)
    number = f"{value:.{len(fraction)}f}"
    whole, _, rest = number.partition(".")
    least = sum(texts[i].count("0") for i in whole_places)
    while rest and fraction[len(rest) - 1] in "#?" and rest.endswith("0"):
        rest = rest[:-1]
    whole = whole.lstrip("0").rjust(least, "0")
    between = any(kinds[i] == "text" and texts[i] for i in range(first, end))
    if grouped and not between:
        whole = f"{int(whole):,}".rjust(least, "0") if whole else whole
    digits = _among(whole, texts[first : end + 1], kinds[first : end + 1]) if between else whole
    written = digits + (f".{rest}" if rest else "")
    before = "".join(
        t for t, k in zip(texts[:first], kinds[:first], strict=True) if k != "sign" or t == "%"
    )
    after = "".join(
        t
        for t, k in zip(texts[last + 1 :], kinds[last + 1 :], strict=True)
        if k != "sign" or t == "%"
    )
    return " ".join(f"{before}{written}{after}".split())


def _among(digits: str, texts: list[str], kinds: list[str]) -> str:
    """Digits in their places among other signs: 0000-000 shows 123 as 0000-123."""
    left = list(digits)
    written: list[str] = []
    for text, kind in reversed(list(zip(texts, kinds, strict=True))):
        if kind == "digits":
            for _ in text:
                written.append(left.pop() if left else "")
        elif kind == "text":
            written.append(text[::-1])
    return "".join(left) + "".join(reversed(written))


def _fraction(value: float, texts: list[str]) -> str:
    at = texts.index("/")
    below = texts[at + 1] if at + 1 < len(texts) else "?"
    exact = Fraction(value).limit_denominator(10 ** min(max(len(below), 1), 3) - 1)
    whole, rest = divmod(exact.numerator, exact.denominator)
    if sum(text[:1] in ("#", "?", "0") for text in texts[:at]) < 2:
        return f"{exact.numerator}/{exact.denominator}"
    part = f"{rest}/{exact.denominator}" if rest else ""
    return " ".join(filter(None, [str(whole) if whole or not rest else "", part]))


def _month_first(parts: list[_Part]) -> bool:
    """Whether a date in digits begins with the month, which reads as a day elsewhere."""
    order = [part.text[0].lower() for part in parts if part.text[0].lower() in "ymd"]
    named = any(len(part.text) > 2 for part in parts if part.text[0].lower() == "m")
    return not named and order[:2] == ["m", "d"]


def _plainly(value: Moment) -> str:
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    return value.isoformat()


def _dated(value: Moment, section: _Section) -> str:
    months, days = (names.split() for names in _BY_LOCALE.get(section.locale, _ENGLISH))
    half = any(part.kind == "half" for part in section.parts)
    clock = (
        value
        if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime)
        else None
    )
    day = value if not isinstance(value, datetime.time) else None
    hour, minute, second = (clock.hour, clock.minute, clock.second) if clock else (0, 0, 0)
    written: list[str] = []
    units = [
        part.text[0].lower() if part.kind in ("date", "elapsed") else "" for part in section.parts
    ]
    for at, part in enumerate(section.parts):
        unit, count = units[at], len(part.text)
        if part.kind == "half":
            written.append("AM" if hour < 12 else "PM")
        elif not unit:
            written.append(part.text)
        elif unit == "m" and _is_minute(units, at):
            written.append(f"{minute:0{min(count, 2)}d}")
        elif unit in "hs":
            number = ((hour - 1) % 12 + 1 if half else hour) if unit == "h" else second
            written.append(f"{number:0{min(count, 2)}d}")
        elif day is None:
            continue
        elif unit == "y":
            written.append(str(day.year))
        elif unit == "m":
            name = months[day.month - 1]
            written.append(
                name if count > 3 else name[:3] if count == 3 else f"{day.month:0{count}d}"
            )
        elif unit == "d":
            name = days[day.weekday()]
            written.append(
                name if count > 3 else name[:3] if count == 3 else f"{day.day:0{count}d}"
            )
    return "".join(written)


def _is_minute(units: list[str], at: int) -> bool:
    before = next((unit for unit in reversed(units[:at]) if unit), "")
    after = next((unit for unit in units[at + 1 :] if unit), "")
    return before == "h" or after == "s"
