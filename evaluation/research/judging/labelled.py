"""Claims that people judged against evidence: public sets, and JSON lines of one's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.lines import BadLine, packed, read, unusable

Row = dict[str, Any]

_COLUMNS = {"claim": str, "context": str, "supported": bool}
# What ExpertQA's evidence begins with, "[3] https://...": not what an expert read as evidence.
_REFERENCE = re.compile(r"\s*\[\d+\]\s*\S+\s*")
_MARK = re.compile(r"\*\*|\s*\[\d+\]")


@dataclass(frozen=True, slots=True)
class Judged:
    """One claim, what it is held against, and whether people found it supported by that."""

    claim: str
    context: str
    supported: bool


def read_lines(path: Path) -> tuple[list[Judged], list[BadLine]]:
    """The usable lines of a file of `claim`, `context`, `supported`, and those that are not.

    `context` may be a list of texts. Raises `UserError` if the file cannot be read, or if no line
    can be used: a column is missing from all, or each has a fault of its own.
    """
    good, bad, seen = read(path, _judged)
    if not good:
        raise unusable(path, bad, seen, [name for name in _COLUMNS if name not in seen])
    return good, bad


def _judged(row: Row, _: int) -> Judged | str:
    """The line's content, or what is wrong with it."""
    context = row.get("context")
    if isinstance(context, list) and all(isinstance(part, str) for part in context):  # pyright: ignore[reportUnknownVariableType]
        row = {**row, "context": "\n".join(context)}  # pyright: ignore[reportUnknownArgumentType]
    for name, kind in _COLUMNS.items():
        if name not in row:
            return f"has no {name}"
        value = row[name]
        if name == "supported" and value in (0, 1):
            continue
        if not isinstance(value, kind):
            return f"{name} is not {'true or false' if kind is bool else 'a text'}"
        if isinstance(value, str) and not value.strip():
            return f"{name} is empty"
    return Judged(row["claim"], row["context"], bool(row["supported"]))


def read_set(folder: Path, name: str) -> list[Judged]:
    """One of `SETS`, from its folder of public data. Raises `UserError` if it is not there."""
    return list(SETS[name](folder / name))


def _expertqa(folder: Path) -> Iterator[Judged]:
    """Claims whose evidence has a text: complete or partial support against incomplete."""
    for row in packed(folder / "rand_val.jsonl.gz"):
        for answer in row["answers"].values():
            for claim in answer["claims"]:
                texts = [_REFERENCE.sub("", text, count=1) for text in claim["evidence"]]
                context = "\n".join(text for text in texts if text.strip())
                if context and claim["support"] in ("Complete", "Partial", "Incomplete"):
                    text = _MARK.sub("", claim["claim_string"])
                    yield Judged(text, context, claim["support"] != "Incomplete")


def _qags(folder: Path) -> Iterator[Judged]:
    """Sentences of news summaries, by the majority of three votes."""
    for row in packed(folder / "cnndm.jsonl.gz"):
        for sentence in row["summary_sentences"]:
            votes = [vote["response"] == "yes" for vote in sentence["responses"]]
            yield Judged(sentence["sentence"], row["article"], sum(votes) * 2 > len(votes))


def _begin(folder: Path) -> Iterator[Judged]:
    """Turns of dialogue: fully attributable to the given knowledge, or not."""
    for part in ("wow", "cmu", "tc"):
        for row in packed(folder / f"{part}_dev.jsonl.gz"):
            supported = row["begin_label"] == "Fully attributable"
            yield Judged(row["response"], row["knowledge"], supported)


def _fever_symmetric(folder: Path) -> Iterator[Judged]:
    for row in packed(folder / "dev.jsonl.gz"):
        yield Judged(row["claim"], row["evidence"], row["label"] == "SUPPORTS")


def _control_nli(folder: Path) -> Iterator[Judged]:
    for row in packed(folder / "dev.jsonl.gz"):
        yield Judged(row["hypothesis"], row["premise"], row["label"] == "e")


SETS: dict[str, Callable[[Path], Iterator[Judged]]] = {
    "qags": _qags,
    "begin": _begin,
    "expertqa": _expertqa,
    "fever_symmetric": _fever_symmetric,
    "control_nli": _control_nli,
}
MEASURED = tuple(SETS)
