"""Questions that look answerable and are not: one word of what the passage says is another."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from evaluation.research.reading.pairs import Pair

_NAME = re.compile(r"(?<=[a-z,] )(?:[A-Z][\w'’&.-]*)(?: (?:of |the )?[A-Z][\w'’&.-]*)*")  # noqa: RUF001
_NUMBER = re.compile(r"\b\d[\d,.]*\d\b|\b\d\b")
OPPOSITES = """
    minimum/maximum largest/smallest highest/lowest first/last most/least best/worst
    before/after incoming/outgoing domestic/foreign domestic/international personal/business
    monthly/annual monthly/yearly daily/weekly daily/monthly buy/sell open/close
    deposit/withdraw increase/decrease internal/external northern/southern eastern/western
    north/south east/west early/late earlier/later older/younger left/right start/end begin/end
    upper/lower inside/outside cause/prevent include/exclude included/excluded accept/reject
    add/remove lend/borrow win/lose won/lost born/died gain/lose import/export arrive/leave
    private/public male/female king/queen husband/wife father/mother son/daughter brother/sister
    long/short hot/cold summer/winter morning/evening day/night input/output send/receive
    sent/received checking/savings debit/credit fixed/variable short-term/long-term new/existing
    old/new adult/child major/minor primary/secondary direct/indirect positive/negative
    gross/net assets/liabilities revenue/expense employer/employee landlord/tenant buyer/seller
    lender/borrower patient/doctor teacher/student weekdays/weekends online/offline free/paid
    optional/mandatory permitted/prohibited
"""
_PAIRS = [(one, other) for one, _, other in (each.partition("/") for each in OPPOSITES.split())]
_BOTH = dict(_PAIRS) | {b: a for a, b in _PAIRS}
_WORD = re.compile(r"\w+(?:-\w+)?")


def changed(pairs: Sequence[Pair], seed: str) -> Iterator[Pair]:
    """Of each pair that answers, where that can be, a twin that does not.

    A name or number in the question that the passage has too gives way to another, or a word to
    its opposite that the passage has not.
    """
    rng = random.Random(f"changes {seed}")
    names = sorted({n for p in pairs[::5] for n in _NAME.findall(p.question) if len(n) > 3})
    for pair in pairs:
        if pair.spans == []:
            continue
        around = f"{pair.context} {pair.text}".lower()
        made = [
            *_renamed(pair, around, names, rng),
            *_renumbered(pair, around, rng),
            *_turned(pair, around),
        ]
        if made:
            yield replace(
                pair,
                group=f"{pair.group} changed",
                question=rng.choice(made),
                spans=[],
                mined=False,
            )


def _renamed(pair: Pair, around: str, names: Sequence[str], rng: random.Random) -> Iterator[str]:
    found = [n for n in _NAME.findall(pair.question) if n.lower() in around]
    if found and names:
        old, new = rng.choice(found), rng.choice(names)
        if new.lower() not in around and old.lower() not in new.lower():
            yield pair.question.replace(old, new)


def _renumbered(pair: Pair, around: str, rng: random.Random) -> Iterator[str]:
    for number in _NUMBER.findall(pair.question):
        if number in around and number.isdecimal() and len(number) < 7:
            new = str(max(int(number) + rng.choice((-7, -3, -2, -1, 1, 2, 3, 5, 10)), 1))
            if new not in around:
                yield re.sub(rf"\b{number}\b", new, pair.question)


def _turned(pair: Pair, around: str) -> Iterator[str]:
    for word in _WORD.findall(pair.question):
        other = _BOTH.get(word.lower())
        if other and word.lower() in around and not re.search(rf"\b{other}", around):
            yield re.sub(rf"\b{re.escape(word)}\b", other, pair.question)
