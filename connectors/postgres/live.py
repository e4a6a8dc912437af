"""PostgreSQL as it is: a table's columns and key, and how its replication slot stands."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from processors.documents.databases import Database, LiveColumn, LiveTable
from streams.flow.errors import UserError

if TYPE_CHECKING:
    import psycopg

CONNECT_S = 10
_IDENTITIES: dict[str, Literal["default", "full", "nothing", "index"]] = {
    "d": "default",
    "f": "full",
    "n": "nothing",
    "i": "index",
}
_TABLE = (
    "SELECT oid, relreplident FROM pg_class WHERE oid = to_regclass(%s) AND relkind IN ('r', 'p')"
)
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attstorage IN ('x', 'e') AND t.typlen = -1
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_KEY = """
SELECT a.attname FROM pg_index i JOIN pg_attribute a
    ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
 WHERE i.indrelid = %s AND i.indisprimary ORDER BY array_position(i.indkey::int[], a.attnum::int)
"""
_MAY_REPLICATE = "SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user"
_SLOT = """
SELECT active, coalesce(wal_status, ''), pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)
  FROM pg_replication_slots WHERE slot_name = %s
"""


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot: bytes of the log that are not confirmed yet, and whether all are kept."""

    active: bool
    lost: bool
    behind: int


class LivePostgres:
    """Questions to a server, over one connection that only reads."""

    def __init__(self, connection: psycopg.Connection[Any], database: Database) -> None:
        self._connection = connection
        self._database = database

    def table(self, name: str) -> LiveTable:
        """The table. Raises UserError where there is none."""
        found = self._rows(_TABLE, name)
        if not found:
            raise UserError(
                f"database {self._database.name} has no table {name}: name it with its schema, as "
                "in public.handbook"
            )
        ((oid, identity),) = found
        columns = [LiveColumn(*row) for row in self._rows(_COLUMNS, oid)]
        key = tuple(str(row[0]) for row in self._rows(_KEY, oid))
        return LiveTable(name, tuple(columns), key, _IDENTITIES[str(identity)])

    def position(self) -> int:
        """The place in the log that is written now, as change events have it."""
        ((found,),) = self._rows("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
        return int(found)

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[dict[str, str | int]]:
        """These columns of each row, numbers as numbers and the rest as texts."""
        from psycopg import sql

        self.table(table)  # so that nothing but a table's name becomes part of the query
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        places = sql.SQL(".").join(map(sql.Identifier, table.split(".")))
        with self._connection.cursor() as cursor:
            cursor.execute(sql.SQL("SELECT {} FROM {}").format(names, places))
            for row in cursor:
                told = (each if isinstance(each, int) else str(each) for each in row)
                yield dict(zip(columns, told, strict=True))

    def faults(self) -> list[str]:
        """Why nothing could be captured here, each in a sentence with its remedy."""
        found: list[str] = []
        ((level,),) = self._rows("SELECT current_setting('wal_level')")
        if level != "logical":
            found.append(
                f"database {self._database.name} logs at level {level}: ALTER SYSTEM SET wal_level "
                "= logical, and restart it"
            )
        ((may,),) = self._rows(_MAY_REPLICATE)
        if not may:
            user = self._database.user
            found.append(f"user {user} may not replicate: ALTER ROLE {user} REPLICATION")
        return found

    def slot(self) -> Slot | None:
        """The connector's slot; None where there is none."""
        for active, status, behind in self._rows(_SLOT, self._database.slot):
            return Slot(bool(active), status == "lost", int(behind or 0))
        return None

    def _rows(self, query: str, *values: object) -> Sequence[tuple[Any, ...]]:
        return self._connection.execute(query.encode(), values).fetchall()


@contextmanager
def live(database: Database, password: str) -> Generator[LivePostgres]:
    """A connection as the connector's own user.

    Raises:
        UserError: the extra is not installed, or the server refuses.
    """
    try:
        import psycopg
        from psycopg.conninfo import make_conninfo
    except ImportError:
        raise UserError(
            "`millrace cdc` reads PostgreSQL by psycopg, which is not installed: "
            "pip install 'millrace[cdc]'"
        ) from None
    try:
        said = make_conninfo(
            host=database.host,
            port=database.port,
            dbname=database.database,
            user=database.user,
            password=password,
            connect_timeout=CONNECT_S,
            options="-c default_transaction_read_only=on",
            **_transport(database),
        )
        with psycopg.connect(said, autocommit=True) as connection:
            yield LivePostgres(connection, database)
    except psycopg.Error as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"database {database.name} at {database.host}:{database.port} cannot be read: "
            f"{why[:300]}"
        ) from None


def _transport(database: Database) -> dict[str, str]:
    """Debezium's options of the connection, in libpq's names."""
    names = {"database.sslmode": "sslmode", "database.sslrootcert": "sslrootcert"}
    return {
        libpq: database.options[ours] for ours, libpq in names.items() if ours in database.options
    }
