"""Questions that name one document of a corpus by its identifier: a set for what vectors miss."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evaluation.retrieval.beir import rows

MOST = 500  # identifiers of a corpus
SEED = 7
# What people call an identifier: a number of three parts or more, or letters and digits.
_NAME = re.compile(
    r"(?<![\w.(/-])(?:\d+(?:\.\d+){2,}(?:\.?\(\w{1,3}\))*"
    r"|[A-Za-z]+[-.]?\d[\w/.-]*(?:\(\d+\))*|\d+[A-Za-z][\w/-]*)(?![\w(-])"
)
_FEWEST = 4  # characters


@dataclass(frozen=True, slots=True)
class Lookups:
    """Questions, and the documents that go by what each of them names."""

    queries: Mapping[str, str]
    relevant: Mapping[str, Mapping[str, int]]


def lookups(folder: Path) -> Lookups:
    """Two questions for each identifier in the titles of a BEIR corpus: bare, and in a sentence.

    At most `MOST` of them, drawn at random; none where more than three documents bear it.

    Raises:
        UserError: the corpus cannot be read.
    """
    bearers: dict[str, list[str]] = {}
    for row in rows(folder, "corpus.jsonl"):
        title = str(row.get("title") or "")
        for name in dict.fromkeys(_NAME.findall(title)):
            if len(name) >= _FEWEST:
                bearers.setdefault(name.casefold(), []).append(str(row["_id"]))
    names = sorted(name for name, documents in bearers.items() if len(documents) <= 3)
    if len(names) > MOST:
        names = random.Random(SEED).sample(names, MOST)
    queries: dict[str, str] = {}
    relevant: dict[str, dict[str, int]] = {}
    for name in names:
        for form in ("{}", "What does {} say?"):
            text = form.format(name)
            queries[text] = text
            relevant[text] = dict.fromkeys(bearers[name], 1)
    return Lookups(queries, relevant)
