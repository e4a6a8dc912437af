"""An answer as it is kept: for whom, for which question, and on which chunks it rests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

from processors.caching.canonical import canonical
from processors.guard.access import Access
from processors.ports import StoredChunk
from schemas.events import Candidate, Carried, Citation, QuestionClosed


@dataclass(frozen=True, slots=True)
class Caching:
    """For how long an answer is kept, and how near a question has to be that gets another's."""

    kept_s: float = 3600.0
    similar: float = 0.7  # cosine; see docs/caching.md


@dataclass(frozen=True, slots=True)
class Rest:
    """A chunk that the answerer read, as it was."""

    chunk_id: str
    doc_id: str
    doc_version: int
    digest: str

    def is_now(self, chunk: StoredChunk) -> bool:
        """Whether the store has it as it was."""
        return self.doc_version == chunk.doc_version and self.digest == digest(chunk.text)


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that may be given again."""

    query: str
    request_id: str
    answer: str
    citations: Sequence[Citation]
    tier: str
    model: str
    rests: Sequence[Rest]

    def encoded(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()


def decoded(value: bytes) -> Kept | None:
    """What `encoded` wrote; None where another release wrote it in another form."""
    try:
        said: dict[str, Any] = json.loads(value)
        lists: dict[str, Any] = {
            "citations": [Citation(**each) for each in said["citations"]],
            "rests": [Rest(**each) for each in said["rests"]],
        }
        return Kept(**(said | lists))
    except (ValueError, TypeError, KeyError):
        return None


def kept(event: QuestionClosed) -> Kept | None:
    """What may be given again of a closed question: a whole answer that no fallback made."""
    answer, carried = event.answer, event.carried
    whole = answer.status == "answered" and not answer.reasons and not answer.cached
    if not whole or answer.degraded or carried.degraded or not event.passages:
        return None
    return Kept(
        query=carried.question.query,
        request_id=carried.question.request_id,
        answer=answer.answer,
        citations=answer.citations,
        tier=answer.tier,
        model=answer.model,
        rests=[Rest(c.chunk_id, c.doc_id, c.doc_version, digest(c.text)) for c in event.passages],
    )


@dataclass(frozen=True, slots=True)
class Keys:
    """Where an answer is kept: under the question's words, and under its form if it has one."""

    exact: str
    similar: str

    @property
    def all(self) -> list[str]:
        return [each for each in (self.exact, self.similar) if each]


def keys(carried: Carried, policy: str, access: Access) -> Keys:
    """For a question by somebody with this access, under this policy and these versions."""
    question, versions = carried.question, carried.versions
    scope = {
        "classes": sorted(access.classes),
        "groups": sorted(access.groups),
        "policy": policy,
        "versions": asdict(versions) | {"policy": ""},
        "filters": question.filters,
        "top_k": question.top_k,
    }
    form = canonical(question.query)
    words = " ".join(question.query.split())
    return Keys(_key(scope, "=", words), _key(scope, "~", form) if form else "")


def digest(text: str) -> str:
    """Tells one text from another."""
    return blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()


def passage(
    chunk: StoredChunk,
    score: float = 0.0,
    scores: Mapping[str, float] | None = None,
    sentence_scores: Sequence[float] = (),
) -> Candidate:
    """A chunk as the events of a question show it; without scores, one that an answer rests on."""
    return Candidate(
        chunk_id=chunk.chunk_id,
        doc_id=chunk.doc_id,
        doc_version=chunk.doc_version,
        ordinal=chunk.ordinal,
        title=chunk.title,
        heading=chunk.heading,
        uri=chunk.uri,
        text=chunk.text,
        chunking=chunk.chunking,
        changed_at=chunk.changed_at,
        score=score,
        scores={**(scores or {})},
        sentences=chunk.sentences,
        sentence_scores=[*sentence_scores],
        page=chunk.page,
    )


def _key(scope: Mapping[str, object], kind: str, text: str) -> str:
    said = json.dumps([scope, kind, text], sort_keys=True, ensure_ascii=False)
    return blake2b(said.encode("utf-8", "replace"), digest_size=16).hexdigest()
