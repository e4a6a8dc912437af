from __future__ import annotations

import base64
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from processors.documents.debezium import (
    PLACEHOLDER,
    Column,
    DebeziumSource,
    ingest_row,
    row_change,
    slow_row,
)
from processors.documents.debezium_policy import debezium_sources
from processors.documents.ingest import IngestConfig, Place
from schemas import topics
from schemas.events import DocumentChanged
from streams.app import config as app_config
from streams.app.settings import Settings
from streams.app.topology import topology
from streams.flow.errors import Reject, UserError
from streams.runtime.testing import Driver
from tests.support.fakes import CONFIG, FakePorts

SOURCE = DebeziumSource(
    name="handbook",
    topic="bank.public.handbook",
    tenant="retail",
    doc_id=("id",),
    text=("body",),
    title="title",
    metadata={"department": "dept"},
    prefix="handbook/",
)
ROW = {"id": 7, "title": "Cards", "body": "The limit is 600 euros.", "dept": "cards", "hits": 1}
SCHEMA = {"type": "struct", "name": "bank.public.handbook.Envelope", "fields": []}


def event(op: str, *, lsn: int | None = 100, enveloped: bool = False, **rows: Any) -> bytes:
    """A change event as Connect's JsonConverter writes it."""
    source: dict[str, Any] = {"connector": "postgresql", "ts_ms": 5_000, "table": "handbook"}
    source |= {} if lsn is None else {"lsn": lsn}
    payload = {"before": None, "after": None, **rows, "source": source, "op": op, "ts_ms": 6_000}
    return json.dumps({"schema": SCHEMA, "payload": payload} if enveloped else payload).encode()


def key(enveloped: bool = False, **columns: Any) -> bytes:
    columns = columns or {"id": 7}
    return json.dumps({"schema": SCHEMA, "payload": columns} if enveloped else columns).encode()


def changes(
    value: bytes | None, of: bytes | None = None, source: DebeziumSource = SOURCE, offset: int = 3
) -> list[DocumentChanged]:
    place = Place(offset, 9_000, keyed=True)
    return list(
        ingest_row(
            row_change(value),
            key() if of is None else of,
            place,
            source=source,
            config=IngestConfig(),
            converter=FakePorts().converter,
        )
    )


def source(**given: Any) -> DebeziumSource:
    """The source that a policy file with these lines says."""
    said = {"topic": "a.b.c", "tenant": "retail", "doc_id": "id", "text": "body"} | given
    (found,) = debezium_sources({"version": "1", "debezium": {"handbook": said}})
    return found


@pytest.mark.parametrize("enveloped", [False, True])
@pytest.mark.parametrize("op", ["c", "r", "u"])
def test_a_row_becomes_a_document(op: str, enveloped: bool) -> None:
    (change,) = changes(event(op, after=ROW, enveloped=enveloped), key(enveloped))
    assert (change.document.op, change.document.tenant, change.document.doc_id) == (
        "upsert",
        "retail",
        "handbook/7",
    )
    assert (change.document.title, change.body) == ("Cards", "The limit is 600 euros.")
    assert (change.document.version, change.document.changed_at, change.document.fed_at) == (
        100,
        5_000,
        9_000,
    )
    assert change.document.metadata == {"department": "cards"}


def flattened(op: str, **row: Any) -> bytes:
    """As ExtractNewRecordState writes it, with op and place added."""
    added = {"__op": op, "__source_lsn": 100, "__source_ts_ms": 5_000}
    return json.dumps(ROW | row | added | {"__deleted": str(op == "d").lower()}).encode()


def test_a_flattened_row_is_a_document_and_its_rewritten_delete_deletes_it() -> None:
    (change,) = changes(flattened("u"))
    assert change == changes(event("u", after=ROW))[0]
    (gone,) = changes(flattened("d", body=None))
    assert gone == changes(event("d", before=ROW))[0]
    assert changes(None) == []
    with pytest.raises(Reject, match="field '__op' is 'x'"):
        changes(flattened("x"))


@pytest.mark.parametrize("enveloped", [False, True])
def test_a_deleted_row_is_a_deleted_document(enveloped: bool) -> None:
    # Without REPLICA IDENTITY FULL, only the key is known of it.
    before = {"id": 7, "title": None, "body": None, "dept": None, "hits": 0}
    (change,) = changes(event("d", before=before, lsn=101, enveloped=enveloped), key(enveloped))
    assert (change.document.op, change.document.doc_id, change.document.version) == (
        "delete",
        "handbook/7",
        101,
    )
    assert (change.document.title, change.body) == ("", "")


def test_a_delete_that_carries_no_row_is_known_by_its_key() -> None:
    (change,) = changes(event("d"))
    assert (change.document.op, change.document.doc_id) == ("delete", "handbook/7")


@pytest.mark.parametrize("value", [None, b'{"schema": {}, "payload": null}', event("m")])
def test_a_tombstone_and_a_message_change_no_document(value: bytes | None) -> None:
    assert changes(value) == []


def test_a_row_whose_text_is_null_is_a_document_without_text() -> None:
    (change,) = changes(event("u", after=ROW | {"body": None}))
    assert (change.document.op, change.body) == ("upsert", "")


@pytest.mark.parametrize(
    "placeholder", [PLACEHOLDER, base64.b64encode(PLACEHOLDER.encode()).decode()]
)
def test_a_text_that_the_database_did_not_log_is_unchanged(placeholder: str) -> None:
    assert changes(event("u", after=ROW | {"hits": 2, "body": placeholder})) == []


def test_another_placeholder_can_be_named() -> None:
    after = ROW | {"body": "<gone>"}
    assert changes(event("u", after=after), source=source(unavailable_value="<gone>")) == []
    (change,) = changes(event("u", after=after), source=source())
    assert change.body == "<gone>"


@pytest.mark.parametrize(
    ("op", "after", "of"),
    [
        ("c", {"body": PLACEHOLDER}, SOURCE),  # the insert of a row whose key was changed
        ("u", {"title": PLACEHOLDER}, SOURCE),
        ("u", {"dept": PLACEHOLDER}, SOURCE),
        ("u", {"dept": [*PLACEHOLDER.encode()]}, SOURCE),
        ("u", {"body": PLACEHOLDER}, source(text=["title", "body"])),
    ],
)
def test_the_placeholder_is_never_taken_for_a_value(
    op: str, after: dict[str, Any], of: DebeziumSource
) -> None:
    with pytest.raises(Reject, match=r"did not log the value of column '.*REPLICA IDENTITY FULL"):
        changes(event(op, after=ROW | after), source=of)


def test_a_row_that_comes_to_name_another_document_deletes_the_former() -> None:
    of = source(doc_id="code", replica_identity="full", prefix="")
    before, after = ROW | {"code": "A-1"}, ROW | {"code": "A-2"}
    gone, come = changes(event("u", before=before, after=after), source=of)
    assert (gone.document.op, gone.document.doc_id, gone.document.version) == ("delete", "A-1", 100)
    assert (come.document.op, come.document.doc_id, come.document.version) == ("upsert", "A-2", 100)


def test_what_names_a_document_must_be_known_of_a_deleted_row() -> None:
    with pytest.raises(Reject, match="column 'code' says which document a row is, but is none of"):
        changes(event("u", after=ROW | {"code": "A-1"}), source=source(doc_id="code"))
    with pytest.raises(Reject, match="column 'owner' says which"):
        changes(event("c", after=ROW), source=source(tenant={"column": "owner"}))
    known = key(id=7, owner="retail")
    (change,) = changes(
        event("c", after=ROW | {"owner": "retail"}), known, source(tenant={"column": "owner"})
    )
    assert change.document.tenant == "retail"


def test_names_of_several_columns_are_never_confused() -> None:
    of = source(doc_id=["a", "b"], replica_identity="full")
    names = [
        changes(event("c", after=ROW | {"a": a, "b": b}), source=of)[0].document.doc_id
        for a, b in (("x/y", "z"), ("x", "y/z"), ("x", "y"))
    ]
    assert names == ["handbook/x%2Fy/z", "handbook/x/y%2Fz", "handbook/x/y"]


def test_the_version_comes_from_where_the_policy_says() -> None:
    (change,) = changes(event("u", after=ROW, lsn=None), source=source(version="time"))
    assert (change.document.version, change.document.sequence) == (5_000, 3)
    of = source(version={"column": "hits"}, replica_identity="full")
    (change,) = changes(event("u", after=ROW), source=of)
    assert change.document.version == 1


@pytest.mark.parametrize(
    ("value", "of", "said"),
    [
        (b"no JSON", None, "is not valid JSON"),
        (b"\xff", None, "is not UTF-8"),
        (b"\xc3\x01abc", None, "is Avro by a fingerprint .* Avro through a registry"),
        (b"[]", None, "a change event is a JSON object"),
        (json.dumps(ROW).encode(), None, "has no field 'op'; where Extract.* flattens"),
        (event("x", after=ROW), None, "field 'op' is 'x', but must be one of c, r, u, d"),
        (event("t"), None, "the table was truncated"),
        (event("c", after=[1]), None, "field 'after' must be an object or null"),
        (event("c"), None, "field 'after' is null in a change with op 'c'"),
        (event("c", after={"id": 7}), None, "the row has no column '(dept|title)'; it has id"),
        (event("c", after=ROW, lsn=None), None, "source must say the version"),
        (event("c", after=ROW, lsn=-1), None, "source must say the version"),
        (event("c", after=ROW, lsn=2**63), None, "source must say the version"),
        (event("c", after=ROW | {"id": 1.5}), None, "a text or a whole number, not 1.5"),
        (event("c", after=ROW | {"id": ""}), None, "a text or a whole number, not \"\""),
        (event("c", after=ROW), b"7", "the record's key must be a JSON object"),
        (event("c", after=ROW), b"x", "the record's key cannot be read"),
        (event("c", after=ROW | {"id": "a\0"}), None, "doc_id must be"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_rejected_by_name(value: bytes, of: bytes | None, said: str) -> None:
    with pytest.raises(Reject, match=said):
        changes(value, of)


def test_a_record_without_a_key_is_rejected() -> None:
    with pytest.raises(Reject, match="no key, so that the order"):
        list(
            ingest_row(
                row_change(event("c", after=ROW)),
                None,
                Place(0, 0, keyed=False),
                source=SOURCE,
                config=IngestConfig(),
                converter=FakePorts().converter,
            )
        )


def test_a_snapshot_without_a_position_is_older_than_any_change() -> None:
    (change,) = changes(event("r", after=ROW, lsn=None))
    assert change.document.version == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"topics": "x"}, "'debezium.handbook.topics' is not known; did you mean 'topic'"),
        ({"topic": "docs.feed"}, "is 'docs.feed'; it must be a topic of Debezium's"),
        ({"tenant": "a b"}, "is 'a b'; it must be the name of a tenant or {column: NAME}"),
        ({"tenant": {"col": "x"}}, "'debezium.handbook.tenant' is {'col': 'x'}; it must be"),
        ({"doc_id": []}, "'debezium.handbook.doc_id' is .*; it must be a column or a list"),
        ({"version": "scn"}, "'debezium.handbook.version' is 'scn'; it must be position, time or"),
        ({"version": {"column": "v"}}, "known of a deleted row only with"),
        ({"replica_identity": "index"}, "must be default or full"),
        ({"form": "hex"}, "'debezium.handbook.form' is 'hex'; it must be one of source"),
        ({"metadata": {"a": 1}}, "'debezium.handbook.metadata' is .*; it must be a mapping of"),
        ({"title": 1}, "'debezium.handbook.title' is 1; it must be a text"),
    ],
)
def test_a_wrong_policy_names_what_is_wrong(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        source(**given)


def test_a_policy_that_misses_something_names_it() -> None:
    with pytest.raises(ValueError, match=r"'debezium\.a\.doc_id' is missing"):
        debezium_sources({"debezium": {"a": {"topic": "t", "tenant": "x", "text": "y"}}})
    with pytest.raises(ValueError, match=r"'debezium\.A' is 'A'; it must be a name of small"):
        debezium_sources({"debezium": {"A": {}}})
    assert source(doc_type={"column": "kind"}).doc_type == Column("kind")


def driver(ports: FakePorts, of: DebeziumSource = SOURCE) -> Driver:
    return Driver(topology(replace(CONFIG, debezium=(of,))), ports.opened)


def live(ports: FakePorts) -> dict[str, str]:
    return {chunk.doc_id: chunk.text for chunk in ports.index.scan("retail")}


def test_a_changed_key_moves_the_document() -> None:
    ports = FakePorts()
    run = driver(ports)
    run.send(SOURCE.topic, event("c", after=ROW), key=key())
    run.send(SOURCE.topic, event("d", before={"id": 7}, lsn=120), key=key())
    run.send(SOURCE.topic, None, key=key())
    run.send(SOURCE.topic, event("c", after=ROW | {"id": 8}, lsn=120), key=key(id=8))
    run.run()
    assert live(ports) == {"handbook/8": "The limit is 600 euros."}
    assert run.dead_letters(topics.DOCS_DLQ) == []


@pytest.mark.parametrize("insert_first", [False, True])
def test_a_changed_key_of_one_document_leaves_it_there(insert_first: bool) -> None:
    """Delete and insert have one position, and keys, so partitions, of their own."""
    of = source(doc_id="code", replica_identity="full", topic=SOURCE.topic)
    ports = FakePorts()
    run = driver(ports, of)
    row = ROW | {"code": "A-1"}
    pair = [
        (event("d", before=row, lsn=120), key()),
        (event("c", after=row | {"id": 8, "body": "New."}, lsn=120), key(id=8)),
    ]
    run.send(SOURCE.topic, event("c", after=row), key=key())
    run.run()
    for value, record_key in reversed(pair) if insert_first else pair:
        run.send(SOURCE.topic, value, key=record_key)
        run.run()
    assert live(ports) == {"handbook/A-1": "New."}


@pytest.mark.parametrize("seed", range(8))
def test_any_history_sent_more_than_once_ends_in_its_last_state(seed: int) -> None:
    rng = random.Random(seed)
    ports = FakePorts()
    run = driver(ports)
    run.fault = lambda _stage, _moment: rng.random() < 0.2
    sent: list[tuple[bytes | None, bytes]] = []
    rows: dict[int, str] = {}
    for lsn in range(1, 80):
        number = rng.randrange(6)
        text, row_key = f"Text of {lsn}.", key(id=number)
        after = ROW | {"id": number, "body": text}
        if number not in rows:
            sent.append((event(rng.choice("cr"), after=after, lsn=lsn), row_key))
            rows[number] = text
        elif rng.random() < 0.3:
            sent.append((event("d", before={"id": number}, lsn=lsn), row_key))
            sent.append((None, row_key))
            del rows[number]
        elif rng.random() < 0.3:
            after |= {"body": PLACEHOLDER}
            sent.append((event("u", after=after, lsn=lsn, enveloped=True), row_key))
        else:
            sent.append((event("u", after=after, lsn=lsn), row_key))
            rows[number] = text
        if rng.random() < 0.1:  # Connect was killed and begins again where it last committed
            sent += sent[-rng.randrange(1, 10) :]
    for value, row_key in sent:
        run.send(SOURCE.topic, value, key=row_key)
    run.run()
    assert live(ports) == {f"handbook/{number}": text for number, text in rows.items()}
    assert run.dead_letters(topics.DOCS_DLQ) == []


def test_a_bad_record_is_a_dead_letter_and_the_next_goes_on() -> None:
    ports = FakePorts()
    run = driver(ports)
    run.send(SOURCE.topic, b"{}", key=key())
    run.send(SOURCE.topic, event("c", after=ROW), key=None)
    run.send(SOURCE.topic, event("c", after=ROW), key=key())
    run.run()
    letters = run.dead_letters(topics.DOCS_DLQ)
    assert sorted(letter.reason[:20] for letter in letters) == [
        "the record has no ke",
        "this is no Debezium ",
    ]
    assert {(letter.stage, letter.topic) for letter in letters} == {
        ("ingest.handbook", SOURCE.topic)
    }
    assert live(ports) == {"handbook/7": "The limit is 600 euros."}


def test_the_policy_file_is_named_where_it_is_wrong_and_may_be_absent(tmp_path: Path) -> None:
    assert app_config.sources_of_changes(Settings()) == ()  # as shipped
    settings = Settings(policies=tmp_path)
    assert app_config.sources_of_changes(settings) == ()
    (tmp_path / "connectors.yaml").write_text("debezium: {a: {}}")
    with pytest.raises(
        UserError, match=r"connectors.yaml cannot be used: 'debezium.a.tenant' is missing"
    ):
        app_config.sources_of_changes(settings)


def test_a_row_that_has_to_be_converted_is_on_its_tenants_account() -> None:
    def share(row: dict[str, Any], **given: Any) -> str | None:
        return slow_row(row_change(event("u", after=ROW | row)), key(), source(**given))

    page = {"body": "<p>Text.</p>"}
    assert share(page, doc_type="html") == "retail"
    assert share(page | {"kind": "html"}, doc_type={"column": "kind"}) == "retail"
    assert share({"body": "JVBERi0="}, form="base64", doc_type="pdf") == "retail"
    assert share(page, doc_type="markdown") is None
    assert share({"body": None}, doc_type="html") is None
    assert share({"id": None}, doc_type="html") is None, "it is rejected at once"
    assert slow_row(row_change(event("d")), key(), source(doc_type="html")) is None
