"""Lists that are asked for: by what they are for, as their headings say in words of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from processors.questions.certainty import calibrated, demanded
from processors.questions.evidence import Asked
from processors.questions.quotes import Quote
from processors.questions.quoting import readable
from processors.questions.weighing import Passage
from processors.questions.wholes import UNREAD, Found, Whole, candidates, listed
from processors.text.orders import is_order

# What a list is for, as a question asks for it and as a heading says it.
_PURPOSES = [
    (re.compile(question, re.IGNORECASE), re.compile(heading, re.IGNORECASE))
    for question, heading in (
        (
            r"\b(?:papers?|documents?|documentation|paperwork|proofs?|prove|hand in|provide|submit"
            r"|bring|needs?|needed|details|information|evidence|forms?|records?|unterlagen)\b",
            r"\b(?:document\w*|requir\w+|need\w*|prepare|proofs?|provide|submit|evidence|bring"
            r"|information|paperwork|apply|unterlagen|benötig\w+)\b",
        ),
        (
            r"\b(?:conditions?|criteri\w+|requirements?|must be|qualif\w+|eligib\w+|allowed"
            r"|prerequisites?|voraussetzung\w*)\b",
            r"\b(?:conditions?|criteri\w+|requirements?|eligib\w+|qualif\w+|prerequisites?|before"
            r"|voraussetzung\w*|bedingung\w*)\b",
        ),
        (
            r"\b(?:kinds?|types?|sorts?|categor\w+|examples?|counts?|falls? under|regarded"
            r"|arten)\b",
            r"\b(?:categor\w+|qualif\w+|examples?|types?|kinds?|counts?|eligible|recogni\w+"
            r"|arten)\b",
        ),
        (
            r"\b(?:includ\w+|cover\w*|come with|comes with|benefits?|perks?|advantages?)\b",
            r"\b(?:includ\w+|cover\w*|benefits?|perks?|features?|you get|advantages?)\b",
        ),
    )
]
_DENIED = re.compile(
    r"\bnon-|\bnot\b|\bexclu|\bexcept|\binelig|\bwithout\b|n['’]t\b",  # noqa: RUF001
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"\b(?:tips?|practices?|notes?|troubleshooting|guidance|considerations?|hinweise?|tipps)\b",
    re.IGNORECASE,
)
_SAID = 0.4  # by the reader's logit, above the least that counts
_PURPOSE = 1.5
_NAMING = 0.7  # by points that name things, and are no sentences
_AGAINST = 2.0  # less under a heading that denies what was asked, or the reverse
_BESIDE = 1.5  # less under a heading of what stands beside
_ORDERS = 1.0  # less for points that tell what to do
_INTERCEPT = -12.0


def listing(asked: Asked, passages: Sequence[Passage], said: Mapping[int, float]) -> Found | None:
    """The likeliest list of `passages`; `said` is what a reader says of those it read."""
    found = [
        (logit(asked, each, share, said), each)
        for passage, share in candidates(passages)
        for each in listed(passage)
    ]
    if not found:
        return None
    best, each = max(found, key=lambda one: one[0])
    quote = Quote(each.unit, each.start, each.end, each.reads)
    return Found((quote,), each.reads, calibrated(best + demanded(asked)))


def logit(asked: Asked, each: Whole, share: float, said: Mapping[int, float]) -> float:
    """How likely a list is asked for, as a logit; set by hand."""
    heading = " ".join(each.heads[-2:])
    points = [readable(point) for point in each.points]
    ordering = sum(map(is_order, points)) / len(points)
    naming = sum(not point.endswith(".") for point in points) / len(points)
    denied, denies = (_DENIED.search(text) is not None for text in (heading, asked.text))
    purpose = (denied and denies) or any(
        question.search(asked.text) and purpose.search(heading) for question, purpose in _PURPOSES
    )
    return (
        each.nearness(asked, share)
        + _SAID * max(said.get(each.passage.rank, UNREAD) - UNREAD, 0.0)
        + _PURPOSE * purpose
        + _NAMING * naming
        - _AGAINST * (denied != denies)
        - _BESIDE * (_ASIDE.search(heading) is not None)
        - _ORDERS * ordering
        + _INTERCEPT
    )
