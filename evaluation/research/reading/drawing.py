"""`python -m evaluation.research.reading.drawing`: what the reader learns from, as one file.

The file has token ids of texts, each once, and pairs of them by number, so that a machine that has
nothing but numpy and PyTorch can train (`learn.py`).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from tokenizers import Tokenizer

from connectors.minilm.embedder import tokenizer
from evaluation.research.reading import changes, products, rows
from evaluation.research.reading.pairs import Pair

PRODUCTS = 30_000
QUESTION, CONTEXT, PASSAGE = 64, 40, 240  # tokens that are read
SPANS = 6  # of a pair


def main(
    output: Annotated[Path, typer.Argument(help="The file to write (.npz).")],
    folder: Annotated[Path, typer.Option(help="The folder of public sets.")] = Path(
        "../shared/data/qa"
    ),
    seed: Annotated[str, typer.Option(help="Of what is made up.")] = "one",
) -> None:
    """Draw the pairs and write them."""
    drawn = list(rows.pairs(folder))
    twins = list(changes.changed([p for p in drawn if p.spans], seed))[::2]
    pages = list(rows.bulleted(drawn, seed))
    filler = [
        line.lstrip("- ") for p in pages[::3] for line in p.text.splitlines() if line[:1] == "-"
    ]
    made = [*drawn, *twins, *pages, *products.drawn(PRODUCTS, seed, filler[:30_000])]
    made = [
        replace(p, question=rows.as_typed(p.question, random.Random(f"typed {p.group}")))
        for p in made
    ]
    np.savez_compressed(output, allow_pickle=False, **arrays(tokenizer(), made))
    for name, count in Counter(
        (p.group.split()[0], "whole" if p.spans is None else "yes" if p.spans else "no")
        for p in made
    ).most_common():
        typer.echo(f"{count:8,} {name}")


def arrays(tokens: Tokenizer, pairs: Iterable[Pair]) -> dict[str, np.ndarray]:
    """Texts and pairs as arrays: `texts` end to end with `ends`, and a row for each pair.

    A pair is (group, question, context, passage, answers, mined, held), `answers` 1, 0 or -1 for
    as a whole; `spans` are (first, last) tokens of the passage, -1 where there are fewer.
    """
    tokens.no_truncation()
    pairs = list(pairs)
    numbers: dict[tuple[str, int], int] = {}
    for pair in pairs:
        for text, most in (
            (pair.question, QUESTION),
            (pair.context, CONTEXT),
            (pair.text, PASSAGE),
        ):
            numbers.setdefault((text, most), len(numbers))
    texts = list(numbers)
    ids: list[np.ndarray] = []
    offsets: list[list[tuple[int, int]]] = []
    for at in range(0, len(texts), 4096):
        some = texts[at : at + 4096]
        for (_, most), each in zip(
            some,
            tokens.encode_batch([text for text, _ in some], add_special_tokens=False),
            strict=True,
        ):
            ids.append(np.array(each.ids[:most], np.uint16))
            offsets.append(each.offsets[:most])
    groups: dict[str, int] = {}
    table: list[tuple[int, ...]] = []
    spans: list[list[int]] = []
    for pair in pairs:
        passage = numbers[pair.text, PASSAGE]
        found = _spans(pair, offsets[passage])
        if pair.spans and not found:
            continue  # beyond what is read
        answers = -1 if pair.spans is None else int(bool(pair.spans))
        table.append(
            (
                groups.setdefault(pair.group, len(groups)),
                numbers[pair.question, QUESTION],
                numbers[pair.context, CONTEXT],
                passage,
                answers,
                pair.mined,
                pair.held,
            )
        )
        flat = [n for span in found[:SPANS] for n in span]
        spans.append(flat + [-1] * (2 * SPANS - len(flat)))
    sets = sorted({group.split()[0] for group in groups})
    return {
        "texts": np.concatenate(ids),
        "ends": np.cumsum([len(each) for each in ids]).astype(np.int32),
        "pairs": np.array(table, np.int32),
        "spans": np.array(spans, np.int16),
        "sets": np.array([sets.index(group.split()[0]) for group in groups], np.uint8),
        "names": np.array(sets),
    }


def _spans(pair: Pair, offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in pair.spans or []:
        inside = [n for n, (a, b) in enumerate(offsets) if a < end and b > start and b > a]
        if inside and (not offsets or offsets[-1][1] >= end):
            found.append((inside[0], inside[-1]))
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    typer.run(main)
