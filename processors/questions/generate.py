"""`generate`, extractive: what answers, quoted whole and cited, or an abstention."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from processors.ports import Asking, Reading
from processors.questions import evidence as words
from processors.questions.answers import Ended, close
from processors.questions.certainty import evidence, of_others
from processors.questions.composing import DIFFER, composed
from processors.questions.evidence import Asked, asked
from processors.questions.kinds import lists_things, wants_steps
from processors.questions.listing import listing
from processors.questions.parts import MOST, parts_of
from processors.questions.quotes import Quote, quoted, widened
from processors.questions.quoting import joined
from processors.questions.steps import steps
from processors.questions.subjects import Subjects, subjects
from processors.questions.weighing import Passage, Unit, to_read, weighed, worded
from processors.questions.wholes import Found as Whole
from schemas.events import Candidate, Citation, GenerationRequested

_FORM = 0.3  # by which steps or a list that are asked for may have less evidence than a sentence


@dataclass(frozen=True, slots=True)
class AnswerConfig:
    """When to answer, and with how much."""

    abstain_below: float = 0.5  # evidence, 0 to 1, of what similarity and words alone chose
    sure: float = 0.5  # evidence, 0 to 1, of what was read
    passages: int = 5  # that are read for a question that waits alone
    at_once: int = 64  # that are read for all questions that wait at once, one of each at least
    reader: str = ""  # SHA-256 of the weights that may read; empty: whichever
    max_sentences: int = 3  # for each thing that is asked, where nothing is read
    # A further sentence is quoted if its odds of being the answer are at least exp(-margin) of the
    # best one's: at 1, 1.35 sentences on average, of which one holds the answer in 89 % (XQuAD).
    margin: float = 1.0
    candidates: int = 10  # that are looked at, best first


@dataclass(frozen=True, slots=True)
class Found:
    """What to quote, in reading order; or nothing, and why."""

    quotes: list[Quote]
    reasons: list[str]
    said: str = ""  # how the quotes read together
    evidence: float = 0.0


class Part:
    """One thing that a question asks, while it is looked up."""

    def __init__(self, text: str, question: Asked, candidates: Sequence[Candidate]) -> None:
        self.text = text
        self.asked = question
        titles = [t for c in candidates for t in (c.title, *c.heading.split(" > "), *_inside(c))]
        self.named: Subjects = subjects(text, titles, [c.text for c in candidates])
        top = max((c.score for c in candidates), default=0.0)
        self.passages = [
            Passage(question, text, self.named, rank, candidate, top)
            for rank, candidate in enumerate(candidates)
        ]
        self.reading: list[Passage] = []
        self.units: list[Unit] = []  # of what was read, the likeliest first

    def askings(self, most: int) -> list[Asking]:
        """What is to be read for it; nothing where what is named is nowhere."""
        if self.absent:
            return []
        self.reading = to_read(self.passages, most)
        return [each.asking(self.text) for each in self.reading]

    @property
    def absent(self) -> list[str]:
        """What is named and that no passage is about."""
        if not self.named.known:
            return [*self.named.unknown]
        if not any(each.fits for each in self.passages):
            return [each.said for each in self.named.known]
        return []


def _inside(candidate: Candidate) -> list[str]:
    return [line.strip("# ") for line in candidate.text.splitlines() if line.startswith("#")]


class Lookup:
    """A question taken apart, with what was retrieved for it."""

    def __init__(self, event: GenerationRequested, config: AnswerConfig) -> None:
        self.event = event
        self.candidates = event.candidates[: config.candidates]
        question = event.carried.question.query
        found, self.left = parts_of(question)
        self.parts = [Part(text, each, self.candidates) for text, each in found]

    def askings(self, most: int) -> list[Asking]:
        """What is to be read, `most` passages in all, the parts of the question in turn."""
        each = max(most // max(len(self.parts), 1), min(most, 2))
        return [asking for part in self.parts for asking in part.askings(each)]

    def take(self, readings: Sequence[Reading]) -> None:
        """What was read of `askings`, in their order; nothing: none of it was."""
        left = [*readings]
        for part in self.parts:
            own, left = left[: len(part.reading)], left[len(part.reading) :]
            part.units = weighed(part.reading, own) if own else []

    def again(self) -> list[Asking]:
        """The likeliest unit of each part that was read, to be read by itself."""
        return [
            part.passages[part.units[0].rank].asking(part.text, part.units[0])
            for part in self.parts
            if part.units
        ]

    def take_again(self, readings: Sequence[Reading]) -> None:
        """What was read of `again`, in its order."""
        for part, reading in zip((p for p in self.parts if p.units), readings, strict=True):
            part.units[0].alone = reading.answers


def generate(
    event: GenerationRequested,
    *,
    config: AnswerConfig,
    now: Callable[[], int],
) -> Iterable[Ended]:
    """As `answer`, by similarity and words alone: nothing is read."""
    return answer(Lookup(event, config), config=config, now=now)


def answer(
    lookup: Lookup,
    *,
    config: AnswerConfig,
    now: Callable[[], int],
) -> Iterable[Ended]:
    """The fewest units that answer the question, or `abstained` with the reason.

    A quote is exactly `text[start:end]` of its candidate; the answer has the same words, readable:
    without list marks, a table row as "header: value" pairs, a list with its lines. Of a question
    with several parts each is answered that can be; `reasons` names the others. Where documents
    contradict each other (in a number, a month, a denial, may or must), the answer shows what each
    says, the newest first, with their dates; where they speak of several things and the question
    names none, what each thing has.
    """
    found = [_looked_up(part, config) for part in lookup.parts]
    if len(lookup.parts) > 1:
        # A sentence may be near to the whole question, and say nothing of this part of it.
        found = [_if_named(part.text, f) for part, f in zip(lookup.parts, found, strict=True)]
    reasons = [
        reason if len(found) == 1 else f"{part.text}: {reason}"
        for part, each in zip(lookup.parts, found, strict=True)
        for reason in each.reasons
    ]
    reasons += [
        f"{text}: not looked up, ask it by itself ({MOST} parts at most)" for text in lookup.left
    ]
    quotes: dict[str, tuple[Quote, float]] = {}  # what answers two parts is said once
    said: list[str] = []
    for each in found:
        if any(quote.reads not in quotes for quote in each.quotes):
            fresh = [quote for quote in each.quotes if quote.reads not in quotes]
            whole = len(fresh) == len(each.quotes)
            said.append(each.said if whole else joined([quote.reads for quote in fresh]))
        for quote in each.quotes:
            quotes.setdefault(quote.reads, (quote, each.evidence))
    event = lookup.event
    yield from close(
        event.carried,
        "answered" if quotes else "abstained",
        now(),
        answer=" ".join(said),
        passages=lookup.candidates,
        citations=[_citation(lookup.candidates, q, score) for q, score in quotes.values()],
        reasons=reasons,
        tier=event.tier,
        model=event.model,
    )


def _looked_up(part: Part, config: AnswerConfig) -> Found:
    """What answers one part of the question."""
    if absent := part.absent:
        return _Nothing(part).of(absent)
    if not any(passage.units for passage in part.passages):
        return Found([], [_Nothing(part).missing_place()])
    whole = _whole(part, {unit.rank: unit.said for unit in part.units})
    if part.units:
        return _read(part, part.units, whole, config)
    if whole is not None and whole.evidence >= config.sure:
        return Found([*whole.quotes], [], whole.reads, whole.evidence)
    return _worded(part, config)


def _whole(part: Part, said: Mapping[int, float]) -> Whole | None:
    """The steps or the list that is asked for."""
    if wants_steps(part.text):
        return steps(part.asked, part.passages, said)
    return listing(part.asked, part.passages, said) if lists_things(part.text) else None


def _read(part: Part, units: Sequence[Unit], whole: Whole | None, config: AnswerConfig) -> Found:
    known = known_of(part)
    first = part.passages[units[0].rank]
    best = evidence(
        part.asked,
        units,
        known,
        strength_of(first, part.asked, known),
        others=of_others(units[0], part.passages),
    )
    missing = part.asked.missing(known, identifiers=True)
    if whole is not None and not missing and whole.evidence >= max(best - _FORM, config.sure):
        return Found([*whole.quotes], [], whole.reads, whole.evidence)
    if best < config.sure or missing:
        reasons = [f"evidence {best:.2f} is below {config.sure:.2f}"]
        if missing:
            reasons = [f"not in the passages: {', '.join(missing)}"]
        return Found([], reasons + _Nothing(part).words(units[0]))
    quote = quoted(part.text, part.asked, units, part.passages)
    if quote is None:
        return Found([], ["no passage was found"])
    quotes, said = composed(part.text, quote, part.passages, bool(part.named.known))
    return Found(quotes, [], said, best)


def _worded(part: Part, config: AnswerConfig) -> Found:
    units = worded(part.passages)
    chosen: dict[str, Unit] = {}
    for unit in units:
        if unit.score < units[0].score - config.margin or len(chosen) == config.max_sentences:
            break
        chosen.setdefault(unit.reads, unit)
    known = known_of(part)
    strength = {
        u.rank: strength_of(part.passages[u.rank], part.asked, known) for u in chosen.values()
    }
    best = max(strength.values())
    if best < config.abstain_below:
        return Found(
            [],
            [
                f"evidence {best:.2f} is below {config.abstain_below:.2f}",
                *_Nothing(part).words(units[0]),
            ],
        )
    first = quoted(part.text, part.asked, units, part.passages)
    if first is None:
        return Found([], ["no passage was found"])
    quotes, said = composed(part.text, first, part.passages, bool(part.named.known))
    more = [widened(unit, part.passages) for unit in chosen.values()]
    more = [quote for quote in more if all(quote.reads != other.reads for other in quotes)]
    if len(quotes) == 1 and "\n" not in first.reads:
        quotes = _in_order(part.passages, [first, *more])
        said = joined([quote.reads for quote in quotes])
    elif len(quotes) > 1 and more and said.startswith(DIFFER):
        said = f"{said} {joined([quote.reads for quote in more])}"
        quotes = [*quotes, *more]
    return Found(quotes, [], said, max(strength.get(q.unit.rank, best) for q in quotes))


def strength_of(passage: Passage, question: Asked, known: frozenset[str]) -> float:
    """How likely a passage answers, by the nearest of what can be quoted of it."""
    nearest = max((unit.sentence.cosine for unit in passage.units), default=0.0)
    return words.evidence(question, nearest, passage.own, passage.title, known)


def known_of(part: Part) -> frozenset[str]:
    """The words of all its passages."""
    return frozenset[str]().union(*(passage.keys for passage in part.passages))


class _Nothing:
    """Why nothing is answered, and what is there instead."""

    def __init__(self, part: Part) -> None:
        self._part = part

    def of(self, absent: Sequence[str]) -> Found:
        titles = dict.fromkeys(p.candidate.title or p.candidate.doc_id for p in self._part.passages)
        instead = "; ".join([*titles][:3])
        return Found([], [f"nothing found on {', '.join(absent)}; found: {instead or 'nothing'}"])

    def missing_place(self) -> str:
        named = self._part.named
        wanted = [" ".join(label) for label in named.labels]
        wanted += [f"{how} {year}" for how, year in named.years]
        return f"nothing found on {', '.join(wanted)}" if wanted else "no passage was found"

    def words(self, best: Unit) -> list[str]:
        part = self._part
        unknown = part.asked.missing(known_of(part), identifiers=True)
        missing = unknown or part.asked.missing(part.passages[best.rank].keys)
        return [f"not in the passages: {', '.join(missing)}"] if missing else []


def _if_named(text: str, found: Found) -> Found:
    """These quotes, unless none has a word of this part or stands under one."""
    question = asked(text)
    near = [quote.unit.own | quote.unit.sentence.near for quote in found.quotes]
    if any(question.coverage(keys) for keys in near) or not near:
        return found
    missing = question.missing(frozenset())
    return replace(
        found, quotes=[], said="", reasons=[f"no sentence found has: {', '.join(missing)}"]
    )


def _in_order(passages: Sequence[Passage], quotes: Sequence[Quote]) -> list[Quote]:
    """As in the documents, the document with the best sentence first."""
    documents = list(dict.fromkeys(passages[q.unit.rank].candidate.doc_id for q in quotes))

    def place(quote: Quote) -> tuple[int, int, int]:
        candidate = passages[quote.unit.rank].candidate
        return documents.index(candidate.doc_id), candidate.ordinal, quote.start

    return sorted(quotes, key=place)


def _citation(candidates: Sequence[Candidate], quote: Quote, score: float) -> Citation:
    candidate = candidates[quote.unit.rank]
    return Citation(
        chunk_id=candidate.chunk_id,
        doc_id=candidate.doc_id,
        doc_version=candidate.doc_version,
        start=quote.start,
        end=quote.end,
        quote=candidate.text[quote.start : quote.end],
        score=round(score, 4),
    )
