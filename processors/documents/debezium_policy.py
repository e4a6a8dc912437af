"""`policies/connectors.yaml` as the sources that `ingest` reads beside docs.feed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, model_validator

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


def _foreign(topic: str) -> str:
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
    topic: Annotated[str, AfterValidator(_foreign), expected("a topic of Debezium's")]
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
        Literal["lsn", "time"] | InstanceOf[Column],
        BeforeValidator(_as_column),
        expected("lsn, time or {column: NAME}"),
    ] = "lsn"
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
    debezium: Annotated[dict[_Name, _Source], NOTHING_IS_EMPTY] = Field(
        default_factory=dict[_Name, _Source]
    )


def debezium_sources(policy: Mapping[str, Any]) -> tuple[DebeziumSource, ...]:
    """The sources that the policy names, in its order.

    Raises:
        ValueError: something in it cannot be; the message names it.
    """
    sources = validated(_File, policy).debezium
    return tuple(_source(name, said) for name, said in sources.items())


def _source(name: str, said: _Source) -> DebeziumSource:
    return DebeziumSource(
        name=name,
        topic=said.topic,
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
        placeholder=said.unavailable_value,
    )
