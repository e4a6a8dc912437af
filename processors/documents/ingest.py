"""`ingest`: any feed record to one canonical change. Assigns nothing random."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from processors.documents.feeding import NEEDS, Feeding, feeding
from processors.documents.kinds import BINARY, MARKED_UP, SANDBOXED, Kind, kind_of
from processors.documents.labels import states
from processors.exceeded import exceeded
from processors.limits import LONGEST_TITLE
from processors.needs import CONVERTER
from processors.places import DOCUMENTS
from processors.ports import Converted, Converter
from processors.text.legible import legible
from processors.text.markup import tidied
from schemas import topics
from schemas.access import COMING, OF_VERSION
from schemas.events import DocumentChanged, DocumentFed, DocumentVersion
from streams.flow.errors import Reject
from streams.flow.outcome import Received
from streams.flow.port import Opened
from streams.flow.slow import SlowLanes
from streams.flow.stage import Stage, edge_stage

TENANT = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}")
FORMS = ("source", "base64", "converted")
PAGE_BREAK = "\f"
# A part leaves room in a 1 MiB record for title, metadata and what chunking adds.
PART_BYTES = 384 * 1024
# Offsets of the two feeds cannot be compared: where both carry one version of a document, that of
# docs.feed counts as the later one.
LIVE = 1 << 52
MAX_TIME = 253_402_300_799_999  # the last millisecond of the year 9999, the last a date can say
# Days of 1973 to 2286 in seconds: in milliseconds days of early 1970, when nothing was fed.
_AS_SECONDS = range(100_000_000, 10_000_000_000)
_HEADER_CHARS = 16 * 1024
# What is converted in the worker itself takes a few milliseconds up to this size.
_QUICK_CHARS = 64 * 1024
_DELIMITER = re.compile(r"[|:\- \t]*-[|:\- \t]*")


@dataclass(frozen=True, slots=True)
class IngestConfig:
    """Limits of a document, and of what one tenant may take from others."""

    max_document_bytes: int = 16 * 1024 * 1024
    live_changes_per_minute: int = 600
    max_id_chars: int = 512
    max_metadata_bytes: int = 64 * 1024
    convert_processes: int = 2
    convert_budget_s: float = 30.0  # a minute, of one tenant


@dataclass(frozen=True, slots=True)
class Place:
    """Where and when a feed record was written, and whether anybody waits for it."""

    sequence: int  # orders changes that carry the same version
    timestamp: int  # milliseconds since the epoch
    keyed: bool
    bulk: bool = False


def split_body(body: str, limit: int = PART_BYTES) -> list[str]:
    """A long body in parts of at most `limit` bytes of UTF-8, cut where a reader would pause.

    Joined, the parts are the body again. A short body is one part.
    """
    if len(body) * 4 <= limit or len(body.encode()) <= limit:
        return [body]
    parts: list[str] = []
    at = 0
    while at < len(body):
        end = at + len(body[at : at + limit].encode()[:limit].decode("utf-8", "ignore"))
        if end < len(body):
            for pause in ("\n# ", "\n## ", "\n\n", "\n", ". ", " "):
                cut = body.rfind(pause, at + (end - at) // 2, end)
                if cut > at:
                    # A heading starts the next part; other pauses end this one.
                    end = cut + 1 if pause.startswith("\n#") else cut + len(pause)
                    break
        parts.append(body[at:end])
        at = end
    return parts


def with_headers(parts: list[str]) -> list[str]:
    """Parts of which those that begin inside a table repeat its heading and header.

    So a row of a long table can be read wherever the table was cut.
    """
    made = parts[:1]
    for part in parts[1:]:
        first = part[:_HEADER_CHARS].partition("\n")[0]
        above = _header_above(made[-1], first.startswith("|")) if "|" in first else ""
        made.append(above + part)
    return made


def _header_above(part: str, outer: bool) -> str:
    """The last heading and the header of the table that `part` ends in; nothing if it does not.

    The rows of the table begin with a pipe (`outer`), or have one.
    """
    start = len(part)
    while start > 0 and part[start - 1] == "\n":
        line = part.rfind("\n", 0, start - 1) + 1
        if not (part.startswith("|", line) if outer else "|" in part[line:start]):
            break
        start = line
    header = part[start : start + _HEADER_CHARS].split("\n")[:2]
    if len(header) < 2 or not _DELIMITER.fullmatch(header[1]):
        return ""
    above = part[:start].rstrip()
    line = above[above.rfind("\n") + 1 :]
    named = f"{line}\n\n" if line.startswith("#") and len(line) < _HEADER_CHARS else ""
    return f"{named}{header[0]}\n{header[1]}\n"


def ingest(
    event: DocumentFed, place: Place, *, config: IngestConfig, converter: Converter
) -> Iterable[DocumentChanged]:
    """The change that a feed record means, in parts where its body is long.

    Files are converted: all in base64, and HTML, CSV and JSON as text. A part of a paged document
    carries the page it begins on, so that the page of any offset in it can be told.

    Raises:
        Reject: the record names no document, or what it says of it cannot be.
    """
    if not place.keyed:
        raise Reject(
            "the record has no key: key docs.feed by tenant/doc_id, which keeps a document's "
            "versions in order"
        )
    if not TENANT.fullmatch(event.tenant):
        raise Reject("tenant must be 1 to 64 letters, digits, '.', '_' or '-'")
    if not event.doc_id.strip() or len(event.doc_id) > config.max_id_chars or "\0" in event.doc_id:
        raise Reject(f"doc_id must be 1 to {config.max_id_chars} characters, none of them NUL")
    if wrong := exceeded(event):
        raise Reject("; ".join(wrong))
    if event.version is not None and event.version < 0:
        raise Reject(f"version is {event.version}; it must be 0 or more")
    if event.changed_at is not None and not 0 <= event.changed_at <= MAX_TIME:
        raise Reject(
            f"changed_at is {event.changed_at}; it must be milliseconds since 1970, from 0 to the "
            "year 9999: divide microseconds by 1,000 and nanoseconds by 1,000,000"
        )
    if event.changed_at is not None and event.changed_at in _AS_SECONDS:
        raise Reject(
            f"changed_at is {event.changed_at}; in milliseconds that is a day of 1970, in seconds "
            "one of our time: multiply seconds by 1,000"
        )
    if event.op == "upsert" and event.body is None:
        raise Reject("an upsert needs a body; to remove a document, send op 'delete'")
    if event.op == "access" and (event.body or not states(event)):
        raise Reject("op 'access' has acl or classes, and no body: they alone change")
    document = _document(event, config, converter)
    _check(len(document.body.encode()), "body", config)
    # It travels with every part and every chunk's record, next to texts and vectors.
    around = [document.title, event.uri or "", *document.metadata, *document.metadata.values()]
    size = sum(len(text.encode()) for text in around)
    if size > config.max_metadata_bytes:
        raise Reject(
            f"title, uri and metadata have {size:,} bytes; at most {config.max_metadata_bytes:,}"
        )
    texts = with_headers(split_body(document.body))
    version = DocumentVersion(
        op=event.op,
        tenant=event.tenant,
        doc_id=event.doc_id,
        version=place.timestamp if event.version is None else event.version,
        sequence=place.sequence,
        doc_type=document.doc_type,
        title=document.title,
        uri=event.uri or "",
        metadata=document.metadata,
        changed_at=event.changed_at or place.timestamp,
        fed_at=place.timestamp,
        parts=len(texts),
        bulk=place.bulk,
        acl=event.acl,
        classes=event.classes,
    )
    alone = replace(version, op="access", parts=1, access_of=OF_VERSION)
    if event.op == "upsert" and states(event) and place.bulk:
        # A live version may overtake this one, and must not be seen by whom this one shuts out.
        coming = replace(alone, access_of=COMING, bulk=False)
        yield DocumentChanged(document=coming, body="", part=0)
    page = 1 if PAGE_BREAK in document.body else 0
    for number, text in enumerate(texts):
        yield DocumentChanged(document=version, body=text, part=number, page=page)
        page += text.count(PAGE_BREAK)
    if event.op == "upsert" and states(event):
        # It outlives this version in the log, and follows its text: nothing opens before that.
        yield DocumentChanged(document=alone, body="", part=0)


def slow_for(event: DocumentFed) -> str | None:
    """The tenant whose file this is, if converting it may take long; None: it takes no time."""
    form = event.form or "source"
    kind = event.doc_type or (kind_of(event.doc_id) or Kind("")).doc_type
    converted = form == "base64" or (form == "source" and kind in MARKED_UP)
    if not converted or event.op != "upsert" or not event.body:
        return None
    if not TENANT.fullmatch(event.tenant):  # it is rejected before it is converted
        return None
    return event.tenant if kind in SANDBOXED or len(event.body) > _QUICK_CHARS else None


def _document(event: DocumentFed, config: IngestConfig, converter: Converter) -> Converted:
    """The text that the record's body holds, and what is known of it."""
    form = event.form or "source"
    if form not in FORMS:
        raise Reject(f"form is {form[:40]!r}; it must be one of {', '.join(FORMS)}")
    guessed = kind_of(event.doc_id) or Kind("text")
    kind = event.doc_type or ("text" if guessed.doc_type in BINARY else guessed.doc_type)
    body = event.body or "" if event.op == "upsert" else ""
    if form == "base64" and event.op == "upsert":
        _check(len(body) * 3 // 4 - 3, "body", config)
        try:
            data = base64.b64decode(body.encode(), validate=True)
        except (binascii.Error, ValueError) as error:
            raise Reject(f"the body is not base64, as form says: {error}") from None
        made = converter.convert(event.doc_id, data, event.doc_type)
    elif form == "source" and kind in MARKED_UP and body.strip():
        made = converter.convert(event.doc_id, body.encode(), kind)
    elif form == "source" and kind == "markdown" and body:
        made = _as_read(body)
    else:
        known = {"language": guessed.language} if kind == "code" and guessed.language else {}
        made = Converted(kind, "", legible(body), known)
    title = event.title or made.title[:LONGEST_TITLE]
    return Converted(made.doc_type, title, made.body, {**made.metadata, **event.metadata})


def _as_read(body: str) -> Converted:
    """Markdown as a reader sees it."""
    read = tidied(legible(body))
    if read.draft:
        raise Reject("the document is a draft, as its front matter says")
    known = {"unread": "; ".join(read.unread)} if read.unread else {}
    return Converted("markdown", read.title, read.text, known)


def _check(size: int, what: str, config: IngestConfig) -> None:
    if size > config.max_document_bytes:
        raise Reject(
            f"the {what} has {size:,} bytes; at most {config.max_document_bytes:,} "
            "(MILLRACE_CONVERT__MAX_DOCUMENT_BYTES)"
        )


def _arrived(
    record: Received[DocumentFed], *, config: IngestConfig, converter: Converter, fed: Feeding
) -> Iterable[DocumentChanged]:
    bulk = record.topic == topics.DOCS_FEED_BULK.name
    sequence = record.offset if bulk else LIVE + record.offset
    bulk = not fed.live(record.event, record.timestamp) or bulk
    place = Place(sequence, record.timestamp, record.key is not None, bulk)
    return ingest(record.event, place, config=config, converter=converter)


def stage(config: IngestConfig) -> Stage:
    """`ingest` in the topology."""

    def make(opened: Opened):
        fed = feeding(opened, config.live_changes_per_minute)
        return partial(_arrived, config=config, converter=opened[CONVERTER], fed=fed)

    return edge_stage(
        "ingest",
        reads=[topics.DOCS_FEED, topics.DOCS_FEED_BULK],
        make=make,
        writes=topics.DOCS_CHANGES,
        dead_letters=topics.DOCS_DLQ,
        place=DOCUMENTS,
        needs=[CONVERTER, *NEEDS],
        slow=SlowLanes(
            share=lambda record: slow_for(record.event),
            lanes=config.convert_processes,
            budget_s=config.convert_budget_s,
        ),
    )
