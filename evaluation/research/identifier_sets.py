"""`python -m evaluation.research.identifier_sets SHARED_DATA OUT`: sets that ask by identifier.

BEIR folders of NIST SP 800-53 (control ids, in three spellings), of Walmart and Amazon and of Abt
and Buy products (model numbers of the one shop, asked of the other), and of ObliQA (paragraph
numbers).
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from evaluation.lines import packed
from evaluation.retrieval import beir

CATALOG = "rev5-2020-12"
PARAGRAPH = re.compile(r"\d+(\.\d+){2,}(\.?\(\w+\))*")
PARAGRAPHS = 500
FEWEST = 4  # letters and digits of a model number
SEED = 7

Asked = Iterable[tuple[str, set[str]]]


def nist(data: Path) -> tuple[list[Mapping[str, str]], Asked]:
    """Each control by its label, in a sentence, and in lower case with a space."""
    found = [r for r in packed(data / "nist_800_53/controls.jsonl.gz") if r["catalog"] == CATALOG]
    kept = [row for row in found if (row["statement"] + row["guidance"]).strip()]
    corpus: list[Mapping[str, str]] = [
        {
            "_id": row["_id"],
            "title": f"{row['label']} {row['title']}",
            "text": f"{row['statement']}\n\n{row['guidance']}".strip(),
        }
        for row in kept
    ]
    asked = [
        (form, {row["_id"]})
        for row in kept
        for form in (
            row["label"],
            f"What does control {row['label']} require?",
            row["label"].lower().replace("(", " ("),
        )
    ]
    return corpus, asked


def walmart(data: Path) -> tuple[list[Mapping[str, str]], Asked]:
    """The model number of a left record, where right records have it, bare and in a question."""
    right = [*packed(data / "walmart_amazon/right.jsonl.gz")]
    corpus: list[Mapping[str, str]] = [
        {
            "_id": row["_id"],
            "title": row["title"],
            "text": f"{row['title']}. Brand: {row.get('brand', '')}. Category: "
            f"{row.get('category', '')}. Model: {row.get('modelno', '')}. "
            f"Price: {row.get('price', '')}.",
        }
        for row in right
    ]
    asked: list[tuple[str, set[str]]] = []
    for row in packed(data / "walmart_amazon/left.jsonl.gz"):
        model = row.get("modelno", "")
        bare = re.sub(r"\W+", "", model)
        if not re.search(r"\d", model):
            continue
        bearers = {
            each["_id"]
            for each in right
            if re.sub(r"\W+", "", each.get("modelno", "")) == bare
            or f" {model} " in f" {each['title']} "
        }
        if bearers:
            asked += [(model, bearers), (f"how much is the {row['brand']} {model}", bearers)]
    return corpus, asked


def abt(data: Path) -> tuple[list[Mapping[str, str]], Asked]:
    """The model number of a left record (its last word), asked of the right records with it."""
    right = [*packed(data / "abt_buy/right.jsonl.gz")]
    corpus: list[Mapping[str, str]] = [
        {
            "_id": row["_id"],
            "title": row["name"],
            "text": f"{row['name']}. {row.get('description', '')} Price: {row.get('price', '')}.",
        }
        for row in right
    ]
    asked: list[tuple[str, set[str]]] = []
    for row in packed(data / "abt_buy/left.jsonl.gz"):
        model = row["name"].split()[-1]
        bare = re.sub(r"\W+", "", model)
        if not re.search(r"\d", model) or len(bare) < FEWEST:
            continue
        bearers = {
            each["_id"]
            for each in right
            if any(re.sub(r"\W+", "", word) == bare for word in each["name"].split())
        }
        if bearers:
            asked += [(model, bearers), (f"how much is the {model}", bearers)]
    return corpus, asked


def obliqa(data: Path) -> tuple[list[Mapping[str, str]], Asked]:
    """Paragraph numbers; any rulebook's paragraph of that number is right."""
    rows = [*packed(data / "obliqa/corpus.jsonl.gz")]
    bearers: dict[str, set[str]] = {}
    for row in rows:
        bearers.setdefault(row["passage_id"], set()).add(row["_id"])
    numbers = sorted(number for number in bearers if PARAGRAPH.fullmatch(number))
    drawn = random.Random(SEED).sample(numbers, min(PARAGRAPHS, len(numbers)))
    asked = [
        (form, bearers[number])
        for number in drawn
        for form in (number, f"What does paragraph {number} say?")
    ]
    return [{"_id": r["_id"], "title": r["title"], "text": r["text"]} for r in rows], asked


def main(data: Path, out: Path) -> None:
    for make in (nist, walmart, abt, obliqa):
        corpus, asked = make(data)
        wanted: dict[str, set[str]] = {}
        for text, bearers in asked:
            wanted.setdefault(text, set()).update(bearers)
        beir.write(
            out / f"{make.__name__}-identifiers",
            corpus,
            {text: text for text in wanted},
            {text: dict.fromkeys(sorted(of), 1) for text, of in wanted.items()},
        )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m evaluation.research.identifier_sets SHARED_DATA OUT")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
