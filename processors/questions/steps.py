"""Steps that are asked for: of what tells someone what to do, that which the question is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from processors.questions import numbered
from processors.questions.certainty import calibrated, demanded
from processors.questions.evidence import Asked
from processors.questions.numbered import first, last
from processors.questions.quotes import Quote
from processors.questions.quoting import readable
from processors.questions.weighing import Passage, Unit
from processors.questions.wholes import UNREAD, Found, Whole, candidates, listed
from processors.text.orders import is_order
from schemas.events import Candidate

_LEAST_TOLD = 0.6  # share of the points that must tell someone to do something
_PROSE = 2 / 3  # of the sentences of a paragraph, where no marks say that they are points
_HOW = re.compile(
    r"\bhow (?:to|do|can)\b|\bsteps?\b|\bprocedures?\b|\binstructions?\b|\bguide\b"
    r"|\bprocess\b|\bso geht\b|\banleitung\b|\bschritte?\b|\bétapes?\b",
    re.IGNORECASE,
)
# What stands beside a procedure in the same form.
_BESIDE = re.compile(
    r"\b(?:tips?|practices?|notes?|troubleshooting|prerequisites?|before|good to know|benefits?"
    r"|eligib\w+|requirements?|after|next|faqs?|limits?|fees?|manag\w+|happens|considerations?"
    r"|hinweise?|tipps|danach|conseils?)\b",
    re.IGNORECASE,
)
# What the logit of being asked for gains beside nearness; set by hand.
_SAID = 0.2  # by the reader's logit, above the least that counts
_CALLED = 0.7  # by a heading that says so: "How to ..."
_NUMBERED = 0.7
_ASIDE = 1.5  # less under a heading of what stands beside a procedure
_INTERCEPT = -12.2


def steps(asked: Asked, passages: Sequence[Passage], said: Mapping[int, float]) -> Found | None:
    """The likeliest steps of `passages`; `said` is what a reader says of those it read."""
    found = [
        (_logit(asked, told, share, said), told)
        for passage, share in candidates(passages)
        for told in _told(passage)
    ]
    for logit, told in sorted(found, key=lambda each: -each[0]):
        quotes = _whole(told, passages)
        if len(told.points) != 1 or len(quotes) > 1:  # one step alone is no procedure
            reads = "\n".join(quote.reads for quote in quotes)
            return Found(tuple(quotes), reads, calibrated(logit + demanded(asked)))
    return None


def _logit(asked: Asked, told: Whole, share: float, said: Mapping[int, float]) -> float:
    heading = told.heads[-1] if told.heads else ""
    beside = {word.lower() for word in _BESIDE.findall(heading)}
    return (
        told.nearness(asked, share)
        + _SAID * max(said.get(told.passage.rank, UNREAD) - UNREAD, 0.0)
        + _CALLED * (_HOW.search(heading) is not None)
        + _NUMBERED * (last(told.reads) > 0)
        - _ASIDE * any(word not in asked.text.lower() for word in beside)
        + _INTERCEPT
    )


def _told(passage: Passage) -> Iterator[Whole]:
    """The lists and paragraphs of a passage that tell what to do."""
    for each in _pointed(passage):
        least = _LEAST_TOLD
        if any(_HOW.search(head) for head in each.heads[-2:]):
            least = 0.0 if numbered.NUMBER.match(each.points[0]) else _LEAST_TOLD / 2
        if _share(each.points) >= least:
            yield each
    text = passage.candidate.text
    for units in _paragraphs(passage):
        said = [text[u.sentence.start : u.sentence.end] for u in units]
        if len(said) > 1 and _share(said) >= _PROSE:
            near = max(units, key=lambda unit: unit.sentence.cosine)
            start, end = units[0].sentence.start, units[-1].sentence.end
            reads = " ".join(map(readable, said))
            yield Whole(passage, near, start, end, reads, near.sentence.headings)


def _pointed(passage: Passage) -> Iterator[Whole]:
    """All that has points or numbers."""
    yield from listed(passage)
    yield from numbered.rows(passage)
    yield from numbered.headed(passage)


def _share(points: Sequence[str]) -> float:
    return sum(is_order(readable(point)) for point in points) / len(points)


def _paragraphs(passage: Passage) -> Iterator[list[Unit]]:
    text = passage.candidate.text
    run: list[Unit] = []
    for unit in passage.units:
        plain = unit.listed is None and unit.sentence.header is None
        if run and (not plain or "\n" in text[run[-1].sentence.end : unit.sentence.start]):
            yield run
            run = []
        if plain:
            run.append(unit)
    if run:
        yield run


def _whole(told: Whole, passages: Sequence[Passage]) -> list[Quote]:
    """Steps with those that stand in the chunks before and after: the numbers go on."""
    quotes = [_quote(told)]
    number, at = last(told.reads), told.passage.candidate
    while number and (after := _beside(at, 1, passages)) is not None:
        going = next((t for t in _pointed(after) if first(t.reads) == number + 1), None)
        if going is None:
            break
        quotes.append(_quote(going))
        number, at = last(going.reads), after.candidate
    number, at = first(told.reads), told.passage.candidate
    while number > 1 and (before := _beside(at, -1, passages)) is not None:
        coming = next((t for t in _pointed(before) if last(t.reads) == number - 1), None)
        if coming is None:
            break
        quotes.insert(0, _quote(coming))
        number, at = first(coming.reads), before.candidate
    return quotes


def _beside(at: Candidate, steps: int, passages: Sequence[Passage]) -> Passage | None:
    wanted = (at.doc_id, at.ordinal + steps)
    found = (p for p in passages if (p.candidate.doc_id, p.candidate.ordinal) == wanted)
    return next(found, None)


def _quote(told: Whole) -> Quote:
    return Quote(told.unit, told.start, told.end, told.reads)
