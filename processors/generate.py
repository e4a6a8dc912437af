"""`generate`, extractive: the sentences that answer, quoted and cited, or an abstention."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, isfinite

from processors.evidence import Asked, asked, evidence, keys_of
from schemas.events import (
    Candidate,
    Citation,
    GenerationRequested,
    QuestionAnswered,
    Usage,
    Versions,
)

# How sentences are ordered: softmax regression on which sentence of the retrieved passages holds
# the answer, 1,190 XQuAD questions (81 % first, 92 % among the first two, on the half held out).
_COSINE = 5.0
_OWN_TERMS = 3.0  # the question's terms in the sentence itself
_NEAR_TERMS = 3.0  # and in its title, headings, table header or the line that introduces it
_PASSAGE_TERMS = 3.0
_RANK = 4.0  # the candidate's score as a share of the best one's
_FITS = 1.7  # a number where a number is asked for

_MARKER = re.compile(r"\s*(?:>\s*)*(?:[-*+•‣◦▪]|\d{1,3}[.)]|\(?[a-z\d]{1,3}\))\s+")
_DELIMITER = re.compile(r"[\s|:\-]*-[\s|:\-]*\Z")
_CELLS = re.compile(r"(?<!\\)\|")
_HEADING = re.compile(r"#{1,6}\s|[^\n]*\n[ \t]*(?:=+|-+)[ \t]*\Z")
_OPENING_FENCE = re.compile(r"(?:`{3,}|~{3,})[^\n]*\n")
_CLOSING_RULE = re.compile(r"\n\s*(?:[-*_=]{3,}|`{3,}|~{3,})\s*\Z")
_ENDED = (".", "!", "?", "…", "。", "！", "？", ":", ";")  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class AnswerConfig:
    """When to answer, and with how much."""

    abstain_below: float = 0.5  # evidence, 0 to 1; see `processors.evidence`
    max_sentences: int = 3
    # A further sentence is quoted if its odds of being the answer are at least exp(-margin) of the
    # best one's: at 1, 1.35 sentences on average, of which one holds the answer in 89 % (XQuAD).
    margin: float = 1.0
    candidates: int = 10  # that are read, best first


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence that may be quoted, `text[start:end]` of candidate number `rank`."""

    rank: int
    start: int
    end: int
    cosine: float
    near: frozenset[str]  # keys of what it stands under
    header: Sequence[str] | None  # of the table it is a row of

    def reads(self, text: str) -> str:
        """As it reads in an answer; empty where nothing of it does."""
        sentence = text[self.start : self.end]
        if self.header is None:
            return _readable(sentence)
        return _row(self.header, _cells(sentence))


class _Passage:
    """A candidate while its sentences are compared; what is costly is worked out when asked for."""

    def __init__(
        self, question: Asked, rank: int, candidate: Candidate, keys: frozenset[str], share: float
    ) -> None:
        self.text = candidate.text
        self.keys = keys
        self._question = question
        self._covered = question.coverage(keys)
        self._base = _PASSAGE_TERMS * self._covered + _RANK * share
        self._rank = rank
        self._candidate = candidate

    @cached_property
    def sentences(self) -> dict[int, _Sentence]:
        """What can be quoted of it, by where it starts."""
        return {each.start: each for each in _sentences(self._rank, self._candidate)}

    def bounds(self) -> Iterator[tuple[float, int, int]]:
        """The most a sentence can score, and where it is: its words are words of its passage."""
        most = self._base + (_OWN_TERMS + _NEAR_TERMS) * self._covered + _FITS
        flat, cosines = self._candidate.sentences, self._candidate.sentence_scores
        for start, cosine in zip(flat[::2], cosines, strict=False):
            yield most + _COSINE * cosine, self._rank, start

    def score(self, sentence: _Sentence, reads: str) -> float:
        """Compares the sentences of one question."""
        question = self._question
        own = keys_of(self.text[sentence.start : sentence.end])
        return (
            self._base
            + _COSINE * sentence.cosine
            + _OWN_TERMS * question.coverage(own)
            + _NEAR_TERMS * question.coverage(own | sentence.near)
            + _FITS * question.fits(reads)
        )

    def evidence(self, known: frozenset[str]) -> float:
        """How likely it answers, by the nearest of what can be quoted."""
        nearest = sorted(self.sentences.values(), key=lambda each: -each.cosine)
        cosine = next((each.cosine for each in nearest if each.reads(self.text)), 0.0)
        return evidence(self._question, cosine, self.keys, known)


@dataclass(frozen=True, slots=True)
class _Pick:
    sentence: _Sentence
    reads: str
    score: float


def generate(
    event: GenerationRequested,
    *,
    config: AnswerConfig,
    versions: Versions,
    now: Callable[[], int],
) -> Iterable[QuestionAnswered]:
    """The fewest sentences that answer the question, or `abstained` with the reason.

    A quote is exactly `text[start:end]` of its candidate; the answer has the same words, readable:
    without list marks, a table row as "header: value" pairs.
    """
    question = asked(event.question.query)
    candidates = event.candidates[: config.candidates]
    picks, strength, reasons = _pick(question, candidates, config)
    yield QuestionAnswered(
        request_id=event.question.request_id,
        tenant=event.question.tenant,
        status="abstained" if reasons else "answered",
        answer="" if reasons else _join([pick.reads for pick in picks]),
        citations=[_citation(candidates, pick, strength) for pick in picks],
        reasons=reasons,
        degraded=event.degraded,
        tier=event.tier,
        model=event.model,
        versions=versions,
        usage=Usage(input_tokens=0, output_tokens=0, cost=0.0),
        timings_ms=event.timings_ms,
        answered_at=now(),
    )


def _pick(
    question: Asked, candidates: Sequence[Candidate], config: AnswerConfig
) -> tuple[list[_Pick], dict[int, float], list[str]]:
    """What to quote in reading order and the evidence of each candidate; else nothing, and why."""
    keys = [keys_of(c.text, c.title, c.heading, c.doc_id) for c in candidates]
    known = frozenset[str]().union(*keys)
    top = max((c.score for c in candidates), default=0.0)
    passages = [
        _Passage(question, rank, c, keys[rank], _share(c.score, top))
        for rank, c in enumerate(candidates)
    ]
    chosen = _chosen(passages, config)
    if not chosen:
        return [], {}, ["no passage was found"]
    ranks = {pick.sentence.rank for pick in chosen}
    strength = {rank: passages[rank].evidence(known) for rank in ranks}
    best = max(strength.values())
    if best < config.abstain_below:
        reasons = [f"evidence {best:.2f} is below {config.abstain_below:.2f}"]
        unknown = question.missing(known, identifiers=True)
        if missing := unknown or question.missing(keys[chosen[0].sentence.rank]):
            reasons.append(f"not in the passages: {', '.join(missing)}")
        return [], {}, reasons
    return _in_order(candidates, chosen), strength, []


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
        if sentence is not None and (reads := sentence.reads(passage.text)):
            pick = _Pick(sentence, reads, passage.score(sentence, reads))
            picks.append(pick)
            floor = max(floor, pick.score - config.margin)
    picks.sort(key=lambda pick: (-pick.score, pick.sentence.rank, pick.sentence.start))
    chosen: list[_Pick] = []
    for pick in picks:
        if len(chosen) == config.max_sentences or pick.score < floor:
            break
        if all(pick.reads != other.reads for other in chosen):
            chosen.append(pick)
    return chosen


def _sentences(rank: int, candidate: Candidate) -> Iterator[_Sentence]:
    """What can be quoted of a candidate. A heading or a table's header says what is below it."""
    text, flat = candidate.text, candidate.sentences
    above = keys_of(candidate.title, candidate.heading)
    under = intro = frozenset[str]()
    header: list[str] | None = None
    for start, end, cosine in zip(flat[::2], flat[1::2], candidate.sentence_scores, strict=False):
        sentence = text[start:end]
        if _HEADING.match(sentence):
            under, intro, header = keys_of(sentence), frozenset[str](), None
            continue
        first, _, rest = sentence.partition("\n")
        if "|" in first and rest and _DELIMITER.match(rest):
            header = _cells(first)
            continue
        near = above | under | intro
        if sentence.startswith("|") or (header and "|" in sentence):
            row: Sequence[str] | None = header or ()
            near |= keys_of(*row)
        else:
            header = row = None
            if sentence.endswith(":"):
                intro = keys_of(sentence)
            elif not _MARKER.match(sentence):
                intro = frozenset[str]()
        yield _Sentence(rank, start, end, cosine, near, row)


def _cells(row: str) -> list[str]:
    inner = row.strip().removeprefix("|").removesuffix("|")
    return [_readable(cell.strip()) for cell in _CELLS.split(inner)]


def _row(header: Sequence[str], cells: Sequence[str]) -> str:
    names = [*header, *[""] * len(cells)]
    pairs = [
        f"{name}: {cell}" if name else cell
        for name, cell in zip(names, cells, strict=False)
        if cell
    ]
    return "; ".join(pairs)


def _readable(sentence: str) -> str:
    """One line without list marks, emphasis, fences and rules."""
    bare = _CLOSING_RULE.sub("", _OPENING_FENCE.sub("", sentence, count=1))
    return " ".join(_MARKER.sub("", bare, count=1).replace("**", "").split())


def _in_order(candidates: Sequence[Candidate], chosen: Sequence[_Pick]) -> list[_Pick]:
    """As in the documents, the document with the best sentence first."""
    documents = list(dict.fromkeys(candidates[p.sentence.rank].doc_id for p in chosen))

    def place(pick: _Pick) -> tuple[int, int, int]:
        candidate = candidates[pick.sentence.rank]
        return documents.index(candidate.doc_id), candidate.ordinal, pick.sentence.start

    return sorted(chosen, key=place)


def _join(sentences: Sequence[str]) -> str:
    return " ".join(s if s.rstrip("\"'”’)").endswith(_ENDED) else f"{s}." for s in sentences)  # noqa: RUF001


def _citation(
    candidates: Sequence[Candidate], pick: _Pick, strength: Mapping[int, float]
) -> Citation:
    candidate, sentence = candidates[pick.sentence.rank], pick.sentence
    return Citation(
        chunk_id=candidate.chunk_id,
        doc_id=candidate.doc_id,
        doc_version=candidate.doc_version,
        start=sentence.start,
        end=sentence.end,
        quote=candidate.text[sentence.start : sentence.end],
        score=round(strength[sentence.rank], 4),
    )
