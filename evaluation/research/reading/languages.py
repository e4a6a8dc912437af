"""`python -m evaluation.research.reading.languages`: what is lost where documents are not English.

The same questions about the same pages of German municipalities, in English and in German (OMoS-QA;
part of each is machine-translated), of pages that the reader was not trained on: how often the page
is among the first passages, and how right the surest answers are.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from connectors.minilm.port import SHIPPED
from connectors.minilm.reader import PairReader
from evaluation.lines import packed
from evaluation.research.reading import rows
from evaluation.research.reading.answered import Given, answers, asked_of, plain
from evaluation.research.reading.coverage import COVERAGES, precisions
from evaluation.research.reading.gold import Gold
from schemas.events import GenerationRequested
from streams.app.settings import load

LANGUAGES = ("en", "de")
FIRST = 5  # passages, which are what the reader reads


@dataclass(frozen=True, slots=True)
class Pages:
    """Questions about pages of one language; `wanted` is the page that each was asked about."""

    gold: Gold
    wanted: Mapping[str, str]
    answerable: frozenset[str]

    def found(self, events: Mapping[str, GenerationRequested]) -> float:
        """The share of what can be answered whose page is among the first passages."""
        there = [
            self.wanted[key] in {each.doc_id for each in events[key].candidates[:FIRST]}
            for key in self.answerable
        ]
        return sum(there) / len(there)


def pages(folder: Path, language: str) -> Pages:
    """All pages, and the questions about those that the reader never saw in English."""
    asked = [*packed(folder / f"omosqa_{language}.jsonl.gz")]
    english = packed(folder / "omosqa_en.jsonl.gz")
    texts = {row["passage"]: f"p{number}" for number, row in enumerate(asked)}
    titles = {row["passage"]: row["title"] for row in asked}
    some = {
        str(number): row
        for number, (row, same) in enumerate(zip(asked, english, strict=True))
        if rows.held(same["passage"][:400])
    }

    def right(key: str, given: Given) -> bool:
        said = " ".join(given.text.split())
        return any(" ".join(each["text"].split()) in said for each in some[key]["answers"])

    documents = [(key, titles[text], text) for text, key in texts.items()]
    return Pages(
        Gold(documents, {key: row["question"] for key, row in some.items()}, right),
        {key: texts[row["passage"]] for key, row in some.items()},
        frozenset(key for key, row in some.items() if row["answers"]),
    )


def main(
    data: Annotated[Path, typer.Option(help="The folder of question sets.")] = Path(
        "../shared/data/qa"
    ),
    output: Annotated[Path | None, typer.Option(help="Write JSON to this file.")] = None,
) -> None:
    """Print both languages side by side."""
    table = Table("", "questions", f"page in {FIRST}", *(f"right of {c}" for c in COVERAGES))
    found: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as folder, PairReader(Path(folder), SHIPPED) as reader:
        for language in LANGUAGES:
            place = {"data": f"{folder}/{language}", "bootstrap_servers": "", "redis": {"url": ""}}
            each = pages(data, language)
            events = asked_of(load(place), plain(each.gold.documents), each.gold.questions)
            exact = precisions(each.gold, answers(events, reader))
            there = round(each.found(events), 3)
            found[language] = {"questions": len(events), "page": there, "right": exact}
            table.add_row(language, str(len(events)), f"{there}", *map(str, exact))
    Console().print(table)
    if output is not None:
        output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
