"""Lists and paragraphs that are quoted as a whole, while they are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from processors.questions.evidence import Asked, keys_of
from processors.questions.quotes import Quote
from processors.questions.quoting import Listed, beneath, marked, readable
from processors.questions.weighing import Passage, Unit
from processors.text.orders import is_order

OTHER = 0.4  # what fits what is named so much less is of something else
# What the logit of being asked for gains. A reader learnt from answers of a sentence; of a list it
# says little, so that what a document is about and how near its points are counts most.
_SHARE = 4.0  # by the document's score as a share of the best one's
_COSINE = 10.0  # by the similarity of the nearest point
_HEAD, _WHOLE = 1.0, 1.5  # by the words of what they stand under, and of all of it
_LEAST = 2  # points of a list below a point
UNREAD = -3.0  # the least that a reader's logit counts


@dataclass(frozen=True, slots=True)
class Found:
    """What is quoted as a whole, and how sure it is that this was asked."""

    quotes: tuple[Quote, ...]
    reads: str
    evidence: float


@dataclass(frozen=True, slots=True)
class Whole:
    """`text[start:end]` of a passage: a list with its introduction, or a paragraph."""

    passage: Passage
    unit: Unit  # the nearest to the question
    start: int
    end: int
    reads: str
    heads: tuple[str, ...]  # that it stands under, the nearest last
    points: tuple[str, ...] = ()  # of a list, as they are written

    def nearness(self, asked: Asked, share: float) -> float:
        """What its logit gains by what it is about; `share` is its document's."""
        names = self.unit.names
        return (
            _SHARE * share
            + _COSINE * self.unit.sentence.cosine
            + _HEAD * covered(asked, keys_of(*self.heads), names)
            + _WHOLE * covered(asked, keys_of(*self.heads, self.reads), names)
        )


def candidates(passages: Sequence[Passage]) -> Iterator[tuple[Passage, float]]:
    """The passages about what is named, with the best share of their document."""
    best = max((each.fits for each in passages), default=0.0)
    shares: dict[str, float] = {}
    for each in passages:
        doc_id = each.candidate.doc_id
        shares[doc_id] = max(shares.get(doc_id, 0.0), each.share)
    for each in passages:
        if each.fits >= best - OTHER:
            yield each, shares[each.candidate.doc_id]


def listed(passage: Passage) -> Iterator[Whole]:
    """The lists of a passage with two points or more."""
    text = passage.candidate.text
    groups: dict[int, tuple[Listed, list[Unit]]] = {}
    for unit in passage.units:
        if unit.listed is not None and unit.sentence.header is None:
            groups.setdefault(unit.listed.start, (unit.listed, []))[1].append(unit)
    for each, units in groups.values():
        points = [text[i.start : i.end] for i in each.items]
        points = [point for point in points if marked(point)]
        if len(points) < 2:
            continue
        near = max(units, key=lambda unit: unit.sentence.cosine)
        heads = near.sentence.headings
        if each.intro:
            heads = (*heads, text[slice(*each.intro)])
        yield Whole(passage, near, each.start, each.end, each.reads(text), heads, tuple(points))
        yield from _below(passage, each, units, heads)


def _below(
    passage: Passage, whole: Listed, units: Sequence[Unit], heads: tuple[str, ...]
) -> Iterator[Whole]:
    """The points below each point of a list, which is what they stand under; none of a step's."""
    text = passage.candidate.text
    at = 0
    while at < len(whole.items):
        above = whole.items[at]
        end = beneath(above, whole, text)
        items = [i for i in whole.items[at + 1 :] if i.start < end]
        own = [unit for unit in units if items and items[0].start <= unit.sentence.start < end]
        points = [text[i.start : i.end] for i in items]
        points = [point for point in points if marked(point)]
        at += 1 + len(items)
        step = is_order(readable(text[above.start : above.end]))
        if step or len(points) < _LEAST or not own or len(whole.items) == 1 + len(items):
            continue
        said = Listed(above.start, end, (above.start, above.end), tuple(items))
        near = max(own, key=lambda unit: unit.sentence.cosine)
        yield Whole(
            passage,
            near,
            above.start,
            end,
            said.reads(text),
            (*heads, text[above.start : above.end]),
            tuple(points),
        )


def covered(asked: Asked, keys: frozenset[str], names: frozenset[str]) -> float:
    """The share of what is asked of a thing, without its name."""
    terms = [term for term in asked.terms if term.key not in names]
    weight = sum(term.weight for term in terms)
    return sum(term.weight for term in terms if term.key in keys) / weight if weight else 0.0
