"""`python -m evaluation.research.reading.passages`: what reading more passages is worth.

A bank's questions answered as `policies/answering.yaml` says, but for how many passages are read,
and but for the precision that is wanted.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from connectors.minilm.port import SHIPPED
from connectors.minilm.reader import PairReader
from evaluation.research.reading import gold, page
from evaluation.research.reading.answered import Given, answers, asked_of, plain
from processors.ports import Reader
from processors.questions.certainty import threshold
from processors.questions.generate import AnswerConfig
from schemas.events import GenerationRequested
from streams.app.config import quoting
from streams.app.settings import load

PASSAGES = (0, 1, 2, 3, 5, 8)
PRECISIONS = (0.72, 0.73, 0.76, 0.8, 0.85, 0.9)


@dataclass(frozen=True, slots=True)
class Read:
    """With so many passages: what became of the questions of each kind."""

    passages: int
    kinds: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """With so much precision wanted: the evidence that this needs, and what became of them."""

    precision: float
    evidence: float
    kinds: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Report:
    documents: int
    policy: int  # passages that the policy says
    rows: list[Read]
    wanted: list[Wanted]


def main(
    bank: Annotated[Path, typer.Option(help="A folder with a bank's questions.")] = Path(
        "../shared/bank"
    ),
    data: Annotated[Path, typer.Option(help="The folder of public sets.")] = Path("../shared/data"),
    output: Annotated[Path | None, typer.Option(help="Write JSON to this file.")] = None,
) -> None:
    """Print what becomes of the questions by how many passages are read."""
    asked = gold.bank(bank, data / "tau2_bank/corpus.jsonl.gz")
    with tempfile.TemporaryDirectory() as folder, PairReader(Path(folder), SHIPPED) as reader:
        settings = load({"data": folder, "bootstrap_servers": "", "redis": {"url": ""}})
        config = quoting(settings)
        events = asked_of(settings, plain(asked.documents), asked.questions)
        found = measured(asked, events, reader, config)
    report = Report(len(asked.documents), config.passages, *found)
    table = Table("passages", "right", "wrong", "abstained")
    for each in report.rows:
        total = sum(map(Counter, each.kinds.values()), Counter[str]())
        said = [str(total[verdict]) for verdict in ("right", "wrong", "abstained")]
        table.add_row(str(each.passages), *said)
    Console().print(table)
    if output is not None:
        page.kept(asdict(report), output)


def measured(
    asked: gold.Gold,
    events: Mapping[str, GenerationRequested],
    reader: Reader,
    config: AnswerConfig,
) -> tuple[list[Read], list[Wanted]]:
    """What becomes of the questions by passages that are read, and by precision that is wanted."""
    rows: list[Read] = []
    for passages in PASSAGES:
        some = replace(config, passages=passages)
        rows.append(
            Read(passages, by_kind(asked, answers(events, reader if passages else None, some)))
        )
    wanted: list[Wanted] = []
    for precision in PRECISIONS:
        some = replace(config, sure=threshold(precision))
        kinds = by_kind(asked, answers(events, reader, some))
        wanted.append(Wanted(precision, round(some.sure, 2), kinds))
    return rows, wanted


def by_kind(asked: gold.Gold, given: Mapping[str, Given]) -> dict[str, dict[str, int]]:
    """How many questions of each kind were right, wrong, or abstained from although it is there."""
    found: dict[str, Counter[str]] = {}
    for key in asked.questions:
        verdict = asked.verdict(key, given.get(key))
        found.setdefault(asked.kinds.get(key, ""), Counter())[verdict] += 1
    return {kind: dict(counts) for kind, counts in found.items()}


if __name__ == "__main__":
    typer.run(main)
