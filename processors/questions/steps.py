"""Steps that are asked for: of what tells someone what to do, that which the question is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp

from processors.questions.evidence import Asked, keys_of
from processors.questions.quotes import Quote
from processors.questions.quoting import marked, readable
from processors.questions.weighing import Passage, Unit
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
# What the logit of being asked for gains. A reader learnt from answers of a sentence; of steps it
# says little, so that what a document is about and how near its points are counts most.
_SHARE = 4.0  # by the document's score as a share of the best one's
_COSINE = 10.0  # by the similarity of the nearest point
_HEAD, _WHOLE = 1.0, 1.5  # by the words of what they stand under, and of all of it
_SAID, _UNREAD = 0.2, -3.0  # by the reader's logit, above the least that counts
_CALLED = 0.7  # by a heading that says so: "How to ..."
_NUMBERED = 0.7
_ASIDE = 1.5  # less under a heading of what stands beside a procedure
_INTERCEPT = -12.2
_OTHER = 0.4  # what fits what is named so much less is of something else
_NUMBER = re.compile(r"\s*(?:step\s+)?(\d{1,3})[.):]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Steps:
    """What to do, in its order, and how sure it is that this was asked."""

    quotes: tuple[Quote, ...]
    reads: str
    evidence: float


@dataclass(frozen=True, slots=True)
class _Told:
    passage: Passage
    unit: Unit  # the nearest to the question
    start: int
    end: int
    reads: str
    heads: tuple[str, ...]


def steps(asked: Asked, passages: Sequence[Passage], said: dict[int, float]) -> Steps | None:
    """The likeliest steps of `passages`; `said` is what a reader says of those it read."""
    best = max((each.fits for each in passages), default=0.0)
    shares: dict[str, float] = {}
    for each in passages:
        doc_id = each.candidate.doc_id
        shares[doc_id] = max(shares.get(doc_id, 0.0), each.share)
    found: list[tuple[float, _Told]] = []
    for passage in passages:
        if passage.fits < best - _OTHER:
            continue
        for told in _told(passage):
            found.append((_logit(asked, told, shares, said), told))
    if not found:
        return None
    logit, told = max(found, key=lambda each: each[0])
    quotes = [Quote(told.unit, told.start, told.end, told.reads)]
    quotes += _continued(told, passages)
    reads = "\n".join(quote.reads for quote in quotes)
    return Steps(tuple(quotes), reads, 1.0 / (1.0 + exp(-logit)))


def _logit(asked: Asked, told: _Told, shares: dict[str, float], said: dict[int, float]) -> float:
    heading = told.heads[-1] if told.heads else ""
    names = told.unit.names
    beside = {word.lower() for word in _BESIDE.findall(heading)}
    return (
        _SHARE * shares[told.passage.candidate.doc_id]
        + _COSINE * told.unit.sentence.cosine
        + _HEAD * _covered(asked, keys_of(*told.heads), names)
        + _WHOLE * _covered(asked, keys_of(*told.heads, told.reads), names)
        + _SAID * max(said.get(told.passage.rank, _UNREAD) - _UNREAD, 0.0)
        + _CALLED * (_HOW.search(heading) is not None)
        + _NUMBERED * (_last(told.reads) > 0)
        - _ASIDE * any(word not in asked.text.lower() for word in beside)
        + _INTERCEPT
    )


def _covered(asked: Asked, keys: frozenset[str], names: frozenset[str]) -> float:
    """The share of what is asked of a thing, without its name."""
    terms = [term for term in asked.terms if term.key not in names]
    weight = sum(term.weight for term in terms)
    return sum(term.weight for term in terms if term.key in keys) / weight if weight else 0.0


def _told(passage: Passage) -> Iterator[_Told]:
    """The lists and paragraphs of a passage that tell what to do."""
    text = passage.candidate.text
    groups: dict[int, list[Unit]] = {}
    for unit in passage.units:
        if unit.listed is not None and unit.sentence.header is None:
            groups.setdefault(unit.listed.start, []).append(unit)
    for units in groups.values():
        listed = units[0].listed
        if listed is None:
            continue
        points = [text[i.start : i.end] for i in listed.items if marked(text[i.start : i.end])]
        near = max(units, key=lambda unit: unit.sentence.cosine)
        heads = near.sentence.headings
        least = _LEAST_TOLD
        if heads and _HOW.search(heads[-1]):
            least = 0.0 if points and _NUMBER.match(points[0]) else _LEAST_TOLD / 2
        if len(points) > 1 and _share(points) >= least:
            if listed.intro:
                heads = (*heads, text[slice(*listed.intro)])
            yield _Told(passage, near, listed.start, listed.end, listed.reads(text), heads)
    for units in _paragraphs(passage):
        said = [text[u.sentence.start : u.sentence.end] for u in units]
        if len(said) > 1 and _share(said) >= _PROSE:
            near = max(units, key=lambda unit: unit.sentence.cosine)
            start, end = units[0].sentence.start, units[-1].sentence.end
            reads = " ".join(map(readable, said))
            yield _Told(passage, near, start, end, reads, near.sentence.headings)


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


def _continued(told: _Told, passages: Sequence[Passage]) -> list[Quote]:
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
