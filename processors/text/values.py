"""What sort of thing a cell or a short line says: a number, a date, a name; or nothing at all."""

from __future__ import annotations

import re

# In a cell these stand for no value; a dash does too.
_ABSENT = re.compile(
    r"""[\[(<{]?\s*(?:(?:value|wert|valeur|data|information|figure|amount)?\s*
        (?:not?\s+(?:yet\s+)?(?:available|applicable|known|given|specified|provided)
          |unavailable|unknown|to\s+be\s+(?:confirmed|determined|decided|announced)
          |nicht\s+(?:verfügbar|bekannt|zutreffend)|(?:noch\s+)?offen
          |non\s+(?:disponible|applicable|renseigné|communiqué))
        |n\.?/?\s?a\.?|n\.?\s?v\.?|k\.\s?a\.|tb[acd]|\#n/a|\#[A-Z0-9/]{2,7}[!?]|nan|null|none
        |x{3,}|\?{2,}|\.{3}|…|[-\u2013\u2014_]+)\s*[\])>}]?\.?""",
    re.VERBOSE | re.IGNORECASE,
)
_DIGITS = r"[-+(\u2212]?\d[\d.,'’ \u00a0\u202f]*\)?"  # noqa: RUF001
_MONEY = r"(?:[A-Z]{2,3}\$?|[€$£¥₹]|[Kk]r\.?|CHF|EUR|Euro|USD|GBP)"
_MONTHS = (
    r"(?:jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]|janv|févr|mars|avr|juin|juil"
    r"|août|déc)[a-zéû]*\.?"
)
_KINDS = (
    ("year", r"(?:19|20)\d\d"),
    ("date", r"\d{4}-\d\d?-\d\d?(?:[ T]\d\d?:\d\d(?::\d\d)?)?|\d\d?[./]\d\d?[./]\d{2,4}"),
    ("date", rf"\d{{1,2}}\.?(?:er|st|nd|rd|th)?[ -]{_MONTHS}[ -]\d{{2,4}}"),
    ("date", rf"{_MONTHS} \d{{1,2}},? \d{{4}}"),
    ("time", r"\d{1,2}[:.h]\d\d(?::\d\d)?(?: ?(?:[ap]\.?m\.?|h|Uhr|o'clock))?"),
    ("share", rf"{_DIGITS}\s?(?:%|‰|per ?cent|percent|Prozent|bps?)(?: ?p\.? ?a\.?)?"),
    ("money", rf"{_MONEY}\s?{_DIGITS}(?:[kmMn]|bn| ?million)?|{_DIGITS}\s?{_MONEY}"),
    ("number", _DIGITS),
    ("measure", rf"{_DIGITS}[ \u00a0-]?[^\W\d_][^\d|]{{0,28}}"),
    ("place", r"\S+@\S+\.\S+|(?:https?://|www\.)\S+|\+\d[\d ()/-]{6,}"),
    ("truth", r"(?:TRUE|FALSE|[Yy]es|[Nn]o|[Jj]a|[Nn]ein|[Oo]ui|[Nn]on|[✓✗☐☒☑])"),
)
_KIND = re.compile(
    "|".join(f"(?P<_{at}>{pattern})" for at, (_, pattern) in enumerate(_KINDS)), re.IGNORECASE
)
_LONGEST = 60


def absent(text: str) -> bool:
    """Whether a cell says that there is no value, or says nothing."""
    stripped = text.strip()
    return not stripped or (len(stripped) <= _LONGEST and bool(_ABSENT.fullmatch(stripped)))


_HOLE = re.compile(r"[\[<{][^\[\]<>{}\n]{2,40}[\]>}]")
# What nobody has filled in yet: a blank, a variable, crosses for figures, "to be decided".
_UNFILLED = re.compile(
    r"""_{3,}|\{\{[^{}\n]{1,60}\}\}|\$\{[^{}\n]{1,60}\}|<<[^<>\n]{1,60}>>
      |[\[<](?:insert\b[^\[\]<>\n]{0,40}|(?:the\s)?(?:amount|value|rate|fee|price|number|date|name|limit
        |percentage|currency|figure)|betrag|wert|datum|montant|valeur)[\]>]
      |\bTB[ACD]\b|\b[Nn]/[Aa]\b|[$€£]\s?X+\b
      |\bX{2,}\s?(?:%|[$€£]|EUR|USD|per\s?cent|percent|euros?|dollars?|pounds?|crowns?|days?|weeks?|months?
        |years?|hours?|minutes?)
      |\bto\ be\ (?:confirmed|determined|decided|announced|defined)\s*[.;]?\s*\Z
      |\bwird\ noch\ (?:festgelegt|bestimmt|bekannt\ gegeben)\s*[.;]?\s*\Z
      |\bà\ (?:définir|déterminer|confirmer|préciser)\s*[.;]?\s*\Z""",
    re.VERBOSE,
)


def holed(text: str) -> bool:
    """Whether something stands there in place of a value: "a fee of [value not available]"."""
    if _UNFILLED.search(text):
        return True
    return any(absent(found[0]) for found in _HOLE.finditer(text))


def kind_of(text: str) -> str:
    """What sort of value a cell holds: "number", "date", ...; "text" for words, "" for nothing."""
    stripped = text.strip().strip("*_")
    if absent(stripped):
        return ""
    found = _KIND.fullmatch(stripped) if len(stripped) <= _LONGEST else None
    return _KINDS[int(found.lastgroup[1:])][0] if found and found.lastgroup else "text"
