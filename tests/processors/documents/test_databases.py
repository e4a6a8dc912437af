from __future__ import annotations

from typing import Any

import pytest

from processors.documents.debezium_policy import databases, debezium_sources
from processors.documents.positions import position

BANK = {
    "kind": "postgresql",
    "host": "db",
    "database": "bank",
    "user": "millrace",
    "password": "${env:BANK_PASSWORD}",
}
SOURCE = {"database": "bank", "table": "public.notes", "tenant": "a", "doc_id": "id", "text": "t"}


def policy(of: dict[str, Any] | None = None, /, **source: Any) -> dict[str, Any]:
    said = {name: value for name, value in (SOURCE | source).items() if value is not None}
    return {"databases": {"bank": BANK | (of or {})}, "debezium": {"notes": said}}


def test_a_source_of_a_database_has_the_topic_that_its_connector_writes() -> None:
    (source,) = debezium_sources(policy())
    assert source.topic == "bank.public.notes"
    (source,) = debezium_sources(policy({"kind": "mysql"}, table="bank.notes"))
    assert source.topic == "bank.bank.notes"
    (source,) = debezium_sources(
        policy({"kind": "sqlserver"}, table="dbo.my notes", version="time")
    )
    assert source.topic == "bank.bank.dbo.my_notes"


def test_a_database_has_the_port_of_its_kind_unless_another_is_said() -> None:
    assert databases(policy())["bank"].port == 5432
    assert databases(policy({"port": 6000}))["bank"].port == 6000
    assert databases(policy({"kind": "mariadb"}))["bank"].port == 3306


def test_a_source_knows_the_placeholder_that_its_connector_is_told_to_write() -> None:
    given = {"options": {"unavailable.value.placeholder": "<gone>"}}
    (source,) = debezium_sources(policy(given))
    assert source.placeholder == "<gone>"
    (source,) = debezium_sources(policy(unavailable_value="<none>"))
    assert source.placeholder == "<none>"


def test_an_outbox_has_a_connector_a_slot_and_signals_of_its_own() -> None:
    bank = databases(policy({"outbox": "public.outbox"}))["bank"]
    own = bank.of_outbox()
    assert bank.outbox == "public.outbox"
    assert {own.connector, own.slot, own.signals}.isdisjoint(
        {bank.connector, bank.slot, bank.signals}
    )


@pytest.mark.parametrize(
    ("database", "source", "said"),
    [
        ({"kind": "oracle"}, {}, "'databases.bank.kind' is 'oracle'; it must be one of postgresql"),
        ({"password": "secret"}, {}, "it must be a reference such as"),
        ({"options": {"database.ssl.password": "x"}}, {}, "database.ssl.password' is a secret"),
        ({"options": {"a.basic.auth.user.info": "me:x"}}, {}, "user.info' is a secret"),
        ({"options": {"a.ssl.keystore.key": "-----BEGIN"}}, {}, "keystore.key' is a secret"),
        (
            {"options": {"mongodb.connection.string": "mongodb://me:x@host"}},
            {},
            "connection.string' is a secret",
        ),
        ({"port": 0}, {}, "'databases.bank.port' is 0; it must be a port"),
        ({"hosts": "a"}, {}, "'databases.bank.hosts' is not known; did you mean 'host'"),
        ({}, {"database": "bonk"}, "'debezium.notes.database' is 'bonk', which is not among"),
        ({}, {"table": None}, "'debezium.notes.table' is missing"),
        ({}, {"database": None}, "'debezium.notes.topic' is missing"),
        ({}, {"topic": "x"}, "'debezium.notes' has 'topic' and 'database'"),
        ({"kind": "sqlserver"}, {}, "SQL Server's position is no number"),
    ],
)
def test_what_cannot_be_is_named(
    database: dict[str, Any], source: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        debezium_sources(policy(database, **source))


def test_positions_grow_as_the_log_does() -> None:
    binlog = [
        {"file": "mysql-bin.000002", "pos": 4},
        {"file": "mysql-bin.000002", "pos": 1 << 32},
        {"file": "mysql-bin.000010", "pos": 4},
    ]
    found = [position(each) for each in binlog]
    assert found == sorted(found, key=lambda each: each or 0)
    assert len({*found}) == 3
    first, second = {"ts_ms": 5_000, "ord": 9}, {"ts_ms": 6_000, "ord": 1}
    assert (position(first) or 0) < (position(second) or 0)
    assert position({"lsn": 12}) == 12
    assert position({"commit_lsn": "00000027:00000758:0005", "ts_ms": 5}) is None
    assert position({"file": "bin", "pos": 4}) is None
