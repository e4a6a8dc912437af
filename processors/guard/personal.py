"""What a text holds of a person or a secret: numbers that check, addresses, keys; by kind."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from processors.guard.phones import phones

KINDS = ("ssn", "card", "iban", "email", "phone", "key")
LONGEST = 10_000  # characters that are looked at

# Nobody sees them, and they tear numbers apart: Unicode's Default_Ignorable_Code_Point.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
# As word processors write a hyphen between digits, and the minus.
_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212"), "-")
# Of no area, group or serial of zeros, and of no area 666 or above 899: none was ever issued.
_SSN = re.compile(
    r"(?<![\d-])(?!000|666|9\d\d)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\d-])"
    r"|(?<=ssn |ssn:)\s?\d{9}(?!\d)",
    re.IGNORECASE,
)
_CARD = re.compile(r"(?<![\w.-])[2-6](?:[ -]?\d){12,18}(?![\w-])")
_IBAN = re.compile(r"(?<!\w)[a-z]{2}\d{2}(?: ?[a-z0-9]){11,30}", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?!\w)")
_KEY = re.compile(
    r"(?<!\w)(?:sk-[\w-]{20,}|AKIA[0-9A-Z]{16}|gh[opsu]_\w{36}|github_pat_\w{22,}|xox[abprs]-[\w-]{10,}"
    r"|AIza[\w-]{35}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*)"
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"
    r"|(?i:api[ _-]?key|secret|passwor[dt]|access[ _-]?token)\s{0,3}(?:is\b[:=]?|[:=])\s{0,3}"
    r"(?=\S{0,80}\d)\S{8,80}"
)
_BLANK = re.compile(r"(?<![\d:=])\s(?!\d)")  # where a long text may be cut
# Characters of an account number by country (ISO 13616, SWIFT's registry).
_IBAN_LENGTHS = {
    n: codes.split()
    for n, codes in {
        15: "NO", 16: "BE", 18: "DK FI FO GL NL SD FK", 19: "MK SI", 20: "AT BA EE KZ LT LU XK MN",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ TL OM SO",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA",
        30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
}  # fmt: skip
_LENGTH = {code: length for length, codes in _IBAN_LENGTHS.items() for code in codes}


class Finding(NamedTuple):
    """One such thing, from `start` to `end` in the text as it was cleaned."""

    kind: str
    start: int
    end: int


def cleaned(text: str) -> str:
    """The text as it is looked at: digits and signs in their plain form, nothing unseen.

    What is longer than `LONGEST` is cut before: a plain form may have many times the characters.
    """
    text = text[:LONGEST]
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", _UNSEEN.sub("", text)).translate(_HYPHENS)


def findings(text: str) -> list[Finding]:
    """What a cleaned text holds, in order, none within another."""
    found: list[Finding] = []
    for kind, spans in _spans(text):
        for start, end in spans:
            if not any(each.start < end and start < each.end for each in found):
                found.append(Finding(kind, start, end))
    return sorted(found, key=lambda each: each.start)


def kinds(text: str) -> tuple[str, ...]:
    """The kinds of what a text holds."""
    return tuple(sorted({each.kind for each in findings(cleaned(text))}))


def masked(text: str) -> str:
    """The text, as far as it is looked at, with a word in place of each finding."""
    text = cleaned(text)
    for each in reversed(findings(text)):
        text = f"{text[: each.start]}[{each.kind}]{text[each.end :]}"
    return text


def _pause(text: str) -> int:
    """Where a long text may be cut: between sentences, or else where no number stands."""
    half = LONGEST // 2
    end = max(text.rfind(mark, half, LONGEST) for mark in (". ", "? ", "! ", "\n"))
    if end < 0:
        blanks = [*_BLANK.finditer(text, half, LONGEST)]
        return blanks[-1].end() if blanks else LONGEST
    return end + 1


def hidden(text: str, wanted: Collection[str]) -> str:
    """All of the text, with a word in place of what it holds of these kinds; else as it is."""
    if len(text) > LONGEST:
        end = _pause(text)
        return hidden(text[:end], wanted) + hidden(text[end:], wanted)
    plain = cleaned(text)
    found = [each for each in findings(plain) if each.kind in wanted]
    for each in reversed(found):
        plain = f"{plain[: each.start]}[{each.kind}]{plain[each.end :]}"
    return plain if found else text


def _spans(text: str) -> Iterator[tuple[str, Sequence[tuple[int, int]]]]:
    """Surest first: of two that overlap, the first counts."""
    yield "key", [match.span() for match in _KEY.finditer(text)]
    if "@" in text:
        yield "email", [match.span() for match in _EMAIL.finditer(text)]
    if sum(map(str.isdigit, text)) < 6:  # in none of these
        return
    yield "iban", [span for match in _IBAN.finditer(text) if (span := _iban(match))]
    cards = [match for match in _CARD.finditer(text) if _luhn(match[0])]
    yield "card", [match.span() for match in cards]
    yield "ssn", [match.span() for match in _SSN.finditer(text)]
    yield "phone", phones(text)


def _luhn(number: str) -> bool:
    """ISO/IEC 7812: every second digit from the right doubled, the sum a multiple of ten."""
    digits = [int(each) for each in reversed(number) if each.isdigit()]
    doubled = [sum(divmod(2 * each, 10)) for each in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _iban(match: re.Match[str]) -> tuple[int, int] | None:
    """Where the number ends that begins here, if its check digits are right (ISO 13616)."""
    length = _LENGTH.get(match[0][:2].upper(), 0)
    number, end = "", 0
    for at, each in enumerate(match[0]):
        if each != " ":
            number, end = number + each.upper(), at + 1
        if len(number) == length:
            break
    if len(number) != length or not number.isascii():
        return None
    value = int("".join(str(int(each, 36)) for each in number[4:] + number[:4]))
    return (match.start(), match.start() + end) if value % 97 == 1 else None
