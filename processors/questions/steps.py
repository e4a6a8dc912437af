"""Steps that are asked for: of what tells someone what to do, that which the question is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from processors.questions.evidence import Asked
from processors.questions.quotes import Quote
from processors.questions.quoting import readable
from processors.questions.weighing import Passage, Unit, calibrated
from processors.questions.wholes import UNREAD, Found, Whole, candidates, listed
from processors.text.orders import is_order

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
_NUMBER = re.compile(r"\s*(?:step\s+)?(\d{1,3})[.):]", re.IGNORECASE)


def steps(asked: Asked, passages: Sequence[Passage], said: Mapping[int, float]) -> Found | None:
    """The likeliest steps of `passages`; `said` is what a reader says of those it read."""
    found = [
        (_logit(asked, told, share, said), told)
        for passage, share in candidates(passages)
        for told in _told(passage)
    ]
    if not found:
        return None
    logit, told = max(found, key=lambda each: each[0])
    quotes = [Quote(told.unit, told.start, told.end, told.reads)]
    quotes += _continued(told, passages)
    reads = "\n".join(quote.reads for quote in quotes)
    return Found(tuple(quotes), reads, calibrated(logit))


def _logit(asked: Asked, told: Whole, share: float, said: Mapping[int, float]) -> float:
    heading = told.heads[-1] if told.heads else ""
    beside = {word.lower() for word in _BESIDE.findall(heading)}
    return (
        told.nearness(asked, share)
        + _SAID * max(said.get(told.passage.rank, UNREAD) - UNREAD, 0.0)
        + _CALLED * (_HOW.search(heading) is not None)
        + _NUMBERED * (_last(told.reads) > 0)
        - _ASIDE * any(word not in asked.text.lower() for word in beside)
        + _INTERCEPT
    )


def _told(passage: Passage) -> Iterator[Whole]:
    """The lists and paragraphs of a passage that tell what to do."""
    for each in listed(passage):
        least = _LEAST_TOLD
        if any(_HOW.search(head) for head in each.heads[-2:]):
            least = 0.0 if _NUMBER.match(each.points[0]) else _LEAST_TOLD / 2
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


def _continued(told: Whole, passages: Sequence[Passage]) -> list[Quote]:
    """What goes on in the next chunk: the numbers after the last one."""
    found: list[Quote] = []
    number, at = _last(told.reads), told.passage.candidate
    while number:
        after = next(
            (
                each
                for each in passages
                if (each.candidate.doc_id, each.candidate.ordinal) == (at.doc_id, at.ordinal + 1)
            ),
            None,
        )
        if after is None:
            break
        going = next((t for t in _told(after) if _first(t.reads) == number + 1), None)
        if going is None:
            break
        found.append(Quote(going.unit, going.start, going.end, going.reads))
        number, at = _last(going.reads), after.candidate
    return found


def _first(reads: str) -> int:
    found = _NUMBER.match(reads)
    return int(found[1]) if found else 0


def _last(reads: str) -> int:
    numbers = [int(found[1]) for line in reads.splitlines() if (found := _NUMBER.match(line))]
    return numbers[-1] if numbers else 0
