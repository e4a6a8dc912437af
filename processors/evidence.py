"""How well candidates answer a question: signals per sentence, and one score for the whole.

No model is called: similarity is what retrieval stored, the rest is words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp
from typing import Literal, NamedTuple

from schemas.events import Candidate

Kind = Literal["prose", "row", "heading", "code"]

_TOKEN = re.compile(r"[^\W_]+(?:[-./:_'’@+][^\W_]+)*(?:\(\d+\))*")  # noqa: RUF001
_PART = re.compile(r"[^\W_]+")
_NUMBER_WORDS = frozenset(
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve"]
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that say how something is asked rather than what about.
_ASKING = _words("""
    a about after all also am an and any are as at be because been before being between both but by
    can could did do does doing down during each either else for from had has have having he her
    here hers him his how i if in into is it its just let many may me might more most much must my
    no nor not of off on once one only or other our out over own per please same shall she should so
    some still such tell than that the their them then there these they this those through to too
    under until up upon us very was we were what when where whether which while who whom whose why
    will with within without would you your s t re ve ll d
    called describe exactly explain give given happen happened kind long make mean meaning means
    name named purpose type types used using use
""")
_SUFFIXES = tuple(
    "ations ation ements ement ments ment ingly ings ing ances ance ancy ants ant ences ence ency "  # noqa: SIM905
    "als al ions ion ities ity ers er ors or ies ied edly ed es s ly y e".split()
)
_QUANTITY = re.compile(
    r"\b(?:how (?:many|much|long|old|often|far|high|large|big|tall|soon|quickly|late|early|fast)|"
    r"percent\w*|rates?|fees?|charges?|costs?|price|amount|limit|margin|number of|maximum|minimum|"
    r"smallest|largest|what (?:time|year|date|day|number|age|fraction|share)|when)\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"\b(?:which|what) (?:\w+ )?(?:form|code|policy|reference|id|ticket)\b", re.I)
_DIGIT = re.compile(r"\d")


class Term(NamedTuple):
    """What a question asks about: a stem, or an identifier or number as it is written."""

    key: str
    weight: float
    exact: bool
