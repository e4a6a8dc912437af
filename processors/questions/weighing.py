"""What of the passages may answer a question, and how well: by a reader where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, log

import numpy as np

from processors.ports import Asking, Float32, Reading
from processors.questions.columns import narrowed, pinned
from processors.questions.evidence import Asked, keys_of
from processors.questions.kinds import apart, of_its_kind
from processors.questions.labels import labelled
from processors.questions.quoting import OPENS, Listed, Sentence, beneath, lists, sentences
from processors.questions.subjects import Subjects
from processors.text.ticks import TICKED, UNTICKED
from processors.text.values import holed
from schemas.events import Candidate

# What a passage's logit of answering gains, beside what the reader says.
_SHARE = 6.0  # by its score as a share of the best one's
_NAMED = 5.0  # by naming what the question names
OTHER = 0.9  # what names so much less is about something else
_APART = 2.0  # less for speaking of the opposite
_OTHER_KIND = 4.5  # less for not having the sort of thing that is asked for
_UNIDENTIFIED = 2.0  # less for not having the identifier that is asked for, where something has
_WORDS = 0.6  # by similarity and words, as far as that is
# How sentences are ordered by similarity and words: softmax regression on which sentence of the
# retrieved passages holds the answer, 1,190 XQuAD questions (81 % first, 92 % among the first two,
# on the half held out).
_COSINE = 5.0
_OWN_TERMS = 3.0  # the question's terms in the sentence itself
_NEAR_TERMS = 3.0  # and in its title, headings, table header or the line that introduces it
_PASSAGE_TERMS = 3.0
_FITS = 1.7  # a number where a number is asked for
_RANK = 4.0  # the candidate's score as a share of the best one's
_LIKE = 5.0  # less, and a sentence that says all of the question is preferred
LEAST = 1e-2  # of a passage's answer that may stand in a sentence


@dataclass(slots=True)
class Unit:
    """Something to quote: a sentence or row, with what was found of it."""

    sentence: Sentence
    reads: str
    own: frozenset[str]
    near: float  # share of the question's terms in it and above it
    fits: float  # of what is named
    listed: Listed | None
    words: float = 0.0  # how well it answers by similarity and words
    kind: bool = True  # whether it has the sort of thing that is asked for
    names: frozenset[str] = frozenset()  # keys of what the question names
    identified: bool = True  # whether it has the identifiers that are asked for
    cell: bool = False  # whether its row and its column are asked for by their names
    all_said: bool = False  # whether all that is asked of what is named stands in it
    score: float = 0.0
    said: float = 0.0  # the reader's logit of its passage
    held: float = 0.0  # share of the passage's answer that stands in it
    lost: float = 0.0  # and in what of it is about something else, or says that it is not known
    alone: float | None = None  # the reader's logit of it, read by itself

    @property
    def rank(self) -> int:
        return self.sentence.rank


class Passage:
    """A candidate while what can be quoted of it is compared; what is costly is made when asked."""

    def __init__(
        self,
        question: Asked,
        text: str,
        named: Subjects,
        rank: int,
        candidate: Candidate,
        top: float,
    ) -> None:
        self.candidate = candidate
        self.rank = rank
        self.share = _share(candidate.score, top)
        self.title = keys_of(candidate.title, candidate.doc_id)
        self.own = keys_of(candidate.text, candidate.heading)
        self.keys = self.own | self.title
        self.covered = question.coverage(self.keys)
        self.apart = apart(text, f"{candidate.title} {candidate.heading}")
        self.holes: list[Sentence] = []  # what says that there is no value; `units` fills it
        self._question, self._text, self._named = question, text, named
        self._place = candidate.doc_id.replace("_", " ").replace("/", " ")
        headings = (candidate.title, *candidate.heading.split(" > "))
        self.fits = named.fits(candidate.text, headings, self._place)

    @cached_property
    def units(self) -> list[Unit]:
        """What can be quoted of it, but for what is of another time or provision."""
        candidate, question, named = self.candidate, self._question, self._named
        found = labelled(sentences(self.rank, candidate), candidate.text, question, self._text)
        inside = lists(found, candidate.text)
        introducing = {listed.intro for listed in inside.values()}
        names = keys_of(*(word for each in named.known for word in each.words))
        wanted = {term.key for term in question.terms} - names
        made: list[Unit] = []
        for each in found:
            reads = narrowed(each, candidate.text, question) or each.reads(candidate.text)
            cell = pinned(each, candidate.text, question)
            own = candidate.text[each.start : each.end]
            headings = _above(each, candidate.text)
            alone = (each.start, each.end) not in introducing
            if alone and each.list_of < 0 and each.header is None and reads.endswith(OPENS):
                continue  # it says that something follows, and that is not here
            if holed(reads):
                self.holes.append(each)
                continue
            if not reads or named.wrong_time(own, headings, self._place):
                continue
            if not named.labelled(own, headings):
                continue
            keys = keys_of(own)
            near = question.coverage(keys | each.near)
            words = (
                _PASSAGE_TERMS * self.covered
                + _COSINE * each.cosine
                + _OWN_TERMS * question.coverage(keys)
                + _NEAR_TERMS * near
                + _FITS * question.fits(reads)
            )
            fits = named.fits(own, headings, self._place)
            listed = inside.get(each.list_of)
            below = (
                candidate.text[each.end : beneath(each, listed, candidate.text)] if listed else ""
            )
            above = " ".join(headings[bool(candidate.title) :])
            kind = of_its_kind(self._text, f"{reads}{below}", above)
            identified = not question.missing(keys | each.near, identifiers=True)
            all_said = bool(wanted) and wanted <= keys | each.near
            made.append(
                Unit(
                    each,
                    reads,
                    keys,
                    near,
                    fits,
                    listed,
                    words,
                    kind,
                    names,
                    identified,
                    cell,
                    all_said,
                )
            )
        _of_the_box_asked(made, question)
        return made

    def asking(self, question: str, unit: Unit | None = None) -> Asking:
        """It as a reader sees it, or a unit of it by itself."""
        candidate = self.candidate
        context = " > ".join(filter(None, (candidate.title, candidate.heading)))
        return Asking(question, context, candidate.text if unit is None else unit.reads)


def _of_the_box_asked(units: Sequence[Unit], question: Asked) -> None:
    """Of boxes to tick, another than the one that is named says nothing of it."""
    boxes = [unit for unit in units if unit.reads.startswith((TICKED, UNTICKED))]
    named = [question.coverage(unit.own) for unit in boxes]
    for unit, covered in zip(boxes, named, strict=True):
        unit.kind = unit.kind and covered == max(named)


def _share(score: float, top: float) -> float:
    return max(score / top, 0.0) if top > 0 and isfinite(top) else 0.0


def _above(sentence: Sentence, text: str) -> tuple[str, ...]:
    intro = (text[slice(*sentence.intro)],) if sentence.intro else ()
    return (*sentence.headings, *intro)


def to_read(passages: Sequence[Passage], most: int) -> list[Passage]:
    """Those worth reading: of what names the question's names, the best ones."""
    best = max((each.fits for each in passages), default=0.0)
    order = sorted(
        (each for each in passages if each.units),
        key=lambda p: -(_SHARE * p.share + _NAMED * (p.fits - best) - _APART * p.apart),
    )
    return order[:most]


def weighed(passages: Sequence[Passage], readings: Sequence[Reading]) -> list[Unit]:
    """What can be quoted of passages that were read, the likeliest first."""
    found: list[Unit] = []
    best = max((unit.fits for each in passages for unit in each.units), default=0.0)
    identified = any(u.identified and u.kind for each in passages for u in each.units)
    for passage, reading in zip(passages, readings, strict=True):
        shares = _shares(reading)
        others = [unit.sentence for unit in passage.units if unit.fits < best - OTHER]
        lost = sum(_held(each, reading, shares) for each in (*others, *passage.holes))
        for unit in passage.units:
            if unit.fits < best - OTHER:
                continue
            held = _held(unit.sentence, reading, shares)
            unit.said, unit.held, unit.lost = reading.answers, held, lost
            unit.score = (
                reading.answers
                + log(max(held, LEAST))
                + _SHARE * passage.share
                + _WORDS * unit.words
                + _NAMED * (unit.fits - best)
                - _APART * passage.apart
                - _OTHER_KIND * (not unit.kind)
                - _UNIDENTIFIED * (identified and not unit.identified)
            )
            found.append(unit)
    ordered = sorted(found, key=lambda unit: (-unit.score, unit.rank, unit.sentence.start))
    return _sayer_of_all_first(ordered)


def _sayer_of_all_first(units: list[Unit]) -> list[Unit]:
    """A sentence of the best one's passage that has all that is asked, where that one has not.

    "Who runs the lock office?" is not answered by who runs the pier office.
    """
    best = units[0] if units else None
    if best is None or best.all_said or best.sentence.header is not None:
        return units
    first = next((unit for unit in units if unit.all_said and unit.rank == best.rank), None)
    if first is None or first.score < best.score - _LIKE or first.fits < best.fits:
        return units
    return [first, *(unit for unit in units if unit is not first)]


def _shares(reading: Reading) -> Float32:
    """Of each token the probability that the answer begins there, if it is in this passage."""
    if not len(reading.starts):
        return reading.starts
    odds = np.exp(reading.starts - reading.starts.max())
    return odds / odds.sum()


def _held(sentence: Sentence, reading: Reading, shares: Float32) -> float:
    inside = [
        at for at, (begin, _) in enumerate(reading.tokens) if sentence.start <= begin < sentence.end
    ]
    return float(shares[inside[0] : inside[-1] + 1].sum()) if inside else 0.0


def worded(passages: Sequence[Passage]) -> list[Unit]:
    """What can be quoted, the likeliest first, by similarity and words alone."""
    best = max((unit.fits for each in passages for unit in each.units), default=0.0)
    found: list[Unit] = []
    for passage in passages:
        for unit in passage.units:
            if unit.fits < best - OTHER:
                continue
            unit.score = unit.words + _RANK * passage.share + _NAMED * (unit.fits - best)
            unit.score -= _OTHER_KIND * (not unit.kind)
            found.append(unit)
    return sorted(found, key=lambda unit: (-unit.score, unit.rank, unit.sentence.start))
