"""`policies/connectors.yaml` as the sources that `ingest` reads beside docs.feed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, model_validator

from processors.documents.databases import Database, WrittenDatabase
from processors.documents.debezium import PLACEHOLDER, Column, DebeziumSource
from processors.documents.ingest import FORMS, TENANT
from schemas.validation import NOTHING_IS_EMPTY, Written, expected, validated

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?")
_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_OWN = ("docs.", "rag.")


def _as_columns(said: object) -> object:
    return [said] if isinstance(said, str) else said


def _as_column(said: object) -> object:
    """`{column: NAME}`; a plain text stands for itself."""
    match said:
        case {"column": str(name)} if name and said == {"column": name}:
            return Column(name)
        case _:
            return said


def _foreign(topic: str | None) -> str | None:
    if topic is None:
        return None
    if not _TOPIC.fullmatch(topic) or topic.startswith(_OWN):
        raise ValueError
    return topic


def _tenant(said: str | Column) -> str | Column:
    if isinstance(said, str) and not TENANT.fullmatch(said):
        raise ValueError
    return said


def _form(said: str) -> str:
    if said not in FORMS:
        raise ValueError
    return said


_Named = Annotated[str, Field(min_length=1)]
_Text = Annotated[_Named, expected("a text")]
_Value = Annotated[_Named | InstanceOf[Column], BeforeValidator(_as_column)]
_Columns = Annotated[
    tuple[_Named, ...],
    Field(min_length=1),
    BeforeValidator(_as_columns),
    expected("a column or a list of columns"),
]


class _Source(Written):
    topic: Annotated[str | None, AfterValidator(_foreign), expected("a topic of Debezium's")] = None
    database: _Text | None = None
    table: _Text | None = None
    tenant: Annotated[
        _Value, AfterValidator(_tenant), expected("the name of a tenant or {column: NAME}")
    ]
    doc_id: _Columns
    text: _Columns
    title: _Text | None = None
    uri: _Text | None = None
    doc_type: Annotated[_Value | None, expected("a text or {column: NAME}")] = None
    form: Annotated[str, AfterValidator(_form), expected(f"one of {', '.join(FORMS)}")] = "source"
    metadata: Annotated[
        dict[str, str], NOTHING_IS_EMPTY, expected("a mapping of names to columns")
    ] = Field(default_factory=dict[str, str])
    version: Annotated[
        Literal["position", "time"] | InstanceOf[Column],
        BeforeValidator(_as_column),
        expected("position, time or {column: NAME}"),
    ] = "position"
    prefix: str | None = None
    replica_identity: Annotated[Literal["default", "full"], expected("default or full")] = "default"
    unavailable_value: _Text = PLACEHOLDER

    @model_validator(mode="after")
    def _known_of_deleted_rows(self) -> Self:
        if isinstance(self.version, Column) and self.replica_identity != "full":
            raise ValueError(
                "'version' is a column, which is known of a deleted row only with "
                "`replica_identity: full`"
            )
        return self


def _name(said: str) -> str:
    if not _NAME.fullmatch(said):
        raise ValueError
    return said


_Name = Annotated[str, AfterValidator(_name), expected("a name of small letters, digits and '-'")]


class _File(Written):
    version: str = ""
    databases: Annotated[dict[_Name, WrittenDatabase], NOTHING_IS_EMPTY] = Field(
        default_factory=dict[_Name, WrittenDatabase]
    )
    debezium: Annotated[dict[_Name, _Source], NOTHING_IS_EMPTY] = Field(
        default_factory=dict[_Name, _Source]
    )


def debezium_sources(policy: Mapping[str, Any]) -> tuple[DebeziumSource, ...]:
    """The sources that the policy names, in its order.

    Raises:
        ValueError: something in it cannot be; the message names it.
    """
    file = validated(_File, policy)
    databases = _databases(file)
    return tuple(_source(name, said, databases) for name, said in file.debezium.items())


def databases(policy: Mapping[str, Any]) -> dict[str, Database]:
    """The databases that the policy names.

    Raises:
        ValueError: something in it cannot be; the message names it.
    """
    return _databases(validated(_File, policy))


def _databases(file: _File) -> dict[str, Database]:
    return {name: said.named(name) for name, said in file.databases.items()}


def _topic(name: str, said: _Source, databases: Mapping[str, Database]) -> str:
    if said.database is None:
        if said.topic is None:
            raise ValueError(
                f"'debezium.{name}.topic' is missing; where Millrace configures the connector, "
                "give 'database' and 'table' instead"
            )
        return said.topic
    if said.database not in databases:
        known = ", ".join(databases) or "none"
        raise ValueError(
            f"'debezium.{name}.database' is {said.database!r}, which is not among the databases: "
            f"{known}"
        )
    if said.table is None:
        raise ValueError(f"'debezium.{name}.table' is missing")
    if said.topic is not None:
        raise ValueError(
            f"'debezium.{name}' has 'topic' and 'database': the topic follows from the database"
        )
    found = databases[said.database]
    if found.kind == "sqlserver" and said.version == "position":
        raise ValueError(
            f"'debezium.{name}.version': SQL Server's position is no number: say 'time', or "
            "{column: NAME}"
        )
    return found.topic(said.table)


def _source(name: str, said: _Source, databases: Mapping[str, Database]) -> DebeziumSource:
    database = databases.get(said.database or "")
    told = (
        dict[str, str]() if database is None else database.options
    )  # the connector has the last word
    return DebeziumSource(
        name=name,
        topic=_topic(name, said, databases),
        database=said.database or "",
        table=said.table or "",
        tenant=said.tenant,
        doc_id=said.doc_id,
        text=said.text,
        title=said.title,
        uri=said.uri,
        doc_type=said.doc_type,
        form=said.form,
        metadata=said.metadata,
        version=said.version,
        prefix=f"{name}/" if said.prefix is None else said.prefix,
        full=said.replica_identity == "full",
        placeholder=told.get("unavailable.value.placeholder", said.unavailable_value),
    )
