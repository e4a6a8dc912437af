"""Which questions share an answer: `python -m evaluation.research.caching`.

Over pairs of sentences that deny each other or are not the same (negations, SICK) none may; of
those that say the same, and of utterances of one intent (CLINC150), it tells how many do.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from evaluation.lines import packed
from evaluation.research.pages import DOCS, below, placed, table
from processors.caching.canonical import canonical
from processors.caching.entries import Caching
from processors.needs import EMBEDDER
from processors.ports import Embedder
from streams.app.ports import open_these
from streams.app.settings import load

COMMAND = "python -m evaluation.research.caching"
MOST_OF_ONE_FORM = 20  # queries that are paired: of the commonest form there are hundreds of pairs
Pair = tuple[str, str]
app = typer.Typer(add_completion=False)


@dataclass(slots=True)
class Pairs:
    """Pairs of a set, and those of them that have one form."""

    name: str
    same: bool  # whether they ask the same
    count: int = 0
    identical: int = 0  # of the same characters, whatever their label says
    formed: list[Pair] = field(default_factory=list[Pair])

    def add(self, pairs: Iterable[Pair]) -> Pairs:
        for one, other in pairs:
            if one == other:
                self.identical += 1
                continue
            self.count += 1
            form = canonical(one)
            if form and form == canonical(other):
                self.formed.append((one, other))
        return self


def negations(data: Path) -> list[Pairs]:
    rows = [*packed(data / "negations" / "pairs.jsonl.gz")]
    return [
        Pairs(f"negations, {'the same' if same else 'not the same'}", same).add(
            (row["a"], row["b"]) for row in rows if row["same"] is same
        )
        for same in (False, True)
    ]


def sick(data: Path) -> list[Pairs]:
    rows = [*packed(data / "sick" / "pairs.jsonl.gz")]
    kinds = (("contradiction", False), ("neutral", False), ("entailment", True))
    return [
        Pairs(f"SICK, {kind}", same).add(
            (row["premise"], row["hypothesis"]) for row in rows if row["label"] == kind.upper()
        )
        for kind, same in kinds
    ]


def clinc(data: Path) -> tuple[list[Pairs], dict[str, Any]]:
    """Pairs of one form, by whether they have one intent, and the share of queries that have one.

    Some queries are there under two intents, which is no fault of their form.
    """
    by_form: defaultdict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    texts: set[str] = set()
    for row in packed(data / "clinc150" / "queries.jsonl.gz"):
        texts.add(row["text"])
        if (form := canonical(row["text"])) and row["intent"] != "oos":
            by_form[form][row["text"]].add(row["intent"])
    shared = [found for found in by_form.values() if len(found) > 1]
    same, other = Pairs("CLINC150, one intent", True), Pairs("CLINC150, two intents", False)
    for found in shared:
        for one, two in combinations([*found][:MOST_OF_ONE_FORM], 2):
            (same if found[one] & found[two] else other).formed.append((one, two))
    sharing = sum(map(len, shared))
    said = {"queries": len(texts), "sharing": sharing, "repeats": sharing - len(shared)}
    return [same, other], said


def cosines(embedder: Embedder, pairs: Sequence[Pair]) -> list[float]:
    if not pairs:
        return []
    vectors = embedder.embed_queries([text for pair in pairs for text in pair])
    return np.sum(vectors[::2] * vectors[1::2], axis=1).tolist()


def row(found: Pairs, embedder: Embedder, similar: float) -> dict[str, Any]:
    near = cosines(embedder, found.formed)
    given = sum(each >= similar for each in near)
    return {
        "set": found.name,
        "same": found.same,
        "pairs": found.count,
        "identical": found.identical,
        "one_form": len(found.formed),
        "least_cosine": round(min(near), 3) if near else None,
        "given": given,
        "at_most": below(given, found.count) if found.count else None,
    }


def rendered(report: dict[str, Any]) -> str:
    """The table of `docs/caching.md`."""
    lines = [
        (
            each["set"],
            f"{each['pairs']:,}" if each["pairs"] else "",
            f"{each['one_form']:,}",
            "" if each["least_cosine"] is None else f"{each['least_cosine']:.2f}",
            f"{each['given']:,}",
            f"{each['at_most']:.2%}" if each["at_most"] and not each["same"] else "",
        )
        for each in report["rows"]
    ]
    head = ("pairs", "there", "of one form", "least cosine", "share an answer", "at most, 95 %")
    said = report["clinc"]
    return (
        f"{table(head, lines)}\n\nOf CLINC150's {said['queries']:,} queries {said['sharing']:,} "
        f"have a form that another has too: asked one after the other, {said['repeats']:,} "
        f"({said['repeats'] / said['queries']:.1%}) would get an answer that was given before. "
        f"Model {report['model']}, similar {report['similar']}: `{COMMAND}`."
    )


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="The folder of public sets.")] = Path("../shared/data"),
    output: Annotated[Path, typer.Option(help="The report.")] = Path(
        "evaluation/results/caching.json"
    ),
) -> None:
    """Measure, write the report, and put its table into docs/caching.md."""
    pairs, said = clinc(data)
    similar = Caching().similar
    with ExitStack() as stack:
        embedder = open_these(load(), stack, EMBEDDER)[EMBEDDER]
        found = [*negations(data), *sick(data), *pairs]
        report: dict[str, Any] = {
            "command": COMMAND,
            "model": embedder.model,
            "similar": similar,
            "clinc": said,
            "rows": [row(each, embedder, similar) for each in found],
        }
    output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    page = DOCS / "caching.md"
    page.write_text(placed(page.read_text("utf-8"), COMMAND, rendered(report)), encoding="utf-8")


if __name__ == "__main__":
    app()
