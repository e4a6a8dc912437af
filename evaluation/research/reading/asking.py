"""Held-out questions over a corpus of held-out passages, half of them without their passage."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.research.reading import rows

SETS = {  # questions drawn of each
    "awsdocs_faq": 30,
    "covid_faq_usgov": 20,
    "msdocs_faq": 60,
    "omosqa_en": 60,
    "qed_dev": 60,
    "squad1_test_split": 60,
    "squadshifts_amazon": 60,
    "squadshifts_new_wiki": 60,
    "squadshifts_reddit": 60,
    "tatqa_text": 40,
    "timeqa_human": 40,
    "usgov_faq": 50,
}
# Further ones, about other passages of such sets: weights of signals are fitted to them.
FURTHER = {
    "aitqa_table": 54,
    "awsdocs_faq": 23,
    "boolq_sample": 100,
    "msdocs_faq": 100,
    "qed_dev": 54,
    "selqa": 140,
    "squad1_test_split": 200,
    "squadshifts_amazon": 120,
    "squadshifts_new_wiki": 200,
    "squadshifts_reddit": 120,
    "tatqa_table": 60,
    "tatqa_text": 39,
    "timeqa_human": 130,
}
MORE = 60  # passages of each set that nothing is asked about


@dataclass(frozen=True, slots=True)
class Held:
    """A question, and what a right answer has: one of `answers`, or to be of `document`."""

    number: str
    question: str
    document: str
    answers: tuple[str, ...]
    there: bool


def drawn(
    folder: Path, sets: Mapping[str, int] = SETS, *, further: bool = False
) -> tuple[list[tuple[str, str, str]], list[Held]]:
    """Documents (id, title, text) and questions; the same ones each time.

    `further`: past those of `SETS`, and none about their passages.
    """
    documents: dict[str, tuple[str, str, str]] = {}
    questions: list[Held] = []
    for name, count in sets.items():
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            found = [json.loads(line) for line in file]
        rng = random.Random(name)
        rng.shuffle(found)
        held = [r for r in found if rows.held(r["passage"][:400]) and r["answers"] != []]
        others = [r for r in found if not rows.held(r["passage"][:400])]
        if further:
            first, held = held[: SETS.get(name, 0)], held[SETS.get(name, 0) :]
            known = {row["passage"] for row in first}
            held = [row for row in held if row["passage"] not in known]
            others = others[MORE:]
        for number, row in enumerate(held[:count]):
            text: str = row["passage"]
            key = f"{name}-{zlib.crc32(text.encode()):08x}"
            there = zlib.crc32(key.encode()) % 5 > 1  # three fifths
            if there:
                documents[key] = (key, row.get("title") or "", text)
            answers = tuple(a["text"] for a in row["answers"] or ())
            questions.append(Held(f"{name} {number}", row["question"].strip(), key, answers, there))
        for row in others[:MORE]:
            key = f"{name}-{zlib.crc32(row['passage'].encode()):08x}"
            documents[key] = (key, row.get("title") or "", row["passage"])
    return list(documents.values()), questions


def right(held: Held, answer: str, documents: Sequence[str]) -> bool:
    """Whether an answer is: what was marked as the answer stands in it, or it is of the passage.

    Another passage may say the same, so that what was marked counts where its own is not there.
    """
    if held.answers:
        said = _plain(answer)
        return any(_plain(each) in said for each in held.answers)
    return held.there and held.document in documents


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
