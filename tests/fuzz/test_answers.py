"""Invented documents in eight formats: what is asked of them is answered right, or not at all.

FUZZ=40 asks all of so many seeds, instead of a few questions of one; FUZZ_SEED=7 begins there.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from connectors.converters.documents import Documents
from connectors.minilm.port import SHIPPED
from connectors.minilm.reader import PairReader
from evaluation.research.reading.answered import TENANT, Given, answers, asked_of
from processors.questions.certainty import threshold
from schemas.events import DocumentFed
from streams.app.settings import load
from tests.support.invented import Asked, papers
from tests.support.written import THINGS_ALONE, WRITERS

SEEDS = int(os.environ.get("FUZZ", "0"))
FIRST = int(os.environ.get("FUZZ_SEED", "1"))
FEW = 32  # questions where only a few are asked
SURE = 0.7  # a wrong answer with more evidence fails


def _documents(seed: int, converter: Documents) -> Iterator[tuple[DocumentFed, str, list[Asked]]]:
    for (ending, write), paper in zip(WRITERS.items(), papers(seed, len(WRITERS)), strict=True):
        made = converter.convert(f"terms-{ending}.{ending}", write(paper))
        asked = paper.asked
        if ending in THINGS_ALONE:
            asked = [a for a in asked if a.sort not in ("steps", "list", "provision")]
        fed = DocumentFed(
            op="upsert",
            tenant=TENANT,
            doc_id=f"terms-{ending}",
            title=made.title,
            body=made.body,
            doc_type=made.doc_type,
            version=1,
        )
        yield fed, ending, asked


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("\u00a0", " ").split())


def test_what_is_asked_of_invented_documents_is_answered_right_or_not_at_all(
    tmp_path: Path,
) -> None:
    found: Counter[tuple[str, str]] = Counter()
    sure_and_wrong: list[str] = []
    needed = threshold(0.72)
    with Documents() as converter, PairReader(tmp_path, SHIPPED) as reader:
        for seed in range(FIRST, FIRST + max(SEEDS, 1)):
            fed = list(_documents(seed, converter))
            asked = {
                f"{ending} {number}": each
                for _, ending, some in fed
                for number, each in enumerate(some)
            }
            if not SEEDS:
                few = random.Random(FIRST).sample(sorted(asked), FEW)
                asked = {key: asked[key] for key in few}
            settings = load(
                {"data": f"{tmp_path}/{seed}", "bootstrap_servers": "", "redis": {"url": ""}}
            )
            events = asked_of(
                settings, [each for each, *_ in fed], {k: a.question for k, a in asked.items()}
            )
            given = answers(events, reader)
            for key, each in asked.items():
                verdict, said = _marked(each, given.get(key), needed)
                found[verdict, each.sort] += 1
                found[verdict, key.split()[0]] += 1
                if verdict == "wrong" and said is not None and said.evidence > SURE:
                    sure_and_wrong.append(
                        f"seed {seed}, {key}: {each.question!r} wants {each.wanted}, "
                        f"given {said.text!r} ({said.evidence:.2f})"
                    )
                if os.environ.get("FUZZ_SHOW") and verdict != "right":
                    print(key, verdict, each, said)
    total = Counter[str]()
    for (verdict, sort), count in sorted(found.items(), key=lambda each: each[0][::-1]):
        print(f"{sort:12} {verdict:10} {count}")
        total[verdict] += 0 if sort in WRITERS else count
    print(f"seed {FIRST}, {SEEDS or 'a few of 1'}: {dict(total)}")
    assert not sure_and_wrong, "\n".join(sure_and_wrong)
    assert total["right"] > total["abstained"] + total["wrong"]
    assert total["wrong"] < total["right"] / 5


def _marked(asked: Asked, given: Given | None, needed: float) -> tuple[str, Given | None]:
    if given is None or given.evidence < needed:
        return ("abstained" if asked.wanted else "right"), None
    whole = bool(asked.wanted) and all(_plain(w) in _plain(given.text) for w in asked.wanted)
    return ("right" if whole else "wrong"), given
