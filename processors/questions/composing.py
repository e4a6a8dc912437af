"""What is shown beside the best quote: documents that contradict it, or what other things have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from processors.questions.claims import contradict
from processors.questions.kinds import wants_list, wants_steps
from processors.questions.quotes import Quote, widened
from processors.questions.quoting import joined
from processors.questions.subjects import core, names_of, words_of
from processors.questions.weighing import Passage, Unit
from schemas.events import Candidate

DIFFER = "The documents differ."
# Sentences that are held against the best one to find contradictions, a millisecond each at most.
_COMPARED = 20
_OTHERS = 3  # things that are shown beside the first, where the question names none
_DIFFERENT = 2  # values of things that are shown beside what is said of none
_ALIKE = 0.85  # share of the best one's terms that another thing's sentence must have
_NEAR = 0.12  # by which its similarity may be less
_PLACES = frozenset(  # of provisions, which are no things
    ("part", "section", "chapter", "rule", "article", "annex", "appendix", "schedule", "teil")
)
_WHICH = re.compile(
    r"\A\W*(?:which|what|whose|welche\w*)\s+(?:\w+\s+)?(?:account|card|loan|fund|plan|policy|product"
    r"|tariff|package|service|model|department|branch|document|team|scheme|konto|karte)s?\b",
    re.IGNORECASE,
)
_MEASURES = [
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("share", r"\d\s?(?:%|per ?cent\b|prozent\b)"),
        ("money", r"[$€£¥]\s?\d|\d\s?(?:[$€£¥]|(?:eur|usd|gbp|chf|euros?|dollars?|pounds?)\b)"),
        ("time", r"\d[\s-]?(?:\w+[\s-])?(?:second|minute|hour|day|week|month|year|tag|jahr)"),
    )
]
_FIGURE = re.compile(r"\d[\d,.]*")


def composed(
    question: str, best: Quote, passages: Sequence[Passage], named: bool
) -> tuple[list[Quote], str]:
    """All that is quoted, and how it reads. `named`: the question says which thing it means."""
    if not named and not (wants_steps(question) or wants_list(question)):
        others = _of_others(best, passages)
        if others:
            shown = [best, *others]
            said = [
                f"{_called(passages[q.unit.rank].candidate)}: {joined([q.reads])}" for q in shown
            ]
            return shown, f"It depends on which is meant. {' '.join(said)}"
    differing = _contradicting(best, passages)
    if len(differing) > 1:
        said = [
            f"{_source(passages[q.unit.rank].candidate)}: {joined([q.reads])}" for q in differing
        ]
        return differing, f"{DIFFER} {' '.join(said)}"
    said = best.reads if "\n" in best.reads else joined([best.reads])
    candidate = passages[best.unit.rank].candidate
    if _WHICH.search(question) and not named:  # the thing itself is asked for
        thing = _thing(candidate) or candidate.title
        if thing and not set(words_of(thing)) <= set(words_of(said)):
            said = f"{thing}: {said}"
    return [best], said


def _of_others(best: Quote, passages: Sequence[Passage]) -> list[Quote]:
    """What is said of other things in as many of the question's words, with other figures."""
    first = _thing(passages[best.unit.rank].candidate)
    figures = _figures(best.reads)
    if not figures:
        return []
    found: dict[str, Unit] = {}
    for passage in passages:
        thing = _thing(passage.candidate)
        if not thing or thing == first or not passage.units:
            continue
        unit = max(passage.units, key=lambda u: u.words)
        alike = unit.near >= _ALIKE * best.unit.near
        near = unit.sentence.cosine >= best.unit.sentence.cosine - _NEAR
        same = _sorts(unit.reads) & _sorts(best.reads) or not _sorts(best.reads)
        if alike and near and same and _figures(unit.reads) and _figures(unit.reads) != figures:
            known = found.setdefault(thing, unit)
            if unit.words > known.words:
                found[thing] = unit
    likeliest = sorted(found.values(), key=lambda u: -u.words)[:_OTHERS]
    if not first and len({_figures(unit.reads) for unit in likeliest}) < _DIFFERENT:
        return []  # what is said of no thing in particular may hold for all
    return [widened(unit, passages) for unit in likeliest]


def _sorts(text: str) -> frozenset[str]:
    """What its figures measure: a share of something and a time are no two values of one thing."""
    return frozenset(name for name, pattern in _MEASURES if pattern.search(text))


def _figures(text: str) -> frozenset[str]:
    return frozenset(each.rstrip(".,") for each in _FIGURE.findall(text))


def _called(candidate: Candidate) -> str:
    return _thing(candidate) or candidate.title or candidate.doc_id


def _thing(candidate: Candidate) -> str:
    """What a document is about, where its title names it; empty where it names nothing."""
    for name in names_of(candidate.title):
        if core(name) and any(word.isalpha() and word not in _PLACES for word in name):
            said = re.search(r"[\s-]+".join(map(re.escape, name)), candidate.title, re.IGNORECASE)
            return said[0] if said else " ".join(name)
    return ""


def _contradicting(best: Quote, passages: Sequence[Passage]) -> list[Quote]:
    """The best quote and sentences of other documents that contradict it, the newest first.

    They have the same words, and cover as much of the question with what they stand under: so that
    the fees of two products are no contradiction if it names one. One sentence for each document.
    """
    unit = best.unit
    by_document = {passages[unit.rank].candidate.doc_id: best}
    others = [
        other
        for passage in passages
        for other in passage.units
        if other.near == unit.near and other.fits >= unit.fits
    ]
    for other in sorted(others, key=lambda each: -each.words)[:_COMPARED]:
        doc_id = passages[other.rank].candidate.doc_id
        if doc_id not in by_document and contradict(unit.reads, other.reads):
            by_document[doc_id] = widened(other, passages)
    if len(by_document) == 1:
        return [best]
    return sorted(by_document.values(), key=lambda q: -passages[q.unit.rank].candidate.changed_at)


def _source(candidate: Candidate) -> str:
    try:
        day = f", {datetime.fromtimestamp(candidate.changed_at / 1000, UTC).date().isoformat()}"
    except (ValueError, OverflowError, OSError):  # a record's timestamp may be any number
        day = ""
    return f"{candidate.title or candidate.doc_id} ({candidate.doc_id}{day})"
