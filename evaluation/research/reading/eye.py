"""`python -m evaluation.research.reading.eye`: answers drawn by seed, to be read by a person.

`draw` asks a bank's questions, ObliQA's of some of its documents and the sample's, answers them as
the policy says, and writes some of what was answered. Someone puts a verdict (right, partly, wrong)
and, where it is not right, a reason beside each. `keep` adds them up into the results, without the
texts, which are not ours to publish.
"""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.minilm.port import SHIPPED
from connectors.minilm.reader import PairReader
from evaluation import sample
from evaluation.lines import packed
from evaluation.research.reading import gold, page
from evaluation.research.reading.answered import TENANT, answers, asked_of, plain
from schemas.events import DocumentFed
from streams.app import opening
from streams.app.config import quoting
from streams.app.settings import Settings, load
from streams.flow.errors import UserError

VERDICTS = ("right", "partly", "wrong")
_DOCUMENTS = 3  # of ObliQA
_FEWEST, _LARGEST = 50, 700  # questions and passages of such a document
_OF_OBLIQA = 70  # questions
_SURE = 0.9

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """A set: its documents as they are fed, and its questions by id."""

    name: str
    documents: list[DocumentFed]
    questions: dict[str, str]


@app.command()
def draw(
    seed: Annotated[int, typer.Option(help="Another draws other answers, of other documents.")],
    output: Annotated[Path, typer.Argument(help="JSON lines to put verdicts into.")],
    bank: Annotated[Path, typer.Option(help="A folder with a bank's questions.")] = Path(
        "../shared/bank"
    ),
    data: Annotated[Path, typer.Option(help="The folder of public sets.")] = Path("../shared/data"),
    count: Annotated[int, typer.Option(help="Answers to draw.", min=1)] = 100,
) -> None:
    """Ask, and write some of what was answered."""
    with tempfile.TemporaryDirectory() as folder, PairReader(Path(folder), SHIPPED) as reader:
        given: list[dict[str, Any]] = []
        asked: Counter[str] = Counter()
        for number, some in enumerate(_sets(bank, data, seed)):
            settings = _settings(f"{folder}/{number}")
            events = asked_of(settings, some.documents, some.questions)
            asked[some.name] += len(some.questions)
            titles = {each.doc_id: each.title or "" for each in some.documents}
            for key, each in answers(events, reader, quoting(settings)).items():
                given.append(
                    {
                        "set": some.name,
                        "id": key,
                        "question": some.questions[key],
                        "answer": each.text,
                        "from": [titles[doc_id] for doc_id in each.documents],
                        "evidence": round(each.evidence, 2),
                        "verdict": "",
                        "reason": "",
                    }
                )
    answered = Counter(row["set"] for row in given)
    rows = random.Random(seed).sample(given, min(count, len(given)))
    rows.sort(key=lambda row: (row["set"], row["id"]))
    head = {"seed": seed, "asked": dict(asked), "answered": dict(answered)}
    lines = [head, *rows]
    output.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


@app.command()
def keep(
    judged: Annotated[Path, typer.Argument(help="What `draw` wrote, with verdicts.")],
    output: Annotated[Path, typer.Option(help="The results to add to.")] = page.RESULTS
    / "read.json",
) -> None:
    """Add the verdicts of a seed to the results, in place of those it had."""
    head, *rows = (json.loads(line) for line in judged.read_text(encoding="utf-8").splitlines())
    known: list[dict[str, Any]] = []
    if output.exists():
        known = json.loads(output.read_text(encoding="utf-8"))["readings"]
    others = [each for each in known if each["seed"] != head["seed"]]
    page.kept({"readings": [*others, added_up(head, rows)]}, output)


def added_up(head: dict[str, Any], rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A seed's verdicts with their sums; an answer is known again by the start of its SHA-256.

    Raises:
        UserError: one has no verdict, or no reason where it is not right.
    """
    read: list[dict[str, Any]] = []
    for row in rows:
        verdict, reason = row["verdict"], row["reason"]
        if verdict not in VERDICTS or (verdict != "right" and not reason):
            raise UserError(
                f"{row['set']} {row['id']} has the verdict '{verdict}' and the reason '{reason}': "
                f"give it one of {', '.join(VERDICTS)}, and a reason where it is not right"
            )
        said = hashlib.sha256(row["answer"].encode()).hexdigest()[:8]
        kept = {key: row[key] for key in ("set", "id", "evidence", "verdict")}
        read.append({**kept, "answer_sha256": said, **({"reason": reason} if reason else {})})
    verdicts = Counter(each["verdict"] for each in read)
    return {
        **head,
        "drawn": dict(Counter(each["set"] for each in read)),
        **{verdict: verdicts[verdict] for verdict in VERDICTS},
        "wrong_over_.9": sum(e["verdict"] == "wrong" and e["evidence"] > _SURE for e in read),
        "read": read,
    }


def _settings(folder: str) -> Settings:
    return load({"data": folder, "bootstrap_servers": "", "redis": {"url": ""}})


def _sets(bank: Path, data: Path, seed: int) -> Iterator[Asked]:
    asked = gold.bank(bank, data / "tau2_bank/corpus.jsonl.gz")
    yield Asked("bank", [*plain(asked.documents)], asked.questions)
    yield _obliqa(data / "obliqa", seed)
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(folder)
        for tenant in sample.TENANTS:
            found = opening.documents(settings, [str(sample.documents(tenant))], tenant)
            documents = [replace(f, tenant=TENANT) for f in found if isinstance(f, DocumentFed)]
            questions = {q.id: q.question for q in sample.questions() if q.tenant == tenant}
            yield Asked("sample", documents, questions)


def _obliqa(folder: Path, seed: int) -> Asked:
    """Questions about some documents, each of whose passages is fed by itself.

    Half of the passages are there: what asks for another is left out.
    """
    corpus = [*packed(folder / "corpus.jsonl.gz")]
    document = {row["_id"]: row["doc_id"] for row in corpus}
    about: dict[str, set[int]] = {}
    for row in packed(folder / "qrels.jsonl.gz"):
        about.setdefault(row["query_id"], set()).add(document.get(row["corpus_id"], 0))
    sizes = Counter(document.values())
    asked = Counter(number for each in about.values() for number in each if number)
    fit = sorted(n for n in asked if asked[n] >= _FEWEST and sizes[n] <= _LARGEST)
    rng = random.Random(seed)
    some = {*rng.sample(fit, _DOCUMENTS)}
    texts = {row["_id"]: row["text"] for row in packed(folder / "queries.jsonl.gz")}
    keys = sorted(key for key, each in about.items() if each <= some and key in texts)
    documents = [(r["_id"], r["title"], r["text"]) for r in corpus if r["doc_id"] in some]
    chosen = rng.sample(keys, min(_OF_OBLIQA, len(keys)))
    return Asked("obliqa", [*plain(documents)], {key: texts[key] for key in chosen})


if __name__ == "__main__":
    app()
