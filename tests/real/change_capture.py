"""A bank's database, followed: PostgreSQL, Kafka Connect with Debezium, and the embedded stack."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml

from infra.local.connect import Connect
from infra.local.postgres import DATABASE, PASSWORD, USER, Postgres
from schemas import topics
from schemas.events import DeadLettered
from streams.app import opening, policies
from streams.app.ports import CdcSettings
from streams.app.settings import Settings, variables
from streams.local.child import LOOPBACK
from streams.local.supervisor import Stack
from streams.runtime.codec import Codec
from tests.system.drill import Edge
from tests.system.harness import until

SECRET = "BANK_PASSWORD"  # the name of the variable that Connect's worker has


@dataclass
class World:
    """What runs, and what one does to it."""

    postgres: Postgres
    connect: Connect
    stack: Stack
    settings: Settings

    def __post_init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None
        self.edge = Edge(self.settings)

    def sql(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """One statement, committed. A connection that a kill has broken is made anew."""
        if self._connection is None or self._connection.closed:
            self._connection = self.postgres.connect()
        cursor = self._connection.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description else []

    def searchable(self, tenant: str = "retail", prefix: str = "") -> dict[str, str]:
        """Each document's text as it can be found now."""
        found = self.documents(tenant)
        return {doc: "\n".join(each) for doc, each in found.items() if doc.startswith(prefix)}

    def documents(self, tenant: str = "retail") -> dict[str, list[str]]:
        """Each document's chunks as they can be found now, in order."""
        found: dict[str, dict[int, str]] = {}
        for line in opening.dump_index(self.settings, tenant):
            each = json.loads(line)
            found.setdefault(each["doc_id"], {})[each["ordinal"]] = each["text"]
        return {doc: [text for _, text in sorted(of.items())] for doc, of in found.items()}

    def await_searchable(self, expected: Mapping[str, str], prefix: str, timeout: float) -> None:
        until(
            lambda: self.searchable(prefix=prefix) == expected,
            f"{prefix} to be {expected if len(expected) < 8 else len(expected)}",
            timeout,
        )

    def letters(self) -> list[DeadLettered]:
        return [
            Codec().decode(topics.DOCS_DLQ, record.value)
            for record in self.edge.records(topics.DOCS_DLQ.name)
            if record.value
        ]

    def environment(self) -> dict[str, str]:
        """For a command line beside it: no secret among it but the database's own."""
        return variables(self.settings) | {SECRET: PASSWORD}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def policy(port: int, sources: Mapping[str, Mapping[str, Any]], outbox: str = "") -> dict[str, Any]:
    """`connectors.yaml` with one database, `bank`."""
    database = {
        "kind": "postgresql",
        "host": LOOPBACK,
        "port": port,
        "database": DATABASE,
        "user": USER,
        "password": f"${{env:{SECRET}}}",
        "options": {"heartbeat.interval.ms": "2000"},
        **({"outbox": outbox} if outbox else {}),
    }
    return {
        "version": "1",
        "databases": {"bank": database},
        "debezium": {name: {"database": "bank", **said} for name, said in sources.items()},
    }


@contextmanager
def world(
    folder: Path,
    sources: Mapping[str, Mapping[str, Any]],
    schema: str,
    outbox: str = "",
    **given: object,
) -> Generator[World]:
    """Everything started; the tables are there, the connector is not put yet."""
    folder.mkdir(parents=True, exist_ok=True)
    with Postgres(folder / "postgres") as postgres:
        with postgres.connect() as connection:
            connection.execute(schema.encode())
        written = folder / "policies"
        shutil.copytree(policies.SHIPPED, written)
        (written / "connectors.yaml").write_text(
            yaml.safe_dump(policy(postgres.port, sources, outbox))
        )
        said = Settings(data=folder / "data", policies=written, **given)
        with (
            Stack(said) as stack,
            Connect(
                folder / "connect", stack.settings.bootstrap_servers, **{SECRET: PASSWORD}
            ) as connect,
        ):
            settings = stack.settings.having(CdcSettings, connect_url=connect.url)
            running = World(postgres, connect, stack, settings)
            try:
                yield running
            finally:
                running.close()
