"""Instructions that stand in what was retrieved: BIPIA's open part, and texts without any."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from evaluation.lines import packed
from evaluation.research.guarding.chunks import Text, chunks, cut, plant
from evaluation.research.pages import below, table
from processors.guard.instructing import SUSPECT, Scorer
from processors.ports import Embedder

EACH = 200  # texts of a set
CONTEXTS = 2  # that each attack is planted in
# Levels of suspicion that the table tells of, beside the one that counts.
LEVELS = (0.5, 0.7, 0.9, 0.97, 0.99)


def measured(data: Path, scorer: Scorer, embedder: Embedder, rng: random.Random) -> list[Any]:
    """Of each set, how many chunks are at each level or above."""
    found: list[dict[str, Any]] = []
    for name, attacked, texts in sets(data, rng):
        scores = [scorer.score(chunk) for chunk in chunks(texts, embedder)]
        levels = {str(n): sum(s >= n for s in scores) for n in sorted({*LEVELS, SUSPECT})}
        found.append({"set": name, "attacked": attacked, "chunks": len(texts), "levels": levels})
    return found


def sets(data: Path, rng: random.Random) -> list[tuple[str, bool, list[Text]]]:
    bipia = data / "bipia"
    attacks = [*packed(bipia / "attacks.jsonl.gz")]
    kinds = {k: [row["text"] for row in attacks if row["kind"] == k] for k in ("text", "code")}
    found: list[tuple[str, bool, list[Text]]] = []
    for name in ("email", "table", "code"):
        rows = [*packed(bipia / f"{name}_train.jsonl.gz")]
        said = [row["context"] for row in rows]
        contexts = [text for each in said if (text := cut(_text(each)))]
        rng.shuffle(contexts)
        own = kinds["code" if name == "code" else "text"]
        planted = [
            plant(rng.choice(contexts), attack, rng) for attack in own for _ in range(CONTEXTS)
        ]
        found.append((f"BIPIA, {name}, planted", True, planted))
        found.append((f"BIPIA, {name}, clean", False, [Text(t) for t in contexts[:EACH]]))
    harmless = [row["prompt"] for row in packed(data / "notinject" / "prompts.jsonl.gz")]
    found.append(("NotInject", False, [Text(text) for text in harmless]))
    for name, label in (("scifact", "SciFact"), ("obliqa", "ObliQA")):
        there = [row["text"] for row in packed(data / name / "corpus.jsonl.gz")]
        texts = [Text(cut(text)) for text in rng.sample(there, EACH)]
        found.append((label, False, [each for each in texts if each.text]))
    return found


def _text(said: str | list[str]) -> str:
    return said if isinstance(said, str) else "\n".join(said)


def rendered(rows: list[dict[str, Any]]) -> str:
    head = ("chunks", "there", *(f"from {n:g}" for n in _levels(rows)), "at most, 95 %")
    lines = [
        (
            row["set"],
            f"{row['chunks']:,}",
            *(f"{row['levels'][str(n)] / row['chunks']:.1%}" for n in _levels(rows)),
            "" if row["attacked"] else f"{below(row['levels'][str(SUSPECT)], row['chunks']):.1%}",
        )
        for row in rows
    ]
    return table(head, lines)


def _levels(rows: list[dict[str, Any]]) -> list[float]:
    return [float(each) for each in rows[0]["levels"]]
