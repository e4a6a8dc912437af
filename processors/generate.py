"""`generate`, extractive: the sentences that answer, quoted and cited, or an abstention."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

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
    reads: str  # as it reads in an answer
    cosine: float
    near: frozenset[str]  # keys of what it stands under


@dataclass(frozen=True, slots=True)
class _Pick:
    sentence: _Sentence
    score: float  # compares the sentences of one question
    evidence: float


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
    picks, reasons = _pick(question, candidates, config)
    yield QuestionAnswered(
        request_id=event.question.request_id,
        tenant=event.question.tenant,
        status="abstained" if reasons else "answered",
        answer="" if reasons else _join([pick.sentence.reads for pick in picks]),
        citations=[] if reasons else [_citation(candidates, pick) for pick in picks],
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
) -> tuple[list[_Pick], list[str]]:
    """What to quote in reading order; else nothing, and why."""
    keys = [keys_of(c.text, c.title, c.heading, c.doc_id) for c in candidates]
    known = frozenset[str]().union(*keys)
    picks = list(_scored(question, candidates, keys, known))
    if not picks:
        return [], ["no passage was found"]
    picks.sort(key=lambda pick: (-pick.score, pick.sentence.rank, pick.sentence.start))
    chosen: list[_Pick] = []
    for pick in picks:
        if len(chosen) == config.max_sentences or pick.score < picks[0].score - config.margin:
            break
        if all(pick.sentence.reads != other.sentence.reads for other in chosen):
            chosen.append(pick)
    best = max(pick.evidence for pick in chosen)
    if best < config.abstain_below:
        reasons = [f"evidence {best:.2f} is below {config.abstain_below:.2f}"]
        unknown = question.missing(known, identifiers=True)
        if missing := unknown or question.missing(keys[chosen[0].sentence.rank]):
            reasons.append(f"not in the passages: {', '.join(missing)}")
        return [], reasons
    return _in_order(candidates, chosen), []


def _scored(
    question: Asked,
    candidates: Sequence[Candidate],
    keys: Sequence[frozenset[str]],
    known: frozenset[str],
) -> Iterator[_Pick]:
    top = max((c.score for c in candidates), default=0.0)
    for rank, candidate in enumerate(candidates):
        sentences = list(_sentences(rank, candidate))
        share = max(candidate.score / top, 0.0) if top > 0 and isfinite(top) else 0.0
        covered = question.coverage(keys[rank])
        nearest = max((s.cosine for s in sentences), default=0.0)
        strength = evidence(question, nearest, keys[rank], known)
        for sentence in sentences:
            own = keys_of(candidate.text[sentence.start : sentence.end])
            score = (
                _COSINE * sentence.cosine
                + _OWN_TERMS * question.coverage(own)
                + _NEAR_TERMS * question.coverage(own | sentence.near)
                + _PASSAGE_TERMS * covered
                + _RANK * share
                + _FITS * question.fits(sentence.reads)
            )
            yield _Pick(sentence, score, strength)


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
            reads = _row(header or [], _cells(sentence))
            near |= keys_of(*header or [])
        else:
            header = None
            reads = _readable(sentence)
            if sentence.endswith(":"):
                intro = keys_of(sentence)
            elif not _MARKER.match(sentence):
                intro = frozenset[str]()
        if reads:
            yield _Sentence(rank, start, end, reads, cosine, near)


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
