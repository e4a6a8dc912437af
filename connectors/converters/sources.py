"""Documents from folders, files and JSON lines, for `millrace feed`."""

from __future__ import annotations

import gzip
import lzma
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

from connectors.converters.documents import Documents
from connectors.converters.errors import Unreadable
from connectors.converters.names import Ids, apart, corpus_of
from processors.documents.kinds import PLAIN, kind_of, why_unsupported
from schemas import json_form
from schemas.events import DocumentFed
from streams.flow.errors import Reject, UserError

LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".jsonl.xz", ".ndjson.gz")
# What a BEIR corpus calls things.
BEIR_ID = "_id"
LINK = "is a symbolic link: feed the file or folder it leads to"


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not fed, and why; `outcome` is the word it is counted by."""

    name: str
    reason: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Told:
    """Something that was fed, and what whoever feeds it should know."""

    name: str
    note: str


Found = DocumentFed | Skipped | Told


def documents(paths: Iterable[str], tenant: str, converter: Documents) -> Iterator[Found]:
    """Documents of folders, files, JSON lines and `-` (JSON lines on standard input).

    In a folder a document's id is its path below that folder; names that begin with a dot are not
    looked at. A folder with a `corpus.jsonl` is a BEIR data set, of which only the corpus is fed.
    Files of several paths that would have one id get that of their path in front; that is told
    before they come. A path without anything to feed is one that was skipped.

    Raises:
        UserError: a path does not exist.
    """
    named = [*paths]
    for name in named:
        if name != "-" and not Path(name).exists():
            raise UserError(f"there is no file or folder {name}")
    ids = apart(named)
    for clash in ids.clashes:
        names = " and ".join(sorted(ids.of(file, clash) for file in ids.clashes[clash]))
        yield Told(clash, f"is the name of {len(ids.clashes[clash])} files: fed as {names}")
    seen: set[Path] = set()
    fed: dict[tuple[str, str], int | None] = {}
    for name in named:
        found = False
        for each in _path(name, tenant, converter, ids, seen):
            found = True
            if isinstance(each, DocumentFed):
                yield from _repeated(each, fed)
            yield each
        if not found:
            yield Skipped(_printable(name), "holds nothing that could be fed", "empty")


def _repeated(document: DocumentFed, fed: dict[tuple[str, str], int | None]) -> Iterator[Told]:
    """What is to be told before a document that replaces one of the same feed."""
    key = document.tenant, document.doc_id
    if document.op == "delete":
        fed.pop(key, None)
        return
    if key in fed and (document.version is None or document.version == fed[key]):
        yield Told(document.doc_id, "is the id of several documents of this feed: the last counts")
    fed[key] = document.version


def _path(
    name: str, tenant: str, converter: Documents, ids: Ids, seen: set[Path]
) -> Iterator[Found]:
    max_bytes = converter.limits.max_bytes
    if name == "-":
        yield from _lines(sys.stdin, "standard input", tenant, max_bytes)
        return
    path = Path(name)
    corpus = corpus_of(path) if path.is_dir() else None
    if corpus is not None:
        yield from _file(corpus, corpus.name, tenant, converter)
    elif path.is_dir():
        yield from _folder(path, tenant, converter, ids, seen)
    elif path.is_file():
        yield from _once(path, path.name, tenant, converter, ids, seen)


def _once(
    path: Path, doc_id: str, tenant: str, converter: Documents, ids: Ids, seen: set[Path]
) -> Iterator[Found]:
    """A file, unless another of the paths led to it already."""
    place = path.resolve()
    if place in seen:
        yield Told(_printable(doc_id), "was given twice: it is fed once")
        return
    seen.add(place)
    yield from _file(path, ids.of(place, doc_id), tenant, converter)


def names_in(folder: Path, failed: list[OSError]) -> Iterator[tuple[Path, str, bool]]:
    """Files and links of a folder in the order of their names: where, the path inside, if a link.

    Names that begin with a dot are not looked at, and no link is followed: it may lead anywhere, to
    what the one who feeds this folder never meant to show. What could not be listed is `failed`.
    """
    for place, inner, names in os.walk(folder, onerror=failed.append):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for each in [*inner, *sorted(names)]:
            path = Path(place, each)
            is_link = path.is_symlink()
            if not each.startswith(".") and (is_link or each not in inner):
                yield path, path.relative_to(folder).as_posix(), is_link


def _folder(
    folder: Path, tenant: str, converter: Documents, ids: Ids, seen: set[Path]
) -> Iterator[Found]:
    """The documents of a folder in the order of their names."""
    failed: list[OSError] = []
    for path, inside, is_link in names_in(folder, failed):
        if is_link:
            yield Skipped(_printable(inside), LINK, "link")
        else:
            yield from _once(path, inside, tenant, converter, ids, seen)
    for error in failed:
        yield _unreadable(Path(str(error.filename)).name, error)


def _file(path: Path, doc_id: str, tenant: str, converter: Documents) -> Iterator[Found]:
    if doc_id != _printable(doc_id):
        yield Skipped(_printable(doc_id), "its name is not UTF-8: rename it", "unsupported")
        return
    max_bytes = converter.limits.max_bytes
    if path.name.lower().endswith(LINES):
        yield from _lines_of(path, tenant, max_bytes)
        return
    if kind_of(path.name) is None:
        yield Skipped(doc_id, why_unsupported(path.name), "unsupported")
        return
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            yield Skipped(doc_id, "is no regular file", "unsupported")
            return
        if status.st_size > max_bytes:
            reason = f"has {status.st_size:,} bytes; at most {max_bytes:,}"
            yield Skipped(doc_id, reason, "too_large")
            return
        data = path.read_bytes()
    except OSError as error:
        yield _unreadable(doc_id, error)
        return
    changed_at = max(status.st_mtime_ns // 1_000_000, 0)
    yield document_of(doc_id, path.name, data, changed_at, tenant, converter)


def document_of(
    doc_id: str, name: str, data: bytes, changed_at: int, tenant: str, converter: Documents
) -> DocumentFed | Skipped:
    """The document in the bytes of a file called `name`; `changed_at` in ms since the epoch."""
    try:
        made = converter.convert(name, data)
    except Unreadable as failure:
        return Skipped(doc_id, str(failure), failure.outcome)
    return DocumentFed(
        op="upsert",
        tenant=tenant,
        doc_id=doc_id,
        doc_type=made.doc_type,
        title=made.title,
        body=made.body,
        uri=name,
        metadata=dict(made.metadata),
        changed_at=changed_at,
        form=None if made.doc_type in PLAIN else "converted",
    )


def _printable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


def _unreadable(name: str, error: OSError) -> Skipped:
    return Skipped(_printable(name), f"cannot be read: {error.strerror}", "unreadable")


def _lines_of(path: Path, tenant: str, max_bytes: int) -> Iterator[Found]:
    opens: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
    opener = opens.get(path.suffix.lower(), open)
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            yield from _lines(cast("TextIO", file), path.name, tenant, max_bytes)
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        yield Skipped(path.name, f"cannot be read to its end: {error}", "damaged")


def _lines(file: TextIO, name: str, tenant: str, max_bytes: int) -> Iterator[Found]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            document = _document(line, tenant)
        except Reject as failure:
            yield Skipped(place, str(failure), "malformed")
            continue
        # Base64 takes four bytes for three.
        most = max_bytes * 4 // 3 + 4 if document.form == "base64" else max_bytes
        if document.body is not None and len(document.body.encode()) > most:
            yield Skipped(place, f"its body has more than {max_bytes:,} bytes", "too_large")
        elif document.op == "upsert" and not (document.body or "").strip():
            yield Skipped(place, "its text is empty", "empty")
        else:
            yield document


def _document(line: str, tenant: str) -> DocumentFed:
    """A line in the form of `docs.feed`, or of a BEIR corpus (`_id`, `title`, `text`)."""
    datum = json_form.load(line.encode("utf-8", "surrogateescape"))
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
    return DocumentFed.from_avro(json_form.checked(fields, "DocumentFed"))
