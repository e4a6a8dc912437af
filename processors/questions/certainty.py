"""How sure it is that the likeliest unit answers: signals, their weights, and a probability."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import exp, log

import numpy as np

from processors.questions.evidence import Asked
from processors.questions.kinds import wants_account, wants_list, wants_more, wants_steps
from processors.questions.weighing import LEAST, OTHER, Passage, Unit

# How the signals weigh was set so that it carries over to other ways of asking, but for `alone`,
# `inside` and `nearest`, which `python -m evaluation.research.reading.fitting` fits; `calibrated`
# makes a probability of their sum.
EVIDENCE = {
    "said": 0.437,
    "alone": 0.54,
    "held": 0.194,
    "inside": 1.87,
    "nearest": 0.4,
    "cosine": 5.831,
    "near": 0.544,
    "elsewhere": -1.166,
    "ahead": 0.243,
    "kind": 3.0,
    "agreed": 0.68,
    "lost": -3.2,
    "blank": -7.0,
}
INTERCEPT = -8.414
# What is asked in many words, of which a sentence may say all and answer none, or takes more than a
# sentence to tell, is seldom told in one.
FORM = {
    "more": -3.5,  # it asks to be told more than is written
    "account": -2.0,  # what takes a list or more, where there is one sentence
    "part": -1.9,  # other things are asked with it
    "word": -0.4,  # each that is asked beyond `_BRIEF`
}
_BRIEF = 8
# Logistic regression over held-out questions, two fifths without their passage: all bonuses are in
# the sum. `python -m evaluation.research.reading.calibrate` fits them, and prints what follows.
SCALE, SHIFT = 0.532, 0.019
# Of those questions, the share that is right of what has at least so much evidence.
THRESHOLDS = (
    (0.657, 0.2),
    (0.681, 0.25),
    (0.715, 0.3),
    (0.74, 0.35),
    (0.753, 0.4),
    (0.785, 0.5),
    (0.822, 0.6),
    (0.865, 0.7),
    (0.865, 0.8),
    (0.932, 0.9),
)
_HERE = 1.9  # for an identifier that is there; less where what is asked stands elsewhere alone
_DOUBTFUL = -3.0  # the least that a reader's logit counts: in other words than the passage's, less
_ALL = 0.95  # of what is asked
_AHEAD = 4.0  # more than that ahead of other passages says nothing more


# Where similarity and words alone find so much evidence too, what was asked in other words than the
# passage's may be answered.
_AGREED = 0.62


def signals(
    question: Asked, units: Sequence[Unit], known: frozenset[str], strength: float
) -> dict[str, float]:
    """What tells whether the likeliest of `units` answers; `known` are the words of all passages.

    `strength` is the evidence of similarity and words alone.
    `elsewhere` is the share of what is asked that other passages speak of, and it does not: who
    wrote of it would have used their words.
    """
    best = units[0]
    other = next((u.score for u in units if u.rank != best.rank), best.score - _AHEAD)
    there = best.own | best.sentence.near
    names = best.names
    weight = sum(term.weight for term in question.terms)
    named = sum(t.weight for t in question.terms if t.key in names)
    lost = sum(t.weight for t in question.terms if t.key in known and t.key not in there)
    return {
        "said": max(best.said, _DOUBTFUL),
        "alone": max(best.said if best.alone is None else best.alone, _DOUBTFUL),
        "held": log(max(best.held, LEAST)),
        "inside": best.held,
        "nearest": float(all(u.sentence.cosine <= best.sentence.cosine for u in units)),
        "cosine": best.sentence.cosine,
        "near": best.near,
        "elsewhere": lost / weight if weight else 0.0,
        "named": named / weight if weight else 0.0,
        "own": float(any(t.key in there and t.key not in names for t in question.terms)),
        "ahead": min(best.score - other, _AHEAD),
        "kind": float(best.kind),
        "agreed": float(strength >= _AGREED),
        "lost": best.lost,
        "blank": float(any(t.key in best.sentence.blank - there for t in question.terms)),
    }


_SOUGHT = re.compile(r"\be-?mail\b|\b(?:tele)?phone\b|\bweb ?site\b|\burl\b", re.IGNORECASE)
_REACHED = re.compile(r"\S@\S+\.\w|https?://|www\.|\+?\d[\d ()/-]{6,}\d")


def calibrated(logit: float) -> float:
    """The probability that what gained so much answers."""
    return 1.0 / (1.0 + exp(-max(min(SCALE * logit + SHIFT, 50.0), -50.0)))


def demanded(question: Asked) -> float:
    """What the form of a question adds to the logit of any answer to it: nothing, or less."""
    return (
        FORM["word"] * max(len(question.terms) - _BRIEF, 0)
        + FORM["more"] * wants_more(question.text)
        + FORM["part"] * question.part
    )


def of_others(best: Unit, passages: Sequence[Passage]) -> bool:
    """Whether all that is asked is said of another thing than the one that is named."""
    return not best.all_said and any(
        unit.all_said and unit.kind and unit.fits < best.fits - OTHER
        for each in passages
        for unit in each.units
    )


def evidence(
    question: Asked,
    units: Sequence[Unit],
    known: frozenset[str],
    strength: float,
    *,
    others: bool = False,
) -> float:
    """The probability that the likeliest of `units`, which were read, answers.

    `others`: what is asked is said of another thing.
    """
    found = signals(question, units, known, strength)
    listed = wants_list(question.text) or wants_steps(question.text)
    whole = listed and units[0].listed is not None
    logit = INTERCEPT + sum(weight * found[name] for name, weight in EVIDENCE.items())
    there = units[0].own | units[0].sentence.near
    if question.names and not question.missing(there, identifiers=True):
        logit += _HERE  # a network knows no identifiers
    if others:
        logit -= _HERE
    logit += demanded(question)
    if wants_account(question.text) and not whole:
        logit += FORM["account"]
    unsure = units[0].alone is None or min(found["said"], found["alone"]) < 0
    if unsure and not found["own"] and found["elsewhere"] + found["named"] > _ALL:
        logit -= _HERE  # all that is asked of what is named stands elsewhere
    if units[0].cell:
        logit += _HERE  # nor tables: its row and its column are asked for by their names
    if _SOUGHT.search(question.text) and _REACHED.search(units[0].reads):
        logit += _HERE  # nor addresses
    return calibrated(logit)


def threshold(precision: float) -> float:
    """The evidence that is needed for `precision` of what is answered to be right, held out."""
    wanted, needed = zip(*THRESHOLDS, strict=True)
    return float(np.interp(precision, wanted, needed))
