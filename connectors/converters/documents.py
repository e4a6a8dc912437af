"""Any file to a document: the `Converter` port."""

from __future__ import annotations

from pathlib import PurePosixPath

from connectors.converters import csv_tables, plain, records
from connectors.converters.errors import Unreadable
from connectors.converters.made import Limits, Made
from connectors.converters.sandboxes import Sandboxes
from connectors.converters.text import decode
from processors.documents.kinds import SANDBOXED, TYPES, Kind, kind_of, why_unsupported
from processors.ports import Converted
from processors.text.contents import without_contents
from processors.text.legible import legible
from processors.text.markup import tidied

_LONGEST_UNREAD = 1000


class Documents:
    """Converts documents, those of binary formats in child processes: one for each at a time.

    Opens nothing until the first such document comes; a context manager, which ends the processes.
    Thread-safe.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._sandboxes = Sandboxes(self.limits)

    def __enter__(self) -> Documents:
        return self

    def __exit__(self, *_: object) -> None:
        self._sandboxes.close()

    def convert(self, name: str, data: bytes, doc_type: str | None = None) -> Converted:
        """The document in `data`, of `doc_type` or of the type its name says.

        `metadata["unread"]` names what of it could not be read.

        Raises:
            Unreadable: it is of no known type, over a limit, encrypted, damaged, or without text.
        """
        kind = kind_of(name) if doc_type is None else Kind(doc_type)
        if kind is None:
            raise Unreadable("unsupported", why_unsupported(name))
        if kind.doc_type not in TYPES:
            raise Unreadable(
                "unsupported", f"doc_type {kind.doc_type} is none of {', '.join(sorted(TYPES))}"
            )
        if len(data) > self.limits.max_bytes:
            raise Unreadable(
                "too_large", f"has {len(data):,} bytes; at most {self.limits.max_bytes:,}"
            )
        if kind.doc_type in ("code", "json") and not kind.language and (guessed := kind_of(name)):
            kind = Kind(kind.doc_type, guessed.language)
        stem = PurePosixPath(name).stem
        if kind.doc_type in SANDBOXED:
            if not data:
                raise Unreadable("empty", "is empty")
            made = self._sandboxes.convert(kind.doc_type, data)
        else:
            kind, made = _plain(kind, data, stem)
        if not made.body.strip():
            raise Unreadable("empty", "holds no text")
        headed = kind.doc_type in SANDBOXED or kind.doc_type == "markdown"
        said = without_contents(made.body) if headed else made.body
        body = legible(said).encode("utf-8", "replace")  # JSON can escape what is no character
        if len(body) > self.limits.max_text_bytes:
            most = self.limits.max_text_bytes
            raise Unreadable("too_large", f"has more than {most:,} bytes of text")
        metadata = dict(made.metadata)
        if kind.language:
            metadata["language"] = kind.language
        if made.unread:
            metadata["unread"] = "; ".join(made.unread)[:_LONGEST_UNREAD]
        return Converted(kind.doc_type, made.title or stem, body.decode(), metadata)


def _plain(kind: Kind, data: bytes, stem: str) -> tuple[Kind, Made]:
    """Formats of text, in this process; what is called JSON and is none is read as code."""
    body, encoding, lost = decode(data, declared=kind.language == "xml")
    metadata = {"encoding": encoding} if encoding else {}
    if kind.doc_type == "csv":
        table, unread = csv_tables.csv_table(body)
        return kind, Made(table, stem, metadata, (*lost, *unread))
    if kind.doc_type == "json":
        form, read = ("YAML", records.yaml_text) if kind.language else ("JSON", records.json_text)
        try:
            lines, title = read(body)
        except (ValueError, RecursionError) as error:
            unread = (*lost, f"it is not valid {form}, so it is read as it stands: {error}")
            return Kind("code", form.lower()), Made(body, stem, metadata, unread)
        return kind, Made(lines, title or stem, metadata, lost)
    if kind.doc_type != "markdown":
        return kind, Made(body, stem, metadata, lost)
    read = tidied(body)
    if read.draft:
        raise Unreadable("draft", "is a draft, as its front matter says")
    title = plain.title_of(read.text, read.title or stem)
    return kind, Made(read.text, title, metadata, (*lost, *read.unread))
