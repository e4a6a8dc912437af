"""How much is quoted: a sentence with what it needs to be understood, or a list as a whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from processors.questions.evidence import Asked, keys_of
from processors.questions.kinds import asks_whether, wants_list, wants_steps
from processors.questions.quoting import Listed, Sentence, beneath, joined, readable
from processors.questions.weighing import LEAST, Passage, Unit
from processors.text.orders import is_order
from processors.text.ticks import TICKED, UNTICKED

_SHORT = 3  # words that mean nothing without the question above them: "Yes."
_BARE = 8  # words of an item that mean little without what introduces the list
_BRIEF = 70  # words of an item with what is below it that are quoted together
_STEP = re.compile(r"\s*(?:\d{1,3}|[a-z])[.)]\s")
_STEPS_GAIN = 0.7  # numbered items, where steps are asked for
_HEADED = 4.0  # by the share of the question's terms that a list stands under
_FAR = 2.5  # a sentence that is so much likelier than any list is quoted by itself
_MORE = 0.1  # share of what is asked that the sentence beside must add
_GOES_ON = re.compile(
    r"(?:however|but|otherwise|unless|except|only|this|these|those|it|they|in that case|if so"
    r"|if not|consequently|therefore|then|also|jedoch|aber|sonst|nur|dies\w*)\b",
    re.IGNORECASE,
)
# What a sentence that begins so speaks of stands in the one before it.
_POINTS_BACK = re.compile(
    r"(?:he|she|they|his|her|their|its|these|those|such)\b"
    r"|(?:it|this) (?!is\b|was\b|takes\b|may\b|can\b|will\b)"
    r"(?!(?:account|card|page|document|section|article|policy|guide)\b)",
    re.IGNORECASE,
)
_LONGEST = 60  # words of both
_LINE_END = re.compile(r"[:—–]\s*\**\s*\Z")  # noqa: RUF001
_AND = re.compile(r"[;,]\s*(?:and|or|und|oder)?\s*\Z")  # that a further item follows


@dataclass(frozen=True, slots=True)
class Quote:
    """`text[start:end]` of candidate `rank`, and how it reads."""

    unit: Unit
    start: int
    end: int
    reads: str


def quoted(
    question: str, asked: Asked, units: Sequence[Unit], passages: Sequence[Passage]
) -> Quote | None:
    """What answers best, whole: `units` are the likeliest first, `passages` by rank."""
    if not units:
        return None
    best = units[0]
    if wants_steps(question) or wants_list(question):
        found = _likeliest_list(question, asked, units, passages)
        if found is not None and found[0] > best.score - _FAR:
            return _whole(found[1], found[2], passages)
    quote = _with_what_it_means(widened(best, passages), passages)
    if asks_whether(question) and (quote.start, quote.end) == (
        best.sentence.start,
        best.sentence.end,
    ):
        return _with_next(quote, asked, passages)
    return quote


def _with_what_it_means(quote: Quote, passages: Sequence[Passage]) -> Quote:
    """A sentence that says "they", with the sentence before it, which says who."""
    unit, passage = quote.unit, passages[quote.unit.rank]
    own, text = unit.sentence, passage.candidate.text
    alone = (quote.start, quote.end) == (own.start, own.end)
    if not alone or own.header is not None or not _POINTS_BACK.match(quote.reads):
        return quote
    for other in passage.units:
        gap = text[other.sentence.end : own.start]
        if other.sentence.end > own.start or gap.strip() or "\n" in gap:
            continue
        if other.sentence.list_of == own.list_of and other.sentence.header is None:
            reads = joined([other.reads, quote.reads])
            if len(reads.split()) <= _LONGEST:
                return Quote(unit, other.sentence.start, own.end, reads)
    return quote


def _with_next(quote: Quote, asked: Asked, passages: Sequence[Passage]) -> Quote:
    """A sentence with the one beside it that says more of what was asked, or takes it back."""
    passage, unit = passages[quote.unit.rank], quote.unit
    text, own = passage.candidate.text, unit.sentence
    if own.header is not None:
        return quote
    best: tuple[float, Unit] | None = None
    for other in passage.units:
        before, after = sorted((own, other.sentence), key=lambda s: s.start)
        gap = text[before.end : after.start]
        if other is unit or other.sentence.list_of != own.list_of or gap.strip() or "\n\n" in gap:
            continue
        if own.list_of < 0 and "\n" in gap:
            continue
        more = asked.coverage(unit.own | other.own) - asked.coverage(unit.own)
        if other.sentence is after and _GOES_ON.match(other.reads):
            more += _MORE
        if more >= _MORE and (best is None or more > best[0]):
            best = more, other
    if best is None:
        return quote
    first, second = sorted((unit, best[1]), key=lambda u: u.sentence.start)
    reads = joined([first.reads, second.reads])
    return Quote(unit, first.sentence.start, second.sentence.end, reads)


def widened(unit: Unit, passages: Sequence[Passage]) -> Quote:
    """A sentence with what it needs: an introduction's list, what is below an item, a question."""
    text, title = passages[unit.rank].candidate.text, passages[unit.rank].candidate.title
    sentence, listed = unit.sentence, unit.listed
    if listed is None and _LINE_END.search(text[sentence.start : sentence.end]):
        for other in passages[unit.rank].units:
            if other.listed is not None and other.sentence.intro == (sentence.start, sentence.end):
                return _whole(unit, other.listed, passages)
    if listed is not None and unit.sentence.header is None:
        end = beneath(sentence, listed, text)
        more = [i for i in listed.items if sentence.start <= i.start < end]
        if len(more) > 1 and len(text[sentence.start : end].split()) <= _BRIEF:
            some = Listed(sentence.start, end, None, tuple(more))
            return Quote(unit, sentence.start, end, some.reads(text))
    reads = unit.reads if listed is None else _AND.sub("", unit.reads)
    bare = (len(reads.split()) <= _BARE and ":" not in reads) or reads[:1].islower()
    if listed is not None and listed.intro and bare:
        return Quote(
            unit, sentence.start, sentence.end, f"{readable(text[slice(*listed.intro)])} {reads}"
        )
    if len(reads.split()) <= _SHORT and sentence.headings:
        above = sentence.headings[-1].strip("#*_ \n")
        if above.endswith("?"):
            above = re.sub(r"\A(?:Q|F|Frage|Question)\s*\d*\s*[:.)]\s*", "", above)
            reads = f"{above} {reads}"
        elif _names(sentence, title) and not reads.startswith((TICKED, UNTICKED)):
            reads = f"{above.rstrip(':')}: {reads}"
    return Quote(unit, sentence.start, sentence.end, reads)


def _names(sentence: Sentence, title: str) -> bool:
    """Whether the nearest heading names a value below it, and not the document."""
    above = sentence.headings[-1].strip()
    alone = sentence.list_of < 0 and sentence.header is None
    return alone and above != title and not above.startswith("# ")


def _whole(unit: Unit, listed: Listed, passages: Sequence[Passage]) -> Quote:
    return Quote(unit, listed.start, listed.end, listed.reads(passages[unit.rank].candidate.text))


def _likeliest_list(
    question: str, asked: Asked, units: Sequence[Unit], passages: Sequence[Passage]
) -> tuple[float, Unit, Listed] | None:
    steps = wants_steps(question)
    groups: dict[tuple[int, int], list[Unit]] = {}
    for unit in units:
        if unit.listed is not None:
            groups.setdefault((unit.rank, unit.listed.start), []).append(unit)
    found: list[tuple[float, Unit, Listed]] = []
    for (rank, _), items in groups.items():
        listed = items[0].listed
        if listed is None or len(listed.items) < 2:
            continue
        text = passages[rank].candidate.text
        if steps and not any(is_order(item.reads) for item in items):
            continue
        best = max(items, key=lambda unit: unit.score)
        held = sum(unit.held for unit in items)
        if listed.intro:
            held += sum(
                u.held for u in units if u.rank == rank and u.sentence.start == listed.start
            )
        score = best.score - log(max(best.held, LEAST)) + log(max(min(held, 1.0), LEAST))
        under = keys_of(
            *best.sentence.headings[-2:], text[slice(*listed.intro)] if listed.intro else ""
        )
        score += _HEADED * asked.coverage(under)
        if steps and _STEP.match(text[listed.items[0].start :]):
            score += _STEPS_GAIN
        found.append((score, best, listed))
    return max(found, key=lambda each: each[0], default=None)
