"""What strategies are compared on: documents, questions, and what a right chunk holds."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from evaluation import sample
from schemas.events import DocumentFed
from streams.flow.errors import UserError

TENANT = "chunking"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What answers a question: a document, all of these words in it, or a passage of it."""

    doc_id: str
    words: tuple[str, ...] = ()
    passage: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question with all its evidence, or (`any_of`) pieces of which one is enough."""

    text: str
    evidence: tuple[Evidence, ...]
    any_of: bool = False


@dataclass(frozen=True, slots=True)
class DataSet:
    """Documents and questions; `documents_count` says that a document is what a question wants."""

    name: str
    documents: Sequence[DocumentFed]
    asks: Sequence[Ask]


def sample_corpus() -> list[DataSet]:
    """The project's own corpus, a set for each tenant: the chunk that holds the answer counts."""
    found: list[DataSet] = []
    for tenant in sample.TENANTS:
        folder = sample.documents(tenant)
        documents = [
            document(
                path.relative_to(folder).as_posix(), path.stem, path.read_text("utf-8"), "markdown"
            )
            for path in sorted(folder.rglob("*.md"))
        ]
        asks = [
            Ask(
                each.question,
                tuple(Evidence(source, tuple(each.contains)) for source in each.sources),
                any_of=True,
            )
            for each in sample.questions()
            if each.answerable and each.tenant == tenant
        ]
        found.append(DataSet(f"sample, {tenant}", documents, asks))
    return found


def folder(path: Path, most_documents: int, most_questions: int) -> list[DataSet]:
    """A BEIR folder, cut to this size: judged documents first, then others in their order.

    A corpus of numbered passages (`doc_id`, `passage_id`) gives a second set, its documents put
    together again from their passages: there the judged passage must be found.

    Raises:
        UserError: a file is missing, or a line is not what BEIR says.
    """
    try:
        qrels: dict[str, list[str]] = defaultdict(list)
        for row in _rows(path, "qrels"):
            if float(row.get("score", 1)) > 0:
                qrels[str(row["query_id"])].append(str(row["corpus_id"]))
        queries = (row for row in _rows(path, "queries") if str(row["_id"]) in qrels)
        every = {str(row["_id"]): str(row["text"]) for row in queries}
        texts = dict(islice(every.items(), most_questions))
        corpus = {str(row["_id"]): row for row in _rows(path, "corpus")}
    except (KeyError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is no BEIR folder: {error!r}") from None
    judged = {target for query in texts for target in qrels[query] if target in corpus}
    others = (name for name in corpus if name not in judged)
    kept = judged | set(islice(others, max(0, most_documents - len(judged))))
    documents = [
        document(name, str(row.get("title") or ""), str(row["text"]), "text")
        for name, row in corpus.items()
        if name in kept
    ]
    asks = [
        Ask(text, tuple(Evidence(target) for target in qrels[query] if target in corpus))
        for query, text in texts.items()
    ]
    found = [DataSet(path.name, documents, [each for each in asks if each.evidence])]
    if all("passage_id" in row for row in corpus.values()):
        whole = _whole_documents(path.name, corpus, every, qrels, most_documents)
        found.append(replace(whole, asks=whole.asks[:most_questions]))
    return [each for each in found if each.asks]


def _whole_documents(
    name: str,
    corpus: dict[str, dict[str, Any]],
    texts: dict[str, str],
    qrels: dict[str, list[str]],
    most_passages: int,
) -> DataSet:
    """Documents put together from their passages, as many as have `most_passages` in all."""
    passages: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in corpus.values():
        passages[str(row["doc_id"])].append(row)
    kept: dict[str, list[dict[str, Any]]] = {}
    for doc_id, rows in sorted(passages.items(), key=lambda item: len(item[1])):
        if sum(map(len, kept.values())) + len(rows) <= most_passages:
            kept[doc_id] = rows
    documents = [
        document(
            doc_id,
            f"Rulebook {doc_id}",
            "\n\n".join(f"{row['passage_id']} {row['text']}" for row in rows),
            "text",
        )
        for doc_id, rows in kept.items()
    ]
    asks: list[Ask] = []
    for query, text in texts.items():
        rows = [corpus[target] for target in qrels[query] if target in corpus]
        if rows and all(str(row["doc_id"]) in kept for row in rows):
            wanted = (Evidence(str(row["doc_id"]), passage=str(row["text"])) for row in rows)
            asks.append(Ask(text, tuple(wanted)))
    return DataSet(f"{name}, whole documents", documents, asks)


def _rows(path: Path, name: str) -> Iterator[dict[str, Any]]:
    for ending in (".jsonl.gz", ".jsonl", ".tsv.gz", ".tsv"):
        file = path / (name + ending)
        if not file.is_file():
            continue
        data = gzip.decompress(file.read_bytes()) if ending.endswith(".gz") else file.read_bytes()
        lines = [line for line in data.decode("utf-8").splitlines() if line.strip()]
        if ".jsonl" in ending:
            yield from map(json.loads, lines)
        else:
            for line in lines[1:]:
                query, target, score = line.split("\t")
                yield {"query_id": query, "corpus_id": target, "score": score}
        return
    raise UserError(f"{path} has no {name}.jsonl, {name}.jsonl.gz or {name}.tsv")


def document(doc_id: str, title: str, body: str, doc_type: str) -> DocumentFed:
    """A document as a producer feeds it."""
    return DocumentFed(
        op="upsert", tenant=TENANT, doc_id=doc_id, doc_type=doc_type, title=title, body=body
    )
