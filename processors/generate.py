"""TEMPORARY scaffold so the pipeline imports; to be overwritten by the real answerer."""
from __future__ import annotations
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from schemas.events import *
@dataclass(frozen=True, slots=True)
class AnswerConfig:
    abstain_below: float = 0.35
    max_sentences: int = 3
def generate(event: GenerationRequested, *, config: AnswerConfig, versions: Versions, now: Callable[[], int]) -> Iterable[QuestionAnswered]:
    c = event.candidates[0] if event.candidates else None
    cit = []
    if c: 
        b=max(range(len(c.sentence_scores)),key=lambda i:c.sentence_scores[i]); s,e=c.sentences[2*b],c.sentences[2*b+1]
        cit=[Citation(chunk_id=c.chunk_id,doc_id=c.doc_id,doc_version=c.doc_version,start=s,end=e,quote=c.text[s:e],score=c.sentence_scores[b])]
    yield QuestionAnswered(request_id=event.question.request_id,tenant=event.question.tenant,status="answered" if c else "abstained",answer=cit[0].quote if cit else "",citations=cit,reasons=[],degraded=event.degraded,tier=event.tier,model=event.model,versions=versions,usage=Usage(input_tokens=0,output_tokens=0,cost=0.0),timings_ms=event.timings_ms,answered_at=now())
