"""A folder in BEIR form: corpus, questions and judgements, each as JSON lines, gzipped or not."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from streams.errors import UserError

_QUERY, _DOCUMENT, _GRADE = "query-id", "corpus-id", "score"
_OTHER_NAMES = {"query_id": _QUERY, "corpus_id": _DOCUMENT}


@dataclass(frozen=True, slots=True)
class Judged:
    """Questions and which documents are relevant to each, by id. `queries` are judged ones only."""

    name: str
    folder: Path
    queries: Mapping[str, str]
    relevant: Mapping[str, Mapping[str, int]]


def judged(folder: Path) -> Judged:
    """The questions and judgements of a folder that has a corpus too.

    Raises:
        UserError: a file, a column or a value is missing or wrong; the message names it.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    _file(folder, "corpus.jsonl")
    texts = {
        _text(row, "_id", place): _text(row, "text", place)
        for row, place in _rows(_file(folder, "queries.jsonl"))
    }
    relevant: dict[str, dict[str, int]] = {}
    for row, place in _judgements(folder):
        query, document = _text(row, _QUERY, place), _text(row, _DOCUMENT, place)
        grade = _grade(row, place)
        if query not in texts:
            raise UserError(f"{place} judges question {query}, which queries.jsonl does not have")
        if grade > 0:
            relevant.setdefault(query, {})[document] = grade
    if not relevant:
        raise UserError(f"the judgements in {folder} name no relevant document")
    queries = {query: text for query, text in texts.items() if query in relevant}
    return Judged(folder.resolve().name, folder, queries, relevant)


def rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """The rows of one file of a folder, gzipped or not.

    Raises:
        UserError: it is missing or cannot be read.
    """
    for row, _ in _rows(_file(folder, name)):
        yield row


def write(
    folder: Path,
    documents: Iterator[Mapping[str, str]] | list[Mapping[str, str]],
    queries: Mapping[str, str],
    relevant: Mapping[str, Mapping[str, int]],
) -> None:
    """A folder in this form, gzipped."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "corpus.jsonl.gz", documents)
    _write(folder / "queries.jsonl.gz", [{"_id": i, "text": t} for i, t in queries.items()])
    judgements = [
        {_QUERY: query, _DOCUMENT: document, _GRADE: grade}
        for query, grades in relevant.items()
        for document, grade in grades.items()
    ]
    _write(folder / "qrels.jsonl.gz", judgements)


def _write(path: Path, rows: Iterator[Any] | list[Any]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _file(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise UserError(f"{folder} is no BEIR folder: it has no {name} or {name}.gz")


def _judgements(folder: Path) -> Iterator[tuple[dict[str, Any], str]]:
    names = ("qrels.jsonl", "qrels.jsonl.gz", "qrels.tsv", "qrels.tsv.gz")
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    if path is None:
        raise UserError(
            f"{folder} has no judgements: qrels.jsonl or qrels.tsv, gzipped or not, is missing"
        )
    return _columns(path) if ".tsv" in path.name else _rows(path)


def _open(path: Path) -> Any:
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    return opener(path, "rt", encoding="utf-8-sig")


def _rows(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    try:
        with _open(path) as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                place = f"{path.name}:{number} of {path.parent}"
                found: object = json.loads(line)
                if not isinstance(found, dict):
                    raise UserError(f"{place} is not a JSON object")
                row = cast("dict[str, Any]", found)
                yield (
                    {key.replace("_id", "-id") if key != "_id" else key: row[key] for key in row},
                    place,
                )
    except json.JSONDecodeError as error:
        raise UserError(f"{path} holds a line that is not JSON: {error}") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read to its end: {error}") from None


def _columns(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    try:
        with _open(path) as file:
            reader = csv.DictReader(file, delimiter="\t")
            for name in (_QUERY, _DOCUMENT):
                if name not in (reader.fieldnames or ()):
                    raise UserError(f"{path} has no column {name}")
            for number, row in enumerate(reader, 2):
                yield dict(row), f"{path.name}:{number} of {path.parent}"
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read to its end: {error}") from None


def _text(row: Mapping[str, Any], name: str, place: str) -> str:
    value = row.get(name)
    if value is None or not str(value).strip():
        raise UserError(f"{place} has no {name}")
    return str(value)


def _grade(row: Mapping[str, Any], place: str) -> int:
    value = row.get(_GRADE, 1)
    try:
        return int(value)
    except (TypeError, ValueError):
        raise UserError(f"{place} has the {_GRADE} {value!r}, which is no whole number") from None
