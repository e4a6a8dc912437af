"""Documents from folders, files and JSON lines, for `millrace feed`."""

from __future__ import annotations

import gzip
import json
import lzma
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

from schemas import json_form
from schemas.errors import Reject, UserError
from schemas.events import DocumentFed

MARKDOWN = frozenset({".md", ".markdown", ".mdx"})
TEXT = frozenset({".txt", ".text", ".rst", ".log", ".toml", ".adoc"})
LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".jsonl.xz", ".ndjson.gz")
CORPUS = ("corpus.jsonl", "corpus.jsonl.gz", "corpus.jsonl.xz")
# What a BEIR corpus calls things.
BEIR_ID = "_id"


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not fed, and why."""

    name: str
    reason: str


Found = DocumentFed | Skipped


def documents(paths: Iterable[str], tenant: str, max_bytes: int) -> Iterator[Found]:
    """Documents of folders, files, JSON lines and `-` (JSON lines on standard input).

    In a folder a document's id is its path below that folder; a folder with a `corpus.jsonl` is a
    BEIR data set, of which only the corpus is fed.

    Raises:
        UserError: a path does not exist.
    """
    for name in paths:
        if name == "-":
            yield from _lines(sys.stdin, "standard input", tenant, max_bytes)
            continue
        path = Path(name)
        if path.is_dir():
            corpus = next((path / each for each in CORPUS if (path / each).is_file()), None)
            if corpus is None:
                yield from _folder(path, tenant, max_bytes)
            else:
                yield from _file(corpus, corpus.name, tenant, max_bytes)
        elif path.is_file():
            yield from _file(path, path.name, tenant, max_bytes)
        else:
            raise UserError(f"there is no file or folder {name}")


def _folder(folder: Path, tenant: str, max_bytes: int) -> Iterator[Found]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if any(part.startswith(".") for part in inside.parts) or not path.is_file():
            continue
        yield from _file(path, inside.as_posix(), tenant, max_bytes)


def _file(path: Path, doc_id: str, tenant: str, max_bytes: int) -> Iterator[Found]:
    if path.name.lower().endswith(LINES):
        yield from _lines_of(path, tenant, max_bytes)
        return
    suffix = path.suffix.lower()
    if suffix not in MARKDOWN | TEXT:
        yield Skipped(doc_id, f"no reader for {suffix or 'a file without a suffix'}")
        return
    try:
        size = path.stat().st_size
        if size > max_bytes:
            yield Skipped(doc_id, f"has {size:,} bytes; at most {max_bytes:,}")
            return
        body = path.read_bytes().decode("utf-8-sig")
        changed_at = path.stat().st_mtime_ns // 1_000_000
    except UnicodeDecodeError as error:
        yield Skipped(doc_id, f"is not UTF-8: byte {error.start} cannot be read")
        return
    except OSError as error:
        yield Skipped(doc_id, f"cannot be read: {error.strerror}")
        return
    kind = "markdown" if suffix in MARKDOWN else "text"
    yield DocumentFed(
        op="upsert",
        tenant=tenant,
        doc_id=doc_id,
        doc_type=kind,
        title=_title(body, path.stem) if kind == "markdown" else path.stem,
        body=body,
        uri=path.name,
        changed_at=changed_at,
    )


def _title(body: str, fallback: str) -> str:
    """The first top heading, which the chunker then sees as the document's name."""
    for line in body.splitlines()[:50]:
        if line.startswith("# "):
            return line[2:].strip()
    return fallback


def _lines_of(path: Path, tenant: str, max_bytes: int) -> Iterator[Found]:
    opens: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
    opener = opens.get(path.suffix.lower(), open)
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            yield from _lines(cast("TextIO", file), path.name, tenant, max_bytes)
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        yield Skipped(path.name, f"cannot be read to its end: {error}")


def _lines(file: TextIO, name: str, tenant: str, max_bytes: int) -> Iterator[Found]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            document = _document(line, tenant)
        except Reject as failure:
            yield Skipped(place, str(failure))
            continue
        if document.body is not None and len(document.body.encode()) > max_bytes:
            yield Skipped(place, f"its body has more than {max_bytes:,} bytes")
        elif document.op == "upsert" and not (document.body or "").strip():
            yield Skipped(place, "its text is empty")
        else:
            yield document


def _document(line: str, tenant: str) -> DocumentFed:
    """A line in the form of `docs.feed`, or of a BEIR corpus (`_id`, `title`, `text`)."""
    try:
        datum: Any = json.loads(line)
    except ValueError as error:
        raise Reject(f"is not valid JSON: {error}") from None
    if not isinstance(datum, dict):
        raise Reject("is not a JSON object")
    fields = cast("dict[str, Any]", datum)
    if BEIR_ID in fields:
        known = {BEIR_ID, "title", "text", "metadata"}
        metadata = {k: str(v) for k, v in fields.items() if k not in known and v is not None}
        fields = {
            "doc_id": str(fields[BEIR_ID]),
            "title": fields.get("title") or "",
            "body": fields.get("text"),
            "doc_type": "text",
            "metadata": metadata,
        }
    fields = {"op": "upsert", "tenant": tenant} | fields
    return DocumentFed.from_avro(json_form.parse(json.dumps(fields).encode(), "DocumentFed"))
