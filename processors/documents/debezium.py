"""Debezium's change events as documents: a row is a document, and its log position the version.

Debezium tells an update from what the database logs of it. Of a long value that an update left
alone it may not know more than that: then it sends a placeholder in the value's place, which is
never taken for text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple
from urllib.parse import quote

from processors.documents.change_events import Row, RowChange, avro_change, key_of, row_change
from processors.documents.debezium_values import Encoded, plain, raw
from processors.documents.feeding import NEEDS, Feeding, feeding
from processors.documents.ingest import IngestConfig, Place, ingest, slow_for
from processors.documents.kinds import PLAIN
from processors.documents.placeholders import stands_in
from processors.documents.positions import position, whole
from processors.needs import CONVERTER
from processors.places import DOCUMENTS
from processors.ports import Converter
from schemas import topics
from schemas.events import DocumentChanged, DocumentFed
from streams.flow.errors import Reject
from streams.flow.outcome import Received
from streams.flow.port import Opened
from streams.flow.slow import SlowLanes
from streams.flow.stage import Stage, edge_stage
from streams.flow.topic import MIB, Topic

PLACEHOLDER = "__debezium_unavailable_value"  # Debezium's default `unavailable.value.placeholder`
# A change of a row's key is a delete and an insert at one position of the log. Where both name one
# document, the insert is the later: in the sequence of one version, upserts stand above deletes.
UPSERTED = 1 << 52
_FULL = "set REPLICA IDENTITY FULL on the table and `replica_identity: full` of the source"


@dataclass(frozen=True, slots=True)
class Column:
    """The value is in this column; elsewhere a plain text is the value itself."""

    name: str


@dataclass(frozen=True, slots=True)
class DebeziumSource:
    """How the rows of one topic become documents; `policies/connectors.yaml` says it.

    `full` says that the table's rows are logged whole (REPLICA IDENTITY FULL). Without it, only the
    columns of the record's key can name a document, since only they are known of a deleted row.
    """

    name: str
    topic: str
    tenant: str | Column
    doc_id: tuple[str, ...]
    text: tuple[str, ...]
    title: str | None = None
    uri: str | None = None
    doc_type: str | Column | None = None
    form: str = "source"
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    version: str | Column = "position"  # or "time"
    prefix: str = ""
    full: bool = False
    placeholder: str = PLACEHOLDER
    database: str = ""  # whose connector Millrace configures
    table: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that say which document a row is."""
        tenant = (self.tenant.name,) if isinstance(self.tenant, Column) else ()
        return (*tenant, *self.doc_id)


class Identity(NamedTuple):
    """The document that a row is."""

    tenant: str
    doc_id: str


def ingest_row(
    change: RowChange,
    key: bytes | None,
    place: Place,
    *,
    source: DebeziumSource,
    config: IngestConfig,
    converter: Converter,
    feeding: Feeding | None = None,
) -> Iterable[DocumentChanged]:
    """The changes that a change event means: mostly one; bulk those above their tenant's quota.

    None for a tombstone (it follows its delete), a logical message, and an update that left the
    text alone where the database does not say what it is: the document stays as it was. Two where
    a row came to name another document.

    Raises:
        Reject: the event does not say what document it is about, or what that is now.
    """
    if change.op in ("", "m"):
        return
    for document in _documents(change, key_of(key), source):
        sequence = place.sequence
        if source.version == "position" and document.op == "upsert":
            sequence += UPSERTED
        bulk = place.bulk or (feeding is not None and not feeding.live(document, place.timestamp))
        there = replace(place, sequence=sequence, bulk=bulk)
        yield from ingest(document, there, config=config, converter=converter)


def slow_row(change: RowChange, key: bytes | None, source: DebeziumSource) -> str | None:
    """The tenant whose document this row is, if converting it may take long; else None."""
    if change.after is None or (source.form != "base64" and source.doc_type in PLAIN):
        return None
    try:
        slow = [slow_for(document) for document in _documents(change, key_of(key), source)]
    except Reject:
        return None
    return next(filter(None, slow), None)


def _documents(change: RowChange, key: Row | None, source: DebeziumSource) -> Iterator[DocumentFed]:
    known = source.identity if source.full or key is None else key
    for column in source.identity:
        if column not in known:
            raise Reject(
                f"column '{column}' says which document a row is, but is none of the record's key "
                f"({', '.join(known)}), and only that is known of a row that is deleted: {_FULL}"
            )
    before = change.before
    if change.op == "d":
        row = {**(before or {}), **(key or {})}
        yield _delete(identity_of(row, source), row, change, source)
        return
    after = change.after
    if after is None:
        raise Reject(f"field 'after' is null in a change with op '{change.op}'")
    now = identity_of(after, source)
    if change.op == "u" and before is None and key is not None:
        _same(key, source)
    former = now if before is None or not source.full else identity_of(before, source)
    missing = [name for name in source.text if _unavailable(after, name, source)]
    if former != now:
        yield _delete(former, before or {}, change, source)
    elif change.op == "u" and len(missing) == len(source.text):
        return
    yield _upsert(now, after, change, source)


def _same(key: Row, source: DebeziumSource) -> None:
    """Raises Reject where an update may have made another document of a row, and does not say so.

    The former one, which may be another tenant's, would stay for ever.
    """
    for column in source.identity:
        if column not in key:
            raise Reject(
                f"column '{column}' says which document a row is, and the update does not say what "
                f"it was before: {_FULL}, and do not let ExtractNewRecordState flatten the events"
            )


def _delete(identity: Identity, row: Row, change: RowChange, source: DebeziumSource) -> DocumentFed:
    return DocumentFed(
        op="delete",
        tenant=identity.tenant,
        doc_id=identity.doc_id,
        version=_version(row, change, source),
        changed_at=whole(change.source.get("ts_ms")),
    )


def _upsert(identity: Identity, row: Row, change: RowChange, source: DebeziumSource) -> DocumentFed:
    def of(column: str | None) -> str | None:
        return None if column is None else _text(row, column, source)

    kind = source.doc_type
    metadata = {name: of(column) for name, column in source.metadata.items()}
    texts = [_named(row, column, of(column)) for column in source.text]
    return DocumentFed(
        op="upsert",
        tenant=identity.tenant,
        doc_id=identity.doc_id,
        version=_version(row, change, source),
        doc_type=of(kind.name) if isinstance(kind, Column) else kind,
        title=of(source.title),
        body="\n\n".join(text for text in texts if text),
        uri=of(source.uri),
        metadata={name: value for name, value in metadata.items() if value is not None},
        changed_at=whole(change.source.get("ts_ms")),
        form=source.form,
    )


def _named(row: Row, column: str, text: str | None) -> str | None:
    """A text as it is; a number, a date or the like with the name without which it says nothing."""
    value = row.get(column)
    own = isinstance(value, str) or (isinstance(value, Encoded) and value.is_text)
    return text if own or text is None else f"{column.replace('_', ' ')}: {text}"


def identity_of(row: Row, source: DebeziumSource) -> Identity:
    """Which document a row is. Raises Reject where its columns do not say it."""
    tenant = source.tenant
    if isinstance(tenant, Column):
        tenant = _name(row, tenant.name, source)
    names = [_name(row, column, source) for column in source.doc_id]
    # Of several columns each is escaped, so that no two rows come to one name.
    joined = names[0] if len(names) == 1 else "/".join(quote(name, safe=" ") for name in names)
    return Identity(tenant, source.prefix + joined)


def _name(row: Row, column: str, source: DebeziumSource) -> str:
    value = _value(row, column, source)
    if isinstance(value, Encoded):
        value = value.said
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise Reject(
            f"column '{column}' says which document the row is: it must hold a text or a whole "
            f"number, not {json.dumps(value)[:60]}"
        )
    return str(value)


def _text(row: Row, column: str, source: DebeziumSource) -> str | None:
    value = _value(row, column, source)
    if isinstance(value, Encoded) and isinstance(value.raw, str) and source.form == "base64":
        return value.raw
    if isinstance(value, Encoded) and value.text is None and column in source.text:
        raise Reject(
            f"column '{column}' holds bytes that are no text: say `form: base64` of the source if "
            "they are a file, or leave the column out"
        )
    value = plain(value)
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise Reject(f"column '{column}' is nested too deeply") from None


def _value(row: Row, column: str, source: DebeziumSource) -> object:
    if column not in row:
        raise Reject(f"the row has no column '{column}'; it has {', '.join(row) or 'none'}"[:500])
    if _unavailable(row, column, source):
        raise Reject(
            f"the database did not log the value of column '{column}', which this change left "
            f"alone, and the document cannot be put together without it: {_FULL}"
        )
    return row[column]


def _unavailable(row: Row, column: str, source: DebeziumSource) -> bool:
    """Whether the value is the placeholder, in the form that the column's type gives it."""
    return stands_in(row.get(column), source.placeholder)


def _version(row: Row, change: RowChange, source: DebeziumSource) -> int:
    version = source.version
    if isinstance(version, Column):
        found, where = whole(raw(_value(row, version.name, source))), f"column '{version.name}'"
    elif version == "time":
        found, where = whole(change.source.get("ts_ms")), "source.ts_ms"
    else:
        found, where = position(change.source), "source"
        if found is None and change.op == "r":
            return 0  # of a snapshot without a position: older than any change
    if found is None or found < 0:
        raise Reject(
            f"{where} must say the version, a whole number of 0 or more; where a connector gives "
            "none, `version: time` of the source takes the time of the change"
        )
    return found


def _arrived(
    record: Received[RowChange],
    *,
    source: DebeziumSource,
    config: IngestConfig,
    converter: Converter,
    fed: Feeding,
) -> Iterable[DocumentChanged]:
    # What a snapshot reads was there before; nobody waits for it.
    place = Place(
        record.offset, record.timestamp, record.key is not None, bulk=record.event.op == "r"
    )
    return ingest_row(
        record.event,
        record.key,
        place,
        source=source,
        config=config,
        converter=converter,
        feeding=fed,
    )


def _rows(name: str) -> Topic[RowChange]:
    """A topic of Debezium's, which has the form that Debezium gives it."""
    return Topic(
        name,
        RowChange,
        lambda _: "",
        edge=True,
        max_bytes=32 * MIB,
        read=row_change,
        read_avro=avro_change,
    )


def stage(source: DebeziumSource, config: IngestConfig) -> Stage:
    """`ingest.NAME` in the topology: one for each change feed of a database."""

    def make(opened: Opened):
        return partial(
            _arrived,
            source=source,
            config=config,
            converter=opened[CONVERTER],
            fed=feeding(opened, config.live_changes_per_minute),
        )

    return edge_stage(
        f"ingest.{source.name}",
        reads=_rows(source.topic),
        make=make,
        writes=topics.DOCS_CHANGES,
        dead_letters=topics.DOCS_DLQ,
        place=DOCUMENTS,
        needs=[CONVERTER, *NEEDS],
        slow=SlowLanes(
            share=lambda record: slow_row(record.event, record.key, source),
            lanes=config.convert_processes,
            budget_s=config.convert_budget_s,
        ),
    )
