"""`generate`, extractive: the sentences that answer, quoted and cited, or an abstention."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from math import inf, isfinite

from processors.questions.answers import Ended, close
from processors.questions.claims import contradict
from processors.questions.evidence import Asked, asked, evidence, keys_of
from processors.questions.parts import MOST, parts_of
from processors.questions.quoting import Sentence, joined, sentences
from schemas.events import Candidate, Citation, GenerationRequested

# How sentences are ordered: softmax regression on which sentence of the retrieved passages holds
# the answer, 1,190 XQuAD questions (81 % first, 92 % among the first two, on the half held out).
_COSINE = 5.0
_OWN_TERMS = 3.0  # the question's terms in the sentence itself
_NEAR_TERMS = 3.0  # and in its title, headings, table header or the line that introduces it
_PASSAGE_TERMS = 3.0
_RANK = 4.0  # the candidate's score as a share of the best one's
_FITS = 1.7  # a number where a number is asked for
# Sentences that are held against the best one to find contradictions, a millisecond each at most.
_COMPARED = 20


@dataclass(frozen=True, slots=True)
class AnswerConfig:
    """When to answer, and with how much."""

    abstain_below: float = 0.5  # evidence, 0 to 1; see `processors.questions.evidence`
    max_sentences: int = 3  # for each thing that is asked
    # A further sentence is quoted if its odds of being the answer are at least exp(-margin) of the
    # best one's: at 1, 1.35 sentences on average, of which one holds the answer in 89 % (XQuAD).
    margin: float = 1.0
    candidates: int = 10  # that are read, best first


class _Passage:
    """A candidate while its sentences are compared; what is costly is worked out when asked for."""

    def __init__(self, question: Asked, rank: int, candidate: Candidate, share: float) -> None:
        self.text = candidate.text
        self.title = keys_of(candidate.title, candidate.doc_id)
        self.own = keys_of(candidate.text, candidate.heading)
        self.keys = self.own | self.title
        self._question = question
        self._covered = question.coverage(self.keys)
        self._base = _PASSAGE_TERMS * self._covered + _RANK * share
        self._rank = rank
        self._candidate = candidate

    @cached_property
    def sentences(self) -> dict[int, Sentence]:
        """What can be quoted of it, by where it starts."""
        return {each.start: each for each in sentences(self._rank, self._candidate)}

    def bounds(self) -> Iterator[tuple[float, int, int]]:
        """The most a sentence can score, and where it is: its words are words of its passage."""
        most = self._base + (_OWN_TERMS + _NEAR_TERMS) * self._covered + _FITS
        flat, cosines = self._candidate.sentences, self._candidate.sentence_scores
        for start, cosine in zip(flat[::2], cosines, strict=False):
            yield most + _COSINE * cosine, self._rank, start

    def pick(self, sentence: Sentence) -> _Pick | None:
        """The sentence with its score, unless nothing of it can be read out."""
        reads = sentence.reads(self.text)
        if not reads:
            return None
        question = self._question
        own = keys_of(self.text[sentence.start : sentence.end])
        near = question.coverage(own | sentence.near)
        score = (
            self._base
            + _COSINE * sentence.cosine
            + _OWN_TERMS * question.coverage(own)
            + _NEAR_TERMS * near
            + _FITS * question.fits(reads)
        )
        return _Pick(sentence, reads, score, own, near)

    def evidence(self, known: frozenset[str]) -> float:
        """How likely it answers, by the nearest of what can be quoted."""
        nearest = sorted(self.sentences.values(), key=lambda each: -each.cosine)
        cosine = next((each.cosine for each in nearest if each.reads(self.text)), 0.0)
        return evidence(self._question, cosine, self.own, self.title, known)


@dataclass(frozen=True, slots=True)
class _Pick:
    """A sentence to quote; `near` is the share of the question's terms in it and above it."""

    sentence: Sentence
    reads: str
    score: float
    keys: frozenset[str]
    near: float
    evidence: float = 0.0


@dataclass(frozen=True, slots=True)
class _Found:
    """What to quote, in reading order; or nothing, and why."""

    picks: list[_Pick]
    reasons: list[str]
    differing: int = (
        0  # as many of them, the first ones, are of documents that contradict each other
    )


def generate(
    event: GenerationRequested,
    *,
    config: AnswerConfig,
    now: Callable[[], int],
) -> Iterable[Ended]:
    """The fewest sentences that answer the question, or `abstained` with the reason.

    A quote is exactly `text[start:end]` of its candidate; the answer has the same words, readable:
    without list marks, a table row as "header: value" pairs. Of a question with several parts each
    is answered that can be; `reasons` names the others. Where documents contradict each other
    (in a number, a month, a denial, may or must), the answer shows what each says, the newest
    first, with their dates.
    """
    candidates = event.candidates[: config.candidates]
    parts, left = parts_of(event.carried.question.query)
    found = [_looked_up(part, candidates, config) for _, part in parts]
    if len(parts) > 1:
        # A sentence may be near to the whole question, and say nothing of this part of it.
        found = [_if_named(text, each) for (text, _), each in zip(parts, found, strict=True)]
    reasons = [
        reason if len(parts) == 1 else f"{text}: {reason}"
        for (text, _), each in zip(parts, found, strict=True)
        for reason in each.reasons
    ]
    reasons += [f"{text}: not looked up, ask it by itself ({MOST} parts at most)" for text in left]
    quotes: dict[str, _Pick] = {}  # a sentence that answers two parts is said once
    said: list[str] = []
    for part in found:
        differing, others = part.picks[: part.differing], part.picks[part.differing :]
        if any(pick.reads not in quotes for pick in differing):
            said.append(_differing(candidates, differing))
        if fresh := [pick.reads for pick in others if pick.reads not in quotes]:
            said.append(joined(fresh))
        for pick in part.picks:
            quotes.setdefault(pick.reads, pick)
    yield from close(
        event.carried,
        "answered" if quotes else "abstained",
        now(),
        answer=" ".join(said),
        passages=candidates,
        citations=[_citation(candidates, pick) for pick in quotes.values()],
        reasons=reasons,
        tier=event.tier,
        model=event.model,
    )


def _looked_up(question: Asked, candidates: Sequence[Candidate], config: AnswerConfig) -> _Found:
    """What answers one part of the question."""
    top = max((c.score for c in candidates), default=0.0)
    passages = [
        _Passage(question, rank, candidate, _share(candidate.score, top))
        for rank, candidate in enumerate(candidates)
    ]
    known = frozenset[str]().union(*(passage.keys for passage in passages))
    chosen = _chosen(passages, config)
    if not chosen:
        return _Found([], ["no passage was found"])
    ranks = {pick.sentence.rank for pick in chosen}
    strength = {rank: passages[rank].evidence(known) for rank in ranks}
    best = max(strength[pick.sentence.rank] for pick in chosen[: config.max_sentences])
    if best < config.abstain_below:
        reasons = [f"evidence {best:.2f} is below {config.abstain_below:.2f}"]
        unknown = question.missing(known, identifiers=True)
        if missing := unknown or question.missing(passages[chosen[0].sentence.rank].keys):
            reasons.append(f"not in the passages: {', '.join(missing)}")
        return _Found([], reasons)
    chosen = [replace(pick, evidence=strength[pick.sentence.rank]) for pick in chosen]
    differing = _conflict(candidates, chosen)
    others = [pick for pick in chosen[: config.max_sentences] if pick not in differing]
    return _Found([*differing, *_in_order(candidates, others)], [], len(differing))


def _if_named(part: str, found: _Found) -> _Found:
    """These quotes, unless none has a word of this part or stands under one."""
    question = asked(part)
    picks = found.picks
    if any(question.coverage(pick.keys | pick.sentence.near) for pick in picks) or not picks:
        return found
    missing = question.missing(frozenset())
    return _Found([], [f"no sentence found has: {', '.join(missing)}"])


def _share(score: float, top: float) -> float:
    return max(score / top, 0.0) if top > 0 and isfinite(top) else 0.0


def _chosen(passages: Sequence[_Passage], config: AnswerConfig) -> list[_Pick]:
    """The best sentences and those within the margin of the best, no two of which read the same.

    A sentence is looked at only while what it can score at most is within the margin.
    """
    bounds = [bound for passage in passages for bound in passage.bounds()]
    bounds.sort(key=lambda bound: -bound[0])
    picks: list[_Pick] = []
    floor = -inf
    for bound, rank, start in bounds:
        if bound < floor:
            break
        passage = passages[rank]
        sentence = passage.sentences.get(start)
        if sentence is not None and (pick := passage.pick(sentence)):
            picks.append(pick)
            floor = max(floor, pick.score - config.margin)
    picks.sort(key=lambda pick: (-pick.score, pick.sentence.rank, pick.sentence.start))
    chosen: dict[str, _Pick] = {}
    for pick in picks:
        if pick.score < floor:
            break
        chosen.setdefault(pick.reads, pick)
    return [*chosen.values()]


def _conflict(candidates: Sequence[Candidate], chosen: Sequence[_Pick]) -> list[_Pick]:
    """The best sentence and those of other documents that contradict it, the newest first.

    They have the same words, and cover as much of the question with what they stand under: so that
    the fees of two products are no contradiction if it names one. One sentence for each document.
    """
    best = chosen[0]
    by_document = {candidates[best.sentence.rank].doc_id: best}
    for other in chosen[1:_COMPARED]:
        doc_id = candidates[other.sentence.rank].doc_id
        if doc_id in by_document or best.near != other.near:
            continue
        if contradict(best.reads, other.reads):
            by_document[doc_id] = other
    if len(by_document) == 1:
        return []
    return sorted(by_document.values(), key=lambda p: -candidates[p.sentence.rank].changed_at)


def _differing(candidates: Sequence[Candidate], picks: Sequence[_Pick]) -> str:
    """How sentences that contradict each other are shown."""
    said = [f"{_source(candidates[p.sentence.rank])}: {joined([p.reads])}" for p in picks]
    return f"The documents differ. {' '.join(said)}"


def _source(candidate: Candidate) -> str:
    try:
        day = f", {datetime.fromtimestamp(candidate.changed_at / 1000, UTC).date().isoformat()}"
    except (ValueError, OverflowError, OSError):  # a record's timestamp may be any number
        day = ""
    return f"{candidate.title or candidate.doc_id} ({candidate.doc_id}{day})"


def _in_order(candidates: Sequence[Candidate], chosen: Sequence[_Pick]) -> list[_Pick]:
    """As in the documents, the document with the best sentence first."""
    documents = list(dict.fromkeys(candidates[p.sentence.rank].doc_id for p in chosen))

    def place(pick: _Pick) -> tuple[int, int, int]:
        candidate = candidates[pick.sentence.rank]
        return documents.index(candidate.doc_id), candidate.ordinal, pick.sentence.start

    return sorted(chosen, key=place)


def _citation(candidates: Sequence[Candidate], pick: _Pick) -> Citation:
    candidate, sentence = candidates[pick.sentence.rank], pick.sentence
    return Citation(
        chunk_id=candidate.chunk_id,
        doc_id=candidate.doc_id,
        doc_version=candidate.doc_version,
        start=sentence.start,
        end=sentence.end,
        quote=candidate.text[sentence.start : sentence.end],
        score=round(pick.evidence, 4),
    )
