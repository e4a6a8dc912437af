"""The databases of `policies/connectors.yaml`, and what is known of one of their tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from schemas.validation import NOTHING_IS_EMPTY, Written, expected
from streams.flow.masking import masked

Kind = Literal["postgresql", "mysql", "mariadb", "mongodb", "sqlserver"]
KINDS: Mapping[Kind, int] = {
    "postgresql": 5432,
    "mysql": 3306,
    "mariadb": 3306,
    "mongodb": 27017,
    "sqlserver": 1433,
}
# `${PROVIDER:...}`, as Connect's configuration providers read it.
REFERENCE = re.compile(r"\$\{(?P<provider>[a-zA-Z0-9_-]+):(?P<rest>[^}]+)\}")
# How names of options end that are secrets, and none of which has another meaning.
_SECRETS = (
    "password",
    "passphrase",
    "secret",
    "token",
    "jaas.config",
    "user.info",
    "keystore.key",
    "private.key",
)


@dataclass(frozen=True, slots=True)
class Database:
    """A database whose tables are followed; `password` refers to where the secret is."""

    name: str  # in the policy: Debezium's topic prefix
    kind: Kind
    host: str
    port: int
    database: str
    user: str
    password: str
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    outbox: str = ""  # a table whose rows are records of docs.feed

    def of_outbox(self) -> Database:
        """The same database as the connector of its outbox knows it: by names of its own."""
        return replace(self, name=f"{self.name}-outbox")

    def topic(self, table: str) -> str:
        """Debezium's name of a table's topic."""
        named = f"{self.database}.{table}" if self.kind == "sqlserver" else table
        return re.sub(r"[^a-zA-Z0-9._-]", "_", f"{self.name}.{named}")

    @property
    def connector(self) -> str:
        return f"millrace-{self.name}"

    @property
    def slot(self) -> str:
        """Of PostgreSQL: its replication slot and its publication."""
        return f"millrace_{self.name.replace('-', '_')}"

    @property
    def signals(self) -> str:
        """The topic by which a connector is asked to read a table again."""
        return f"{self.name}.signals"


def _reference(said: str) -> str:
    if not REFERENCE.fullmatch(said):
        raise ValueError
    return said


_Named = Annotated[str, Field(min_length=1)]


class WrittenDatabase(Written):
    """As `connectors.yaml` has it."""

    kind: Annotated[Kind, expected(f"one of {', '.join(KINDS)}")]
    host: Annotated[_Named, expected("the name of a host")]
    port: Annotated[int | None, Field(ge=1, le=65535), expected("a port")] = None
    database: Annotated[_Named, expected("the name of a database")]
    user: Annotated[_Named, expected("a text")]
    password: Annotated[
        str,
        AfterValidator(_reference),
        expected("a reference such as ${env:BANK_PASSWORD} or ${file:/run/secrets/bank:password}"),
    ]
    options: Annotated[
        dict[str, str], NOTHING_IS_EMPTY, expected("a mapping of Debezium's names to texts")
    ] = Field(default_factory=dict[str, str])
    outbox: Annotated[_Named | None, expected("the name of a table")] = None

    @model_validator(mode="after")
    def _no_secret(self) -> Self:
        for name, value in self.options.items():
            secret = name.lower().endswith(_SECRETS) or masked(value) != value
            if secret and not REFERENCE.search(value):
                raise ValueError(
                    f"option '{name}' is a secret: name it by a reference, ${{env:NAME}}"
                )
        return self

    def named(self, name: str) -> Database:
        return Database(
            name=name,
            kind=self.kind,
            host=self.host,
            port=self.port or KINDS[self.kind],
            database=self.database,
            user=self.user,
            password=self.password,
            options=self.options,
            outbox=self.outbox or "",
        )


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """A column as the database has it; `outside` says that long values are stored apart."""

    name: str
    type: str
    outside: bool = False


@dataclass(frozen=True, slots=True)
class LiveTable:
    """A table as the database has it."""

    name: str
    columns: tuple[LiveColumn, ...]
    key: tuple[str, ...]
    identity: Literal["default", "full", "nothing", "index"] = "default"

    def column(self, name: str) -> LiveColumn | None:
        return next((each for each in self.columns if each.name == name), None)
