"""Questions answered in this process, however little sure: what is said, and how sure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from evaluation.retrieval.inline import Inline
from evaluation.statistics import auc
from processors.ports import Reader
from processors.questions.generate import AnswerConfig, Lookup, answer
from processors.questions.reading import read
from processors.questions.rerank import ranked
from schemas.events import DocumentFed, GenerationRequested, QuestionAnswered
from streams.app.config import retrieval
from streams.app.settings import Settings

TENANT = "measured"
OPEN = AnswerConfig(abstain_below=-1.0, sure=-1.0)  # no evidence is too little
_TOP = 10
_TENTHS = 10
_AT_ONCE = 8  # questions that are read together
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Given:
    """An answer; `documents` are those cited, `quotes` what is cited."""

    text: str
    quotes: tuple[str, ...]
    documents: tuple[str, ...]
    evidence: float


def plain(documents: Iterable[tuple[str, str, str]]) -> Iterator[DocumentFed]:
    """Texts with ids and titles, as documents that are fed."""
    for key, title, text in documents:
        yield DocumentFed(
            op="upsert",
            tenant=TENANT,
            doc_id=key,
            title=title or None,
            body=text,
            doc_type="markdown",
            version=1,
        )


def asked_of(
    settings: Settings, documents: Iterable[DocumentFed], questions: Mapping[str, str]
) -> dict[str, GenerationRequested]:
    """What `generate` is given for each question over these documents."""
    config = retrieval(settings)
    with Inline(settings, TENANT) as inline:
        inline.index(documents)
        found = inline.retrieved(questions, config)
    events: dict[str, GenerationRequested] = {}
    for key, event in found.items():
        question = replace(event.carried.question, top_k=_TOP)
        event = replace(event, carried=replace(event.carried, question=question))
        events[key] = GenerationRequested(
            carried=event.carried,
            candidates=ranked(event, config),
            tier="extractive",
            model="extractive",
        )
    return events


def answers(
    events: Mapping[str, GenerationRequested],
    reader: Reader | None,
    config: AnswerConfig = OPEN,
) -> dict[str, Given]:
    """What is answered, with any evidence unless `config` asks for some; without what is not.

    Without a reader similarity and words choose.
    """
    given: dict[str, Given] = {}
    for some in _batched(events.items(), _AT_ONCE):
        lookups = [Lookup(event, config) for _, event in some]
        if reader is not None:
            read(lookups, [config.passages] * len(lookups), reader)
        for (key, _), lookup in zip(some, lookups, strict=True):
            for made in answer(lookup, config=config, now=lambda: 0):
                if isinstance(made, QuestionAnswered) and made.citations:
                    given[key] = _given(made)
    return given


def _given(made: QuestionAnswered) -> Given:
    cited = made.citations
    return Given(
        made.answer or "",
        tuple(each.quote for each in cited),
        tuple(each.doc_id for each in cited),
        max(each.score or 0.0 for each in cited),
    )


def _batched(
    rows: Iterable[tuple[str, GenerationRequested]], size: int
) -> Iterator[list[tuple[str, GenerationRequested]]]:
    left = iter(rows)
    while some := list(islice(left, size)):
        yield some


def logits(evidence: Sequence[float]) -> Floats:
    """Probabilities as logits, none of them endless."""
    clipped = np.clip(np.array(evidence, np.float64), 1e-4, 1 - 1e-4)
    return np.array([log(each / (1 - each)) for each in clipped])


def fitted(found: Floats, right: Flags, rounds: int = 50) -> tuple[float, float]:
    """Scale and shift of a logistic regression of `right` on logits, by Newton's method."""
    rows = np.stack([found, np.ones_like(found)], 1)
    weights = np.zeros(2)  # from where Newton's steps are sure not to overshoot
    for _ in range(rounds):
        chance = probabilities(rows @ weights)
        slope = rows.T @ (right - chance)
        bend = (rows * (chance * (1 - chance))[:, None]).T @ rows + 1e-6 * np.eye(2)
        weights = weights + np.linalg.solve(bend, slope)
    return float(weights[0]), float(weights[1])


def probabilities(found: Floats) -> Floats:
    return np.array([1.0 / (1.0 + exp(-max(min(each, 50.0), -50.0))) for each in found])


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far what is said to be sure is right: by tenths, from the least evidence on."""

    tenths: tuple[tuple[float, float], ...]  # mean evidence, share that is right
    error: float  # expected calibration error
    auc: float


def calibration(evidence: Floats, right: Flags) -> Calibration:
    """The reliability of evidence, over tenths of the questions."""
    order = np.argsort(evidence, kind="stable")
    tenths = [
        (float(evidence[some].mean()), float(right[some].mean()), len(some))
        for some in np.array_split(order, _TENTHS)
        if len(some)
    ]
    error = sum(size * abs(said - true) for said, true, size in tenths) / len(right)
    return Calibration(tuple(each[:2] for each in tenths), error, auc(evidence, right))


def precision(evidence: Floats, right: Flags, least: float) -> tuple[float, float]:
    """Of what has at least so much evidence, the share that is right, and how much that is."""
    there = evidence >= least
    return float(right[there].mean()) if there.any() else float("nan"), float(there.mean())
