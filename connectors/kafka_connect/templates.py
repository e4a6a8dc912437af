"""What a Debezium connector is told, by the kind of its database.

A value is JSON beside its schema, which says what is a date or a decimal; a key is JSON alone, so
that it stays the same, in the same partition, when the table's schema changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from processors.documents.databases import Database, Kind

_JSON = "org.apache.kafka.connect.json.JsonConverter"
_CLASS: Mapping[Kind, str] = {
    "postgresql": "io.debezium.connector.postgresql.PostgresConnector",
    "mysql": "io.debezium.connector.mysql.MySqlConnector",
    "mariadb": "io.debezium.connector.mariadb.MariaDbConnector",
    "mongodb": "io.debezium.connector.mongodb.MongoDbConnector",
    "sqlserver": "io.debezium.connector.sqlserver.SqlServerConnector",
}
_SERVER_IDS = range(5400, 6400)  # of a replica, which MySQL has to be told


def configuration(
    database: Database, tables: Sequence[str], bootstrap: str, replication: int = 1
) -> dict[str, str]:
    """The connector's configuration; `options` of the database have the last word."""
    options = {
        "connector.class": _CLASS[database.kind],
        "tasks.max": "1",
        "topic.prefix": database.name,
        "exactly.once.support": "required",
        "key.converter": _JSON,
        "key.converter.schemas.enable": "false",
        "value.converter": _JSON,
        "value.converter.schemas.enable": "true",
        "producer.override.compression.type": "lz4",
        "topic.creation.default.partitions": "1",
        "topic.creation.default.replication.factor": str(replication),
        # Truncates are left out unless one asks for them.
        "skipped.operations": "none",
        # An idle table must not hold back what a busy one beside it lets go of.
        "heartbeat.interval.ms": "10000",
        "signal.enabled.channels": "source,kafka" if database.kind == "mongodb" else "kafka",
        "signal.kafka.topic": database.signals,
        "signal.kafka.bootstrap.servers": bootstrap,
        **_OF_KIND[database.kind](database, tables, bootstrap),
    }
    return {**options, **database.options}


def outbox(database: Database, bootstrap: str, replication: int = 1) -> dict[str, str]:
    """Of the connector that writes an outbox's payloads to docs.feed, as they stand in the table.

    The table has the columns of Debezium's outbox pattern: `id`, `aggregatetype`, `aggregateid`
    (TENANT/DOC_ID, which keeps a document's versions in order), `type` and `payload` (JSON).
    """
    own = database.of_outbox()
    text = "org.apache.kafka.connect.storage.StringConverter"
    routing = {
        "type": "io.debezium.transforms.outbox.EventRouter",
        "route.topic.replacement": "docs.feed",
        "table.op.invalid.behavior": "warn",  # an outbox's rows are deleted, and change nothing
    }
    return (
        configuration(own, [database.outbox], bootstrap, replication)
        | {"key.converter": text, "value.converter": text, "transforms": "outbox"}
        | {f"transforms.outbox.{name}": value for name, value in routing.items()}
        | {**database.options}
    )


def _relational(database: Database, tables: Sequence[str]) -> dict[str, str]:
    return {
        "database.hostname": database.host,
        "database.port": str(database.port),
        "database.user": database.user,
        "database.password": database.password,
        "table.include.list": ",".join(tables),
    }


def _history(database: Database, bootstrap: str) -> dict[str, str]:
    prefix = "schema.history.internal.kafka"
    return {
        f"{prefix}.bootstrap.servers": bootstrap,
        f"{prefix}.topic": f"{database.name}.schema-history",
    }


def _postgresql(database: Database, tables: Sequence[str], _bootstrap: str) -> dict[str, str]:
    return _relational(database, tables) | {
        "database.dbname": database.database,
        "plugin.name": "pgoutput",
        "slot.name": database.slot,
        "publication.name": database.slot,
        "publication.autocreate.mode": "filtered",
        # A table is read again by signals on a topic: nothing is written to the database.
        "read.only": "true",
    }


def _mysql(database: Database, tables: Sequence[str], bootstrap: str) -> dict[str, str]:
    known = sum(database.name.encode()) % len(_SERVER_IDS)
    return (
        _relational(database, tables)
        | _history(database, bootstrap)
        | {
            "database.include.list": database.database,
            "database.server.id": str(_SERVER_IDS[known]),
            "read.only": "true",
        }
    )


def _sqlserver(database: Database, tables: Sequence[str], bootstrap: str) -> dict[str, str]:
    return (
        _relational(database, tables)
        | _history(database, bootstrap)
        | {"database.names": database.database}
    )


def _mongodb(database: Database, tables: Sequence[str], _bootstrap: str) -> dict[str, str]:
    return {
        "mongodb.connection.string": f"mongodb://{database.host}:{database.port}",
        "mongodb.user": database.user,
        "mongodb.password": database.password,
        "collection.include.list": ",".join(tables),
        # An update's whole document, not its difference alone.
        "capture.mode": "change_streams_update_full",
    }


_OF_KIND = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mariadb": _mysql,
    "mongodb": _mongodb,
    "sqlserver": _sqlserver,
}
