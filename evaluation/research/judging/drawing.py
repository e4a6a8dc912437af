"""The claims that the judge's reader learns from: which open sets, and how many of which kind.

Nothing here is of a set that the judge is measured on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from evaluation.lines import packed
from evaluation.research.judging import questions
from evaluation.research.judging.labelled import Judged
from evaluation.research.judging.pairs import Changer
from processors.text.sentences import split_sentences

EVERY = 3  # abstract of SciFact's: there are more than enough


@dataclass(frozen=True, slots=True)
class Counts:
    """How many are drawn of a set's texts; of joined sentences a sixth of the twins, of what is
    not mentioned two fifths."""

    twins: int
    singles: int


DRAWN = {
    "xquad": Counts(6500, 1600),
    "clapnq": Counts(6500, 1600),
    "pubmedqa": Counts(2500, 1000),
    "scifact": Counts(3000, 1000),
    "policyqa": Counts(1200, 500),
}
QUESTIONS = ("one", "two", "three")  # seeds: each gives every question another wrong answer


def draw(folder: Path, seed: str) -> list[Judged]:
    """All pairs, the same ones for the same `seed`. Raises `UserError` if a set is missing."""
    found: list[Judged] = []
    for name, texts in _texts(folder).items():
        changer, counts = Changer(texts, name + seed), DRAWN[name]
        found += changer.twins(counts.twins)
        found += changer.singles(counts.singles)
        found += changer.unmentioned(counts.twins * 2 // 5)
        found += changer.joined(counts.twins // 6)
        if name in WRITTEN:
            found += changer.written(list(WRITTEN[name](folder)))
    answers = _answers(folder)
    for each in QUESTIONS:
        found += questions.pairs(answers, each + seed)
    return found + list(_sick(folder))


def _texts(folder: Path) -> dict[str, list[str]]:
    """By set, the passages that claims are made from."""
    clapnq = (
        passage["text"]
        for part in ("answerable", "unanswerable")
        for row in packed(folder / f"clapnq/dev_{part}.jsonl.gz")
        for passage in row["passages"]
    )
    abstracts = [
        f"{row['title'].rstrip('.')}. {row['text']}"
        for row in packed(folder / "scifact/corpus.jsonl.gz")
    ]
    return {
        "xquad": _unique(r["context"] for r in packed(folder / "xquad_en/questions.jsonl.gz")),
        "clapnq": _unique(clapnq),
        "pubmedqa": [
            " ".join(row["contexts"]) for row in packed(folder / "pubmedqa/questions.jsonl.gz")
        ],
        "scifact": abstracts[::EVERY],
        "policyqa": _unique(r["context"] for r in packed(folder / "policyqa/dev.jsonl.gz")),
    }


def _conclusions(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """What authors conclude from the rest of their abstract."""
    for row in packed(folder / "pubmedqa/questions.jsonl.gz"):
        text = _sentences(" ".join(row["contexts"]))
        for claim in _sentences(row["long_answer"]):
            yield claim, text


def _long_answers(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """What people answer from a passage."""
    for row in packed(folder / "clapnq/dev_answerable.jsonl.gz"):
        text = [each for passage in row["passages"] for each in _sentences(passage["text"])]
        for output in row["output"]:
            for claim in _sentences(output["answer"]):
                yield claim, text


WRITTEN = {"pubmedqa": _conclusions, "clapnq": _long_answers}


def _answers(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """By passage of XQuAD, its questions with their answers."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in packed(folder / "xquad_en/questions.jsonl.gz"):
        found.setdefault(row["context"], []).append((row["question"], row["answers"][0]["text"]))
    return found


def _sick(folder: Path) -> Iterator[Judged]:
    """Entailed or not, its test split left out."""
    for row in packed(folder / "sick/pairs.jsonl.gz"):
        if row["split"] != "test":
            yield Judged(row["hypothesis"], row["premise"], row["label"] == "ENTAILMENT")


def _sentences(text: str) -> list[str]:
    return [text[start:end].strip() for start, end in split_sentences(text, markdown=False)]


def _unique(found: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(found))
