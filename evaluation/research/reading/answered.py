"""Questions answered in this process, however little sure: what is said, and how sure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from evaluation.retrieval.inline import Inline
from evaluation.statistics import auc
from processors.ports import Reader
from processors.questions.generate import AnswerConfig, Lookup, answer
from processors.questions.rerank import ranked
from schemas.events import DocumentFed, GenerationRequested, QuestionAnswered
from streams.app.config import retrieval
from streams.app.settings import Settings

TENANT = "measured"
_OPEN = -1.0  # no evidence is too little
_TOP = 10
_TENTHS = 10
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Given:
    """An answer; `documents` are those cited, `quotes` what is cited."""

    text: str
    quotes: tuple[str, ...]
    documents: tuple[str, ...]
    evidence: float


def asked_of(
    settings: Settings, documents: Iterable[tuple[str, str, str]], questions: Mapping[str, str]
) -> dict[str, GenerationRequested]:
    """What `generate` is given for each question over these documents (id, title, text)."""
    config = retrieval(settings)
    with Inline(settings, TENANT) as inline:
        inline.index(
            DocumentFed(
                op="upsert",
                tenant=TENANT,
                doc_id=key,
                title=title or None,
                body=text,
                doc_type="markdown",
                version=1,
            )
            for key, title, text in documents
        )
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
    events: Mapping[str, GenerationRequested], reader: Reader | None, passages: int = 5
) -> dict[str, Given]:
    """What is answered with any evidence; nothing where what is named is nowhere."""
    config = AnswerConfig(abstain_below=_OPEN, sure=_OPEN, passages=passages)
    given: dict[str, Given] = {}
    for key, event in events.items():
        lookup = Lookup(event, config)
        askings = lookup.askings(passages) if reader is not None else []
        readings = reader.read(askings) if reader is not None and askings else None
        for made in answer(lookup, readings, config=config, now=lambda: 0):
            if isinstance(made, QuestionAnswered) and made.citations:
                cited = made.citations
                given[key] = Given(
                    made.answer or "",
                    tuple(each.quote for each in cited),
                    tuple(each.doc_id for each in cited),
                    max(each.score or 0.0 for each in cited),
                )
    return given


def logits(evidence: Sequence[float]) -> Floats:
    """Probabilities as logits, none of them endless."""
    clipped = np.clip(np.array(evidence, np.float64), 1e-4, 1 - 1e-4)
    return np.array([log(each / (1 - each)) for each in clipped])


def fitted(found: Floats, right: Flags, rounds: int = 50) -> tuple[float, float]:
    """Scale and shift of a logistic regression of `right` on logits, by Newton's method."""
    rows = np.stack([found, np.ones_like(found)], 1)
    weights = np.array([1.0, 0.0])
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
