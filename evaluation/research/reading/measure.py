"""`python -m evaluation.research.reading.measure`: the reader on sets it was not trained on.

Whether a passage answers, as AUC: ClapNQ's answerable questions against its unanswerable ones,
PolicyQA's and XQuAD's with their own passage against another one of the set.
And where: F1 of words of the likeliest span against the marked ones.
"""

from __future__ import annotations

import random
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from connectors.minilm.embedder import MiniLM
from connectors.minilm.port import SHIPPED
from connectors.minilm.reader import PairReader
from evaluation.lines import packed
from evaluation.research.reading import page
from evaluation.statistics import auc
from processors.ports import Asking, Passage, Reading
from processors.questions.evidence import asked, evidence, keys_of
from processors.text.sentences import split_sentences
from streams.flow.caching import kept

_WORD = re.compile(r"\w+")
_LONGEST = 40  # tokens of a span


@dataclass(frozen=True, slots=True)
class Row:
    question: str
    title: str
    text: str
    answers: tuple[str, ...]  # none: it does not answer


def main(
    data: Annotated[Path, typer.Option(help="The folder of public sets.")] = Path("../shared/data"),
    questions: Annotated[int, typer.Option(help="Of each set at most.", min=10)] = 200,
    output: Annotated[Path | None, typer.Option(help="Write JSON to this file.")] = None,
) -> None:
    """Measure the shipped reader, beside similarity and words alone."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        cache = kept("models", Path(folder))
        with PairReader(cache, SHIPPED) as reader, MiniLM(cache) as model:
            for name, rows in _sets(data, questions).items():
                read = reader.read([Asking(r.question, r.title, r.text) for r in rows])
                found[name] = _scores(rows, read, model)
    table = Table("", "pairs", "AUC reader", "AUC words", "F1 of spans")
    for name, each in found.items():
        table.add_row(
            name,
            f"{each['pairs']:.0f}",
            *(f"{each[key]:.3f}" for key in ("auc", "auc_words", "f1")),
        )
    Console().print(table)
    if output is not None:
        page.kept(found, output)


def _sets(data: Path, most: int) -> dict[str, list[Row]]:
    clapnq: list[Row] = []
    for part in ("answerable", "unanswerable"):
        for row in list(packed(data / f"clapnq/dev_{part}.jsonl.gz"))[: most // 2]:
            passage = row["passages"][0]
            given = row["output"][0].get("selected_sentences") if row.get("output") else None
            answers = tuple(given or (("",) if part == "answerable" else ()))
            clapnq.append(Row(row["input"], passage["title"], passage["text"], answers))
    policy = [
        Row(r["question"], r["site"], r["context"], tuple(a["text"] for a in r["answers"]))
        for r in packed(data / "policyqa/dev.jsonl.gz")
    ]
    xquad = [
        Row(
            r["question"],
            r["title"].replace("_", " "),
            r["context"],
            tuple(a["text"] for a in r["answers"]),
        )
        for r in packed(data / "xquad_en/questions.jsonl.gz")
    ]
    return {
        "clapnq": clapnq,
        "policyqa": _with_others(policy, most, near=False),  # many passages say the same there
        "xquad_en": _with_others(xquad, most, near=True),
    }


def _with_others(rows: Sequence[Row], most: int, *, near: bool) -> list[Row]:
    """Some rows, and their questions with another passage: that which shares most words, or any."""
    rng = random.Random(1)
    some = rng.sample(list(rows), min(most // 2, len(rows)))
    texts = list({row.text: keys_of(row.text) for row in rows}.items())
    made: list[Row] = []
    for row in some:
        question = asked(row.question)
        others = [(question.coverage(keys), text) for text, keys in texts if text != row.text]
        others = [each for each in others if not any(a in each[1] for a in row.answers)]
        other = max(others) if near else rng.choice(others)
        made += [row, Row(row.question, row.title, other[1], ())]
    return made


def _scores(rows: Sequence[Row], readings: Sequence[Reading], model: MiniLM) -> dict[str, float]:
    labels = np.array([bool(row.answers) for row in rows])
    said = np.array([each.answers for each in readings])
    words = np.array([_worded(row, model) for row in rows])
    spans = [
        _f1(_span(row.text, reading), row.answers)
        for row, reading in zip(rows, readings, strict=True)
        if any(row.answers)
    ]
    return {
        "pairs": float(len(rows)),
        "auc": float(auc(said, labels)),
        "auc_words": float(auc(words, labels)),
        "f1": float(np.mean(spans)) if spans else float("nan"),
    }


def _worded(row: Row, model: MiniLM) -> float:
    sentences = [n for span in split_sentences(row.text) for n in span]
    vectors = model.embed_passages([Passage(row.title, row.text, sentences)])[0]
    query = model.embed_queries([row.question])[0]
    near = float((vectors.sentences.astype(np.float32) @ query).max(initial=-1.0))
    own, title = keys_of(row.text), keys_of(row.title)
    return evidence(asked(row.question), near, own, title, own | title)


def _span(text: str, reading: Reading) -> str:
    """The likeliest span."""
    if not len(reading.starts):
        return ""
    best, where = -np.inf, (0, 0)
    order = np.argsort(-reading.starts)[:10]
    for start in order:
        ends = reading.ends[start : start + _LONGEST]
        end = int(start) + int(ends.argmax())
        score = float(reading.starts[start] + reading.ends[end])
        if score > best:
            best, where = score, (int(start), end)
    return text[reading.tokens[where[0]][0] : reading.tokens[where[1]][1]]


def _f1(said: str, answers: Sequence[str]) -> float:
    return max((_overlap(said, each) for each in answers), default=0.0)


def _overlap(said: str, wanted: str) -> float:
    one, other = (Counter(_WORD.findall(text.lower())) for text in (said, wanted))
    both = sum((one & other).values())
    if not both:
        return 0.0
    precision, recall = both / sum(one.values()), both / sum(other.values())
    return 2 * precision * recall / (precision + recall)


if __name__ == "__main__":
    typer.run(main)
