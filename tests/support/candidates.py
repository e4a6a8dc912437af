"""Candidates made for a test, and what is answered from them by similarity and words."""

from processors.questions.generate import AnswerConfig, generate
from processors.text.sentences import split_sentences
from schemas.events import Candidate, GenerationRequested, QuestionAnswered, QuestionClosed
from tests.support.question_events import carried

FEES = """\
# Fees

Transfers are booked daily.

| Type | Fee | Longest term |
|---|---|---|
| Bid bond | 0.40 percent | 6 months |
| Performance guarantee | 1.20 percent | 48 months |
"""


def candidate(
    text: str,
    cosines: dict[str, float] | None = None,
    *,
    doc_id: str = "fees.md",
    ordinal: int = 0,
    score: float = 1.0,
) -> Candidate:
    """A candidate whose sentences score .3, or what `cosines` says of a part of them."""
    spans = split_sentences(text)
    known = cosines or {}
    scores = [
        max((c for part, c in known.items() if part in text[start:end]), default=0.3)
        for start, end in spans
    ]
    return Candidate(
        chunk_id=f"{doc_id}/{ordinal}",
        doc_id=doc_id,
        doc_version=4,
        ordinal=ordinal,
        title="",
        heading="",
        uri="",
        text=text,
        chunking="c",
        changed_at=1,
        score=score,
        scores={},
        sentences=[place for span in spans for place in span],
        sentence_scores=scores,
    )


def answer(
    query: str, *candidates: Candidate, config: AnswerConfig | None = None
) -> QuestionAnswered:
    event = GenerationRequested(
        carried=carried(query, degraded=["rerank: fused order"], timings_ms={"admit": 1.5}),
        candidates=list(candidates),
        tier="local",
        model="extractive",
    )
    only, closed = generate(event, config=config or AnswerConfig(), now=lambda: 77)
    assert isinstance(only, QuestionAnswered)
    assert isinstance(closed, QuestionClosed)
    assert (closed.answer, closed.closed_at) == (only, 77)
    assert closed.passages == event.candidates[: (config or AnswerConfig()).candidates]
    for citation in only.citations:
        cited = next(c for c in candidates if c.chunk_id == citation.chunk_id)
        assert citation.quote == cited.text[citation.start : citation.end]
        assert (citation.doc_id, citation.doc_version) == (cited.doc_id, 4)
        assert 0 <= citation.score <= 1
    return only
