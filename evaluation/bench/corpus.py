"""Documents and questions to measure with: a BEIR folder, or made up where there is none."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

from evaluation.bench.report import ROOT
from schemas.events import DocumentFed
from streams.app import opening
from streams.app.settings import Settings
from streams.flow.errors import UserError

SHARED = ROOT.parent / "shared" / "data"  # beside the checkout, where the project is developed
SCIFACT = SHARED / "scifact"
OBLIQA = SHARED / "obliqa"
GENERATED = "generated"
SEED = 7


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where texts come from: a folder, or `generated`."""

    name: str
    folder: Path | None

    def documents(self, settings: Settings, tenant: str, count: int) -> list[DocumentFed]:
        """`count` documents of a tenant, or as many as there are; generated ones never end."""
        if self.folder is None:
            return list(islice(_made_up(tenant), count))
        found = opening.documents(settings, [str(self.folder)], tenant)
        return list(islice((each for each in found if isinstance(each, DocumentFed)), count))

    def queries(self, count: int) -> list[str]:
        """`count` questions; those of the folder in their order, again from the start if needed."""
        if self.folder is None:
            words = random.Random(SEED)
            return [" ".join(_words(words, 9)) + "?" for _ in range(count)]
        path = self.folder / "queries.jsonl.gz"
        packed = path.is_file()
        data = gzip.decompress(path.read_bytes()) if packed else path.with_suffix("").read_bytes()
        texts = [str(json.loads(line)["text"]) for line in data.splitlines() if line.strip()]
        return list(islice(cycle(texts), count))


def corpus(data: Path | None, default: Path) -> Corpus:
    """The corpus of `--data`, else the default one, else made-up text.

    Raises:
        UserError: `--data` names no BEIR folder.
    """
    if data is not None:
        if not any((data / f"corpus.jsonl{end}").is_file() for end in ("", ".gz")):
            raise UserError(f"{data} is no BEIR folder: it has no corpus.jsonl or corpus.jsonl.gz")
        return Corpus(data.name, data)
    return Corpus(default.name, default) if default.is_dir() else Corpus(GENERATED, None)


def endless(tenant: str, words: int = 180) -> Iterator[DocumentFed]:
    """Made-up documents without end, as long as an abstract."""
    return _made_up(tenant, words)


def marked(document: DocumentFed, mark: str) -> DocumentFed:
    """A new version of a document, with a word in it that nothing else has."""
    return replace(document, body=f"{document.body}\nRevision {mark} applies.", version=None)


def _made_up(tenant: str, length: int = 180) -> Iterator[DocumentFed]:
    chance = random.Random(SEED)
    number = 0
    while True:
        sentences = [" ".join(_words(chance, 15)).capitalize() + "." for _ in range(length // 15)]
        yield DocumentFed(
            op="upsert",
            tenant=tenant,
            doc_id=f"made-up-{number}",
            doc_type="text",
            title=" ".join(_words(chance, 6)),
            body=" ".join(sentences),
        )
        number += 1


def _words(chance: random.Random, count: int) -> list[str]:
    syllables = ("ba", "co", "du", "fe", "gi", "lo", "mu", "na", "pre", "ri", "so", "tu", "ver")
    return ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(count)]
