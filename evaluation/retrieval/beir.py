"""A folder in BEIR form: corpus, questions and judgements, each as JSON lines, gzipped or not."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.lines import parsed
from streams.flow.errors import UserError

_QUERY, _DOCUMENT, _GRADE = "query-id", "corpus-id", "score"
_WITHOUT_NAMES = {3: [_QUERY, _DOCUMENT, _GRADE], 4: [_QUERY, "", _DOCUMENT, _GRADE]}
SPLITS = ("test", "dev", "train")  # which judgements are taken where there are several, best first
NAMED = 5  # of what was left out


@dataclass(frozen=True, slots=True)
class Judged:
    """Questions and which documents are relevant to each, by id. `queries` are judged ones only."""

    name: str
    folder: Path
    queries: Mapping[str, str]
    relevant: Mapping[str, Mapping[str, int]]
    judgements: str = ""  # the file they were read from, of those there are
    skipped: Sequence[str] = ()  # questions and judgements that cannot be used, and why

    def said(self) -> list[str]:
        """What a person should know of how it was read."""
        lines = [self.judgements] if self.judgements else []
        if self.skipped:
            more = len(self.skipped) - NAMED
            named = "; ".join(self.skipped[:NAMED]) + (f"; and {more} more" if more > 0 else "")
            lines.append(f"{len(self.skipped)} questions or judgements left out: {named}")
        return [f"{self.name}: {line}" for line in lines]


def judged(folder: Path, split: str | None = None, prefer: Sequence[str] = SPLITS) -> Judged:
    """The questions and judgements of a folder that has a corpus too.

    The judgements are `qrels.jsonl` or `qrels.tsv`, or of BEIR's `qrels/` those of `split`, or else
    the first that there are of `prefer`.

    Raises:
        UserError: a file or a column is missing or wrong, or nothing of it can be used; the message
            names it.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    _file(folder, "corpus.jsonl")
    skipped: list[str] = []
    texts: dict[str, str] = {}
    unasked: set[str] = set()
    for row, place in _rows(_file(folder, "queries.jsonl"), skipped):
        query, text = _text(row, "_id"), _text(row, "text")
        if query and text:
            texts[query] = text
        else:
            unasked.add(query)
            skipped.append(f"{place} has no {'text' if query else '_id'}")
    path, others = _judgements(folder, split, prefer)
    relevant: dict[str, dict[str, int]] = {}
    for row, place in _columns(path) if ".tsv" in path.name else _rows(path, skipped):
        query, document, grade = _text(row, _QUERY), _text(row, _DOCUMENT), _grade(row)
        if not query or not document:
            skipped.append(f"{place} has no {_DOCUMENT if query else _QUERY}")
        elif grade is None:
            skipped.append(f"{place} has the {_GRADE} {row[_GRADE]!r}, which is no whole number")
        elif query in texts:
            if grade > 0:
                relevant.setdefault(query, {})[document] = grade
        elif query not in unasked:
            skipped.append(f"{place} judges question {query}, which queries.jsonl does not have")
    if not relevant:
        first = f"; {skipped[0]}" if skipped else ""
        raise UserError(f"the judgements in {path} name no relevant document{first}")
    queries = {query: text for query, text in texts.items() if query in relevant}
    chosen = f"judged by {path.relative_to(folder)}, not by {', '.join(others)}" if others else ""
    return Judged(folder.resolve().name, folder, queries, relevant, chosen, skipped)


def rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """The rows of one file of a folder, gzipped or not.

    Raises:
        UserError: it is missing or cannot be read.
    """
    for row, _ in _rows(_file(folder, name)):
        yield row


def write(
    folder: Path,
    documents: Iterable[Mapping[str, str]],
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


def _write(path: Path, rows: Iterable[Any]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _file(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise UserError(f"{folder} is no BEIR folder: it has no {name} or {name}.gz")


def _judgements(folder: Path, split: str | None, prefer: Sequence[str]) -> tuple[Path, list[str]]:
    """The file of judgements to take, and the names of those in `qrels/` that are not taken."""
    ends = (".jsonl", ".jsonl.gz", ".tsv", ".tsv.gz")
    own = [folder / f"qrels{end}" for end in ends]
    splits = [
        folder / "qrels" / f"{name}{end}" for name in ([split] if split else prefer) for end in ends
    ]
    found = [path for path in [*([] if split else own), *splits] if path.is_file()]
    if not found:
        wanted = f"qrels/{split}.tsv" if split else "qrels.jsonl, qrels.tsv or qrels/test.tsv"
        raise UserError(f"{folder} has no judgements: {wanted}, gzipped or not, is missing")
    return found[0], [str(path.relative_to(folder)) for path in found[1:]]


def _open(path: Path) -> Any:
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    return opener(path, "rt", encoding="utf-8-sig")


def _rows(path: Path, skipped: list[str] | None = None) -> Iterator[tuple[dict[str, Any], str]]:
    """Each line with its place; one that is no row is named in `skipped`, or else ends it."""
    try:
        with _open(path) as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                place = f"{path.name}:{number} of {path.parent}"
                found = parsed(line)
                if isinstance(found, str):
                    if skipped is None:
                        raise UserError(f"{place} {found}")
                    skipped.append(f"{place} {found}")
                    continue
                yield (
                    {k.replace("_id", "-id") if k != "_id" else k: found[k] for k in found},
                    place,
                )
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read to its end: {error}") from None


def _columns(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Judgements in columns: with names above them, or in the order of BEIR or of TREC."""
    names: list[str] = []
    try:
        with _open(path) as file:
            for number, line in enumerate(file, 1):
                fields = _fields(line)
                if not fields:
                    continue
                if not names:
                    names = [field.replace("_id", "-id") for field in fields]
                    if _QUERY in names or _DOCUMENT in names:
                        for name in (_QUERY, _DOCUMENT):
                            if name not in names:
                                raise UserError(f"{path} has no column {name}")
                        continue
                    if len(fields) not in _WITHOUT_NAMES:
                        raise UserError(
                            f"{path} has no column {_QUERY}, and {len(fields)} columns, where "
                            "those without names are question, document and score"
                        )
                    names = _WITHOUT_NAMES[len(fields)]
                row = dict(zip(names, fields, strict=False))
                yield row, f"{path.name}:{number} of {path.parent}"
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read to its end: {error}") from None


def _fields(line: str) -> list[str]:
    """Those of a line, separated by tabs or, in TREC's form, by spaces; bare or in quotes."""
    parts = line.rstrip("\r\n").split("\t") if "\t" in line else line.split()
    return [p[1:-1] if len(p) > 1 and p[0] == p[-1] == '"' else p for p in parts]


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None or not str(value).strip() else str(value)


def _grade(row: Mapping[str, Any]) -> int | None:
    """The relevance a judgement says; 1 where it says none, None where it is no whole number."""
    try:
        value = float(row.get(_GRADE, 1))
        return int(value) if value.is_integer() else None
    except (TypeError, ValueError):
        return None
