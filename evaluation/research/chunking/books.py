"""Long documents put together from public sets: control catalogues and privacy policies."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path
from typing import Any

from evaluation.lines import packed
from evaluation.research.chunking.sets import Ask, DataSet, Evidence, document

CATALOG = "rev5-2020-12"
SEED = 7


def controls(path: Path, most_questions: int) -> DataSet:
    """NIST SP 800-53: a document for each family, its controls under headings, asked by label.

    A control's whole statement must be found, whatever it was cut into.
    """
    rows = [r for r in packed(path) if r["catalog"] == CATALOG and r["statement"].strip()]
    families: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        families[row["family"]].append(row)
    documents = [
        document(family, family, "\n\n".join(map(_control, of)), "markdown")
        for family, of in families.items()
    ]
    asks = [
        Ask(
            f"What does control {row['label']} require?",
            (Evidence(row["family"], passage=row["statement"]),),
        )
        for row in rows
    ]
    return DataSet("nist, families", documents, _some(asks, most_questions))


def _control(row: dict[str, Any]) -> str:
    parts = (f"## {row['label']} {row['title']}", row["statement"], row["guidance"])
    return "\n\n".join(part for part in parts if part.strip())


def privacy(path: Path, most_questions: int) -> DataSet:
    """PolicyQA: each site's policy made of its passages, and questions about that site."""
    sites: dict[str, dict[str, None]] = defaultdict(dict)
    asks: list[Ask] = []
    for row in packed(path):
        site = row["site"]
        sites[site][row["context"]] = None
        evidence = tuple(Evidence(site, passage=each["text"]) for each in row["answers"])
        asks.append(Ask(f"{site}: {row['question']}", evidence, any_of=True))
    documents = [
        document(site, f"Privacy policy of {site}", "\n\n".join(passages), "text")
        for site, passages in sites.items()
    ]
    return DataSet("policyqa, whole policies", documents, _some(asks, most_questions))


def _some(asks: list[Ask], most: int) -> list[Ask]:
    """A sample of all, since neighbours ask about the same passage."""
    return asks if len(asks) <= most else random.Random(SEED).sample(asks, most)
