"""Change capture put together: databases of the policy, their connectors, their live tables."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.kafka_connect.client import KafkaConnect, Standing
from connectors.kafka_connect.port import CdcSettings
from connectors.kafka_connect.references import password
from connectors.kafka_connect.templates import configuration, outbox
from connectors.postgres.live import LivePostgres, Slot, live
from processors.documents.databases import Database
from processors.documents.debezium import Column, DebeziumSource, identity_of
from processors.documents.debezium_policy import databases
from processors.documents.mapping import faults, mapping_of, notes, proposed
from streams.app import policies
from streams.app.config import CONNECTORS, sources_of_changes
from streams.app.settings import Settings
from streams.flow.errors import UserError

LIVE = "postgresql"  # the kind that is read from here


@dataclass(frozen=True, slots=True)
class Followed:
    """A database, and the sources that are tables of it."""

    database: Database
    sources: tuple[DebeziumSource, ...]

    @property
    def tables(self) -> list[str]:
        return [source.table for source in self.sources]

    def connectors(self, settings: Settings) -> dict[str, dict[str, str]]:
        """Its connectors by name, with what each is told."""
        bootstrap, replication = settings.bootstrap_servers, settings.replication_factor
        found: dict[str, dict[str, str]] = {}
        if self.sources:
            found[self.database.connector] = configuration(
                self.database, self.tables, bootstrap, replication
            )
        if self.database.outbox:
            found[self.database.of_outbox().connector] = outbox(
                self.database, bootstrap, replication
            )
        return found


@dataclass(frozen=True, slots=True)
class Checked:
    """A source's mapping, held against its table where that can be read from here."""

    source: DebeziumSource
    columns: Mapping[str, str]
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    live: bool = True


@dataclass(frozen=True, slots=True)
class Captured:
    """How the capture of a database stands."""

    database: Database
    connector: Standing | None
    slot: Slot | None = None
    faults: tuple[str, ...] = ()
    sources: tuple[DebeziumSource, ...] = field(default=())


def followed(settings: Settings, only: Sequence[str] = ()) -> list[Followed]:
    """The databases of the policy that have sources.

    Raises:
        UserError: the policy is wrong, or has none, or none of the names in `only`.
    """
    sources = sources_of_changes(settings)
    path = (settings.policies or policies.SHIPPED) / CONNECTORS
    known = databases(policies.read(CONNECTORS, settings.policies)) if path.exists() else {}
    for name in only:
        if name not in known:
            there = ", ".join(known) or "none"
            raise UserError(f"policy {path} has no database {name}; it has {there}")
    found = [
        Followed(each, tuple(s for s in sources if s.database == name))
        for name, each in known.items()
        if not only or name in only
    ]
    found = [each for each in found if each.sources or each.database.outbox or only]
    if not found:
        raise UserError(
            f"policy {path} follows no database: name one under `databases`, and its tables under "
            "`debezium`; MILLRACE_POLICIES says where your policies are"
        )
    return found


def named(settings: Settings, names: Sequence[str]) -> list[Followed]:
    """Sources by their names, with their databases.

    Raises:
        UserError: there is none of a name.
    """
    found = followed(settings)
    known = [source.name for each in found for source in each.sources]
    for name in names:
        if name not in known:
            raise UserError(f"no database has a source {name}; there are {', '.join(known)}")
    chosen = [
        replace(each, sources=tuple(source for source in each.sources if source.name in names))
        for each in found
    ]
    return [each for each in chosen if each.sources]


def each_named(settings: Settings, names: Sequence[str]) -> list[tuple[Followed, DebeziumSource]]:
    """As `named`, one by one."""
    return [(each, source) for each in named(settings, names) for source in each.sources]


def checked(settings: Settings, each: Followed) -> list[Checked]:
    """The mappings of a database's sources.

    Raises:
        UserError: the database cannot be read.
    """
    if each.database.kind != LIVE:
        return [Checked(source, mapping_of(source), live=False) for source in each.sources]
    found: list[Checked] = []
    with reading(settings, each.database) as server:
        for source in each.sources:
            table = server.table(source.table)
            wrong = (*server.faults(), *faults(source, table))
            found.append(Checked(source, mapping_of(source), wrong, tuple(notes(source, table))))
    return found


def first_mapping(settings: Settings, each: Followed, table: str) -> dict[str, Any]:
    """A mapping to begin with for a table. Raises UserError where it cannot be read."""
    if each.database.kind != LIVE:
        raise UserError(
            f"tables of {each.database.kind} are not read from here: write the mapping by hand"
        )
    with reading(settings, each.database) as server:
        return proposed(each.database.name, server.table(table))


def apply(settings: Settings, each: Followed, *, again: bool = False) -> None:
    """Put the database's connectors to Connect, and return once they run.

    With `again` they begin as if for the first time, with a snapshot of their tables.

    Raises:
        UserError: Connect refuses it, or it does not run.
    """
    patience = settings.of(CdcSettings).timeout_s
    with connect(settings) as server:
        for name, configured in each.connectors(settings).items():
            if again and server.standing(name) is not None:
                server.forget(name, patience)
            server.put(name, configured, patience)


def rows_of(settings: Settings, each: Followed, source: DebeziumSource) -> tuple[int, set[str]]:
    """A version that is older than whatever comes, and the keys of the documents of all rows.

    Raises:
        UserError: the table cannot be read from here, or what it has cannot be told from others.
    """
    if each.database.kind != LIVE:
        raise UserError(f"tables of {each.database.kind} are not read from here")
    if isinstance(source.version, Column):
        raise UserError(
            f"the versions of {source.name} are column '{source.version.name}', which a row that "
            "is no more does not say: delete its documents by hand"
        )
    if not source.prefix:
        raise UserError(
            f"the documents of {source.name} have no 'prefix', by which they could be told from "
            "others: delete those of rows that are no more by hand"
        )
    with reading(settings, each.database) as server:
        # First: a row that is written meanwhile has a later place.
        version = server.position() if source.version == "position" else int(time.time() * 1000)
        found = (identity_of(row, source) for row in server.rows(source.table, source.identity))
        return version, {f"{tenant}/{doc_id}" for tenant, doc_id in found}


def standings(settings: Settings, each: Followed) -> list[Captured]:
    """How a database's connectors stand, with what is wrong and how it is mended.

    Raises:
        UserError: Connect does not answer.
    """
    found: list[Captured] = []
    if each.sources:
        found.append(_standing(settings, each.database, each.sources))
    if each.database.outbox:
        found.append(_standing(settings, each.database.of_outbox(), ()))
    return found


def _standing(
    settings: Settings, database: Database, sources: tuple[DebeziumSource, ...]
) -> Captured:
    with connect(settings) as server:
        connector = server.standing(database.connector)
    wrong: list[str] = []
    if connector is None:
        wrong.append(f"Connect has no connector {database.connector}: `millrace cdc apply`")
    elif connector.failed:
        wrong.append(f"connector {database.connector} failed: {connector.fault}")
    slot: Slot | None = None
    if database.kind == LIVE:
        try:
            with reading(settings, database) as live_one:
                slot = live_one.slot()
        except UserError as error:
            wrong.append(str(error))
        else:
            if connector is not None and (slot is None or slot.lost):
                wrong.append(_without_slot(database, sources, lost=slot is not None))
    return Captured(database, connector, slot, tuple(wrong), sources)


def _without_slot(database: Database, sources: Sequence[DebeziumSource], *, lost: bool) -> str:
    what = "has lost what it kept of the log" if lost else "is gone"
    said = f"replication slot {database.slot} of database {database.database} {what}, so changes "
    said += "since are in no feed: `millrace cdc apply --again` makes a new one"
    if not sources:
        return f"{said}; what was put into the outbox meanwhile has to be put there again"
    names = " ".join(source.name for source in sources)
    return (
        f"{said} and reads the tables again, then `millrace cdc prune {names}` deletes what is no "
        "more in them"
    )


@contextmanager
def reading(settings: Settings, database: Database) -> Generator[LivePostgres]:
    """The database, to be read. Raises UserError where it cannot be."""
    known = settings.of(CdcSettings).database_password.get_secret_value()
    with live(database, password(database, known)) as server:
        yield server


@contextmanager
def connect(settings: Settings) -> Generator[KafkaConnect]:
    """Kafka Connect. Raises UserError where no address is set."""
    url = settings.of(CdcSettings).connect_url
    if not url:
        raise UserError("where Kafka Connect is, nobody said: set MILLRACE_CDC__CONNECT_URL")
    server = KafkaConnect(url)
    try:
        yield server
    finally:
        server.close()
