"""Whether answers are withheld when they should be: `python -m evaluation.research.abstention`.

Asks the answerable and unanswerable questions of ClapNQ (and XQuAD's with and without the passage
that answers) over an index made with the pipeline's own stages, and says how well the evidence of
`processors.questions.evidence` tells them apart: as shipped, fitted on the other folds, and fitted
on the other set. AUC is the share of pairs of an answerable and an unanswerable question that stand
in the right order.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from evaluation.lines import packed
from evaluation.stages import Stages, open_stages, through
from evaluation.statistics import Interval, auc, bootstrap
from processors.needs import CHUNKS, EMBEDDER
from processors.ports import StoredChunk
from processors.questions.evidence import WEIGHTS, asked, evidence, keys_of, signals
from schemas.events import DocumentFed
from streams.app.settings import load

Floats = NDArray[np.float64]
TENANT = "abstention"
FOLDS = 5
REPEATS = 5
TARGET = 0.92
_INDEXING = ("ingest", "chunk", "embed", "index")


@dataclass(frozen=True, slots=True)
class Case:
    """A question over some passages; XQuAD's unanswerable ones are over all but the right one."""

    question: str
    doc_id: str
    answerable: bool
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """Signals (cases, signals), shipped evidence and labels of one set."""

    signals: Floats
    shipped: Floats
    labels: NDArray[np.bool_]


def main(
    data: Annotated[
        Path, typer.Option(help="Folder with clapnq and xquad_en.", exists=True, file_okay=False)
    ] = Path("../shared/data"),
    output: Annotated[Path | None, typer.Option(help="Write JSON to this file.")] = None,
    questions: Annotated[int, typer.Option(help="XQuAD questions at most.", min=10)] = 400,
) -> None:
    """How well answerable questions are told from unanswerable ones."""
    documents, cases = _clapnq(data)
    others, asked_there = _xquad(data, questions)
    with tempfile.TemporaryDirectory(prefix="millrace-abstention-") as folder:
        clapnq = _sample(Path(folder) / "clapnq", documents, cases)
        xquad = _sample(Path(folder) / "xquad", others, asked_there)
    rows = {
        "similarity of the best sentence alone": _interval(clapnq.signals[:, 0], clapnq.labels),
        "evidence as shipped": _interval(clapnq.shipped, clapnq.labels),
        f"fitted on other folds ({REPEATS} x {FOLDS})": _held_out(clapnq, xquad),
        "fitted on XQuAD alone": _interval(
            _fit([xquad]) @ _with_one(clapnq.signals).T, clapnq.labels
        ),
    }
    rows["XQuAD: evidence as shipped"] = _interval(xquad.shipped, xquad.labels)
    table = Table("ClapNQ, AUC", "", "95 %")
    for name, (value, low, high) in rows.items():
        table.add_row(name, f"{value:.3f}", f"{low:.3f} to {high:.3f}")
    Console().print(table)
    fitted = _fit([clapnq, xquad])
    Console().print(f"shipped {WEIGHTS}; fitted here {[round(float(w), 2) for w in fitted]}")
    if output is not None:
        found = {
            name: dict(zip(("auc", "low", "high"), row, strict=True)) for name, row in rows.items()
        }
        output.write_text(json.dumps({"target": TARGET, "clapnq": found}, indent=1) + "\n")


def _clapnq(data: Path) -> tuple[list[DocumentFed], list[Case]]:
    documents: list[DocumentFed] = []
    cases: list[Case] = []
    for name, answerable in (("dev_answerable", True), ("dev_unanswerable", False)):
        for row in packed(data / "clapnq" / f"{name}.jsonl.gz"):
            passage = row["passages"][0]
            doc_id = f"{name}/{row['id']}"
            documents.append(_document(doc_id, passage["title"], passage["text"]))
            cases.append(Case(row["input"], doc_id, answerable))
    return documents, cases


def _xquad(data: Path, count: int) -> tuple[list[DocumentFed], list[Case]]:
    rows = list(packed(data / "xquad_en" / "questions.jsonl.gz"))[:count]
    contexts = {row["context_id"]: row for row in rows}
    documents = [
        _document(key, row["title"].replace("_", " "), row["context"])
        for key, row in contexts.items()
    ]
    return documents, [
        Case(row["question"], row["context_id"], not elsewhere, elsewhere)
        for row in rows
        for elsewhere in (False, True)
    ]


def _document(doc_id: str, title: str, body: str) -> DocumentFed:
    return DocumentFed(op="upsert", tenant=TENANT, doc_id=doc_id, version=1, title=title, body=body)


def _sample(folder: Path, documents: Sequence[DocumentFed], cases: Sequence[Case]) -> Sample:
    """Index the documents and take the best passage's signals for each case."""
    settings = load({"data": folder, "bootstrap_servers": "", "redis": {"url": ""}})
    with ExitStack() as stack:
        stages = open_stages(settings, stack, _INDEXING)
        _index(stages, documents)
        vectors = stages.ports[EMBEDDER].embed_queries([case.question for case in cases])
        chunks: dict[str, list[StoredChunk]] = {}
        for chunk in stages.ports[CHUNKS].scan(TENANT):
            chunks.setdefault(chunk.doc_id, []).append(chunk)
        found = [
            max(_looked_at(case, chunk, vector) for chunk in _passages(case, chunks, vector))
            for case, vector in zip(cases, vectors, strict=True)
        ]
    return Sample(
        np.array([each[1:] for each in found]),
        np.array([each[0] for each in found]),
        np.array([case.answerable for case in cases]),
    )


def _passages(
    case: Case, chunks: dict[str, list[StoredChunk]], vector: NDArray[np.float32]
) -> list[StoredChunk]:
    """The passages a case is asked over: its own, or the ten nearest of all others."""
    if not case.elsewhere:
        return chunks[case.doc_id]
    others = [c for doc_id, some in chunks.items() if doc_id != case.doc_id for c in some]
    return sorted(others, key=lambda c: -float(c.vector.astype(np.float32) @ vector))[:10]


def _looked_at(
    case: Case, chunk: StoredChunk, vector: NDArray[np.float32]
) -> tuple[float, float, float, float, float]:
    question = asked(case.question)
    cosines = chunk.sentence_vectors.astype(np.float32) @ vector
    similarity = float(cosines.max()) if len(cosines) else 0.0
    own, title = keys_of(chunk.text, chunk.heading), keys_of(chunk.title, chunk.doc_id)
    shipped = evidence(question, similarity, own, title, own | title)
    return (shipped, *signals(question, similarity, own, title))


def _index(stages: Stages, documents: Sequence[DocumentFed]) -> None:
    """Through the document stages, in process."""
    events: list[Any] = list(documents)
    for name in _INDEXING:
        events = through(stages[name], events)


def _interval(scores: Floats, labels: NDArray[np.bool_]) -> Interval:
    """AUC, and its interval over the questions."""
    return bootstrap(len(labels), lambda rows: auc(scores[rows], labels[rows]))


def _held_out(sample: Sample, other: Sample) -> Interval:
    """Each fold scored by weights fitted on the other folds and the other set."""
    scores = np.zeros(len(sample.labels))
    for repeat in range(REPEATS):
        folds = np.random.default_rng(repeat).permutation(len(sample.labels)) % FOLDS
        for fold in range(FOLDS):
            kept = folds != fold
            part = Sample(sample.signals[kept], sample.shipped[kept], sample.labels[kept])
            scores[~kept] += _with_one(sample.signals[~kept]) @ _fit([part, other])
    return _interval(scores, sample.labels)


def _with_one(signals: Floats) -> Floats:
    return np.c_[signals, np.ones(len(signals))]


def _fit(samples: Sequence[Sample]) -> Floats:
    """Weights and intercept of a logistic regression, each set weighing alike (Newton's method)."""
    inputs = np.concatenate([_with_one(sample.signals) for sample in samples])
    labels = np.concatenate([sample.labels for sample in samples]).astype(float)
    share = np.concatenate([np.full(len(s.labels), 500 / len(s.labels)) for s in samples])
    ridge = np.array([0.1] * (inputs.shape[1] - 1) + [1e-6])
    weights = np.zeros(inputs.shape[1])
    for _ in range(50):
        likely = 1 / (1 + np.exp(-inputs @ weights))
        slope = inputs.T @ (share * (likely - labels)) + ridge * weights
        curve = (inputs.T * (share * likely * (1 - likely))) @ inputs + np.diag(ridge)
        weights -= np.linalg.solve(curve, slope)
    return weights


if __name__ == "__main__":
    typer.run(main)
