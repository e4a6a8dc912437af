"""Sets of questions over their documents, with what a right answer has."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from evaluation.lines import packed
from evaluation.research.reading.answered import Given

Verdict = Literal["right", "wrong", "abstained"]
_MARKS = re.compile("[\u00ad\u200b\u2060\ufeff*`]")


@dataclass(frozen=True, slots=True)
class Gold:
    """Documents (id, title, text), questions by id, and whether what is given is right.

    `silent` are the questions that are rightly abstained from, `kinds` says of what kind each is.
    """

    documents: list[tuple[str, str, str]]
    questions: dict[str, str]
    right: Callable[[str, Given], bool]
    silent: frozenset[str] = frozenset()
    kinds: Mapping[str, str] = field(default_factory=dict[str, str])

    def verdict(self, key: str, given: Given | None) -> Verdict:
        """What becomes of a question that is answered so, or abstained from (None)."""
        if given is None:
            return "right" if key in self.silent else "abstained"
        return "right" if self.right(key, given) else "wrong"


def clapnq(folder: Path, most: int) -> Gold:
    """Half of the questions have no answer in their passage."""
    documents: dict[str, tuple[str, str, str]] = {}
    questions: dict[str, str] = {}
    wanted: dict[str, list[str]] = {}
    for part in ("answerable", "unanswerable"):
        for number, row in enumerate(packed(folder / f"clapnq/dev_{part}.jsonl.gz")):
            if number == most // 2:
                break
            passage = row["passages"][0]
            documents[passage["text"]] = (f"p{len(documents)}", passage["title"], passage["text"])
            key = f"{part} {number}"
            questions[key] = row["input"]
            said = row["output"][0].get("selected_sentences") if row.get("output") else None
            wanted[key] = [_plain(each) for each in said or ()]

    def right(key: str, given: Given) -> bool:
        quotes = [_plain(each) for each in given.quotes]
        return any(w in q or (q in w and len(q) > len(w) / 2) for w in wanted[key] for q in quotes)

    return Gold([*documents.values()], questions, right)


def xquad(folder: Path, most: int) -> Gold:
    """Of half of the questions the passage that answers is not there."""
    rows = list(packed(folder / "xquad_en/questions.jsonl.gz"))
    texts = sorted({row["context"] for row in rows})
    random.Random(1).shuffle(texts)
    there = {*texts[: len(texts) // 2]}
    some = random.Random(2).sample(rows, min(most, len(rows)))
    titles = {row["context"]: row["title"].replace("_", " ") for row in rows}
    documents = [(f"p{n}", titles[text], text) for n, text in enumerate(texts) if text in there]
    questions = {str(number): row["question"] for number, row in enumerate(some)}

    def right(key: str, given: Given) -> bool:
        row = some[int(key)]
        said = _plain(given.text)
        return row["context"] in there and any(_plain(a["text"]) in said for a in row["answers"])

    return Gold(documents, questions, right)


def bank(folder: Path, corpus: Path) -> Gold:
    """A folder with `questions.jsonl`: `must` and `must_not` of each, and `pairs` of several."""
    documents = [(row["_id"], row["title"], row["text"]) for row in packed(corpus)]
    titles = {key: title for key, title, _ in documents}
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = {row["_id"]: row for row in map(json.loads, lines)}

    def right(key: str, given: Given) -> bool:
        row, text = rows[key], given.text
        if not row["answerable"]:
            return False
        if row.get("pairs"):
            about = f"{text} {' '.join(titles[each] for each in given.documents)}"
            values = {
                min(pair["value"])
                for pair in row["pairs"]
                if any(holds(text, value) for value in pair["value"])
                and any(holds(about, product) for product in pair["product"])
            }
            return len(values) >= row.get("min_values", 2)
        whole = all(any(holds(text, way) for way in ways) for ways in row["must"])
        return whole and not any(holds(text, other) for other in row["must_not"])

    silent = [key for key, row in rows.items() if not row["answerable"] or row.get("or_abstain")]
    return Gold(
        documents,
        {key: row["question"] for key, row in rows.items()},
        right,
        frozenset(silent),
        {key: row.get("kind", "") for key, row in rows.items()},
    )


def holds(text: str, wanted: str) -> bool:
    """Whether it stands there, numbers as whole numbers: "5%" is not in "2.5%"."""
    wanted = _plain(wanted)
    before = r"(?<!\d)(?<!\d[.,])" if wanted[:1].isdecimal() else ""
    after = r"(?!\d)(?![.,]\d)" if wanted[-1:].isdecimal() else ""
    return re.search(before + re.escape(wanted) + after, _plain(text)) is not None


def _plain(text: str) -> str:
    return " ".join(_MARKS.sub("", text).replace("\u2019", "'").casefold().split())
