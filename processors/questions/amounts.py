"""The amounts of a sentence, and what stands beside each: are a claim's where they belong?"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from processors.questions.evidence import asked
from processors.text.figures import Figure, figures

# Between two numbers that belong together: "5 to 10 euros", "from 9 am to 5 pm".
_RANGE = re.compile(
    r"[ \u00a0]?[%€$£]?(?:[ap]\.?m\.?)?\s?(?:to|and|or|until|[-–—])\s?[€$£]?",  # noqa: RUF001
    re.IGNORECASE,
)
# Where a number's surroundings end: "12 euros in January and 15 euros in July".
_SEAM = re.compile(r"[,;:]\s|\s[—–-]\s|\b(?:and|or|but|while|whereas|to)\b", re.IGNORECASE)  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Amount:
    """A number, or the numbers of one part of a clause, and what stands beside them."""

    figures: tuple[Figure, ...]
    words: frozenset[str]
    times: frozenset[str]  # what the dates among them say


def bare(text: str) -> str:
    bare = list(text)
    for found in figures(text):
        bare[found.start : found.end] = " " * (found.end - found.start)
    return "".join(bare)


@lru_cache(maxsize=4096)
def words_of(text: str) -> frozenset[str]:
    """The keys of what a text is about, its figures left out."""
    return frozenset(term.key for term in asked(bare(text)).terms)


def counted(claim: str, sentences: Sequence[str], around: str) -> bool:
    """Whether the sentences have each amount of the claim, in its unit and beside its words."""
    given = said_by(figures(around))
    says = [said_by(figures(sentence)) for sentence in sentences]
    everything = given.union(*says)
    if any(not figure.among(everything) for figure in figures(claim)):
        return False
    if not _same_units(claim, (*sentences, around)):
        return False
    beside = Counter[str]()
    by_figure: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for amount in (amount for sentence in sentences for amount in amounts(sentence)):
        words = amount.words | amount.times
        beside.update(words)
        for key in {key for figure in amount.figures for key in figure.keys}:
            by_figure[key].update(words)
    for amount in amounts(claim):
        needed = [figure for figure in amount.figures if not figure.among(given)]
        times = amount.times - given
        if not any(times <= one and all(each.among(one) for each in needed) for one in says):
            return False
        keys = times.union(*(figure.keys for figure in needed)) & by_figure.keys()
        if keys and _misplaced(amount, [by_figure[key] for key in keys], beside):
            return False
    return True


def _same_units(claim: str, texts: Iterable[str]) -> bool:
    """Whether no number has one unit in the claim and another wherever it is told."""
    told: defaultdict[str, set[str]] = defaultdict(set)
    for figure in (figure for text in texts for figure in figures(text)):
        for key in figure.keys:
            told[key].add(figure.unit)
    for figure in figures(claim):
        units = set[str]().union(*(told[key] for key in figure.keys))
        if figure.unit and "" not in units and figure.unit not in units:
            return False
    return True


def _misplaced(amount: Amount, here: Sequence[Counter[str]], beside: Counter[str]) -> bool:
    """Whether what stands beside a number stands beside other numbers only."""
    strange = False
    for word in amount.words | amount.times:
        own = sum(each[word] for each in here)
        if own and own >= beside[word]:
            return False
        strange = strange or (not own and beside[word] > 0)
    return strange


@lru_cache(maxsize=4096)
def amounts(sentence: str) -> tuple[Amount, ...]:
    """The numbers of a sentence, each with what stands beside it; its dates, if it has no other.

    Of a part without a subject ("and 15 euros in July") it is the subject of the part before.
    """
    found = list(figures(sentence))
    dates = all(figure.time for figure in found)
    made: list[Amount] = []
    subject = frozenset[str]()
    words: set[str] = set()
    times: set[str] = set()
    at = 0
    for start, end in _pieces(sentence, found):
        first = at
        while at < len(found) and found[at].start < end:
            at += 1
        here = [figure for figure in found[first:at] if dates or not figure.time]
        times |= said_by(figure for figure in found[first:at] if figure.time)
        words |= words_of(sentence[start : here[0].start if here else end])
        if not here:
            continue
        subject = frozenset(words) or subject
        beside = subject | words_of(sentence[here[0].start : end])
        made.append(Amount(tuple(here), beside, frozenset(times)))
        words, times = set(), set()
    if made and words | times:
        last = made[-1]
        made[-1] = Amount(last.figures, last.words | words, last.times | times)
    return tuple(made)


def _pieces(sentence: str, found: Sequence[Figure]) -> Iterator[tuple[int, int]]:
    """Where the parts between seams stand; no seam is in a figure or joins two."""
    at = after = 0
    for seam in _SEAM.finditer(sentence):
        while after < len(found) and found[after].end <= seam.start():
            after += 1
        around = found[max(after - 1, 0) : after + 1]
        if any(seam.start() < figure.end and figure.start < seam.end() for figure in around):
            continue
        if len(around) == 2 and joined(sentence, *around):
            continue
        yield at, seam.start()
        at = seam.end()
    yield at, len(sentence)


def joined(sentence: str, one: Figure, other: Figure) -> bool:
    alike = one.time == other.time
    return alike and _RANGE.fullmatch(sentence, one.end, other.start) is not None


def said_by(found: Iterable[Figure]) -> frozenset[str]:
    return frozenset[str]().union(*(figure.says for figure in found))
