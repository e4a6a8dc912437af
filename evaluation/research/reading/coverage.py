"""`python -m evaluation.research.reading.coverage`: how right the surest answers are.

Of ClapNQ (half of the questions without an answer), XQuAD (half of them without their passage) and,
with --bank, a bank's questions: the share that is right of the surest .5, .7 and .9 of all
questions, read by the shipped reader, and by similarity and words alone, which quote up to three
sentences where a reader quotes the one that answers.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from connectors.minilm.port import SHIPPED
from connectors.minilm.reader import PairReader
from evaluation.research.reading import gold, page
from evaluation.research.reading.answered import OPEN, Given, answers, asked_of, plain
from streams.app.settings import load

COVERAGES = (0.5, 0.7, 0.9)


def main(
    data: Annotated[Path, typer.Option(help="The folder of public sets.")] = Path("../shared/data"),
    bank: Annotated[Path | None, typer.Option(help="A folder with a bank's questions.")] = None,
    questions: Annotated[int, typer.Option(help="Of each public set.", min=10)] = 150,
    output: Annotated[Path | None, typer.Option(help="Write JSON to this file.")] = None,
) -> None:
    """Print how right the surest answers are, with the reader and without."""
    sets = {"clapnq": gold.clapnq(data, questions), "xquad_en": gold.xquad(data, questions)}
    if bank is not None:
        sets["bank"] = gold.bank(bank, data / "tau2_bank/corpus.jsonl.gz")
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder, PairReader(Path(folder), SHIPPED) as reader:
        for name, each in sets.items():
            place = {"data": f"{folder}/{name}", "bootstrap_servers": "", "redis": {"url": ""}}
            events = asked_of(load(place), plain(each.documents), each.questions)
            found[name] = {
                "reader": precisions(each, answers(events, reader)),
                "words, three sentences": precisions(each, answers(events, None)),
                "words, one sentence": precisions(
                    each, answers(events, None, replace(OPEN, max_sentences=1))
                ),
            }
    table = Table("", "", *(f"of {share}" for share in COVERAGES))
    for name, ways in found.items():
        for way, row in ways.items():
            table.add_row(name, way, *(f"{each:.3f}" for each in row))
    Console().print(table)
    if output is not None:
        page.kept(found, output)


def precisions(asked: gold.Gold, given: dict[str, Given]) -> list[float]:
    """Of the surest shares of all questions, how many are right; of fewer where fewer are given."""
    surest = sorted(given, key=lambda key: -given[key].evidence)
    right = np.array([asked.right(key, given[key]) for key in surest])
    sizes = [round(share * len(asked.questions)) for share in COVERAGES]
    return [round(float(right[:size].mean()), 3) for size in sizes]


if __name__ == "__main__":
    typer.run(main)
