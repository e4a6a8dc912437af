"""`policies/connectors.yaml` as the sources that `ingest` reads beside docs.feed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from processors.documents.debezium import PLACEHOLDER, Column, DebeziumSource
from processors.documents.ingest import FORMS, TENANT

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?")
_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_OWN = ("docs.", "rag.")
_NEEDED = {"topic", "tenant", "doc_id", "text"}
_KEYS = _NEEDED | {
    "title", "uri", "doc_type", "form", "metadata", "version", "prefix", "replica_identity",
    "unavailable_value",
}  # fmt: skip


def debezium_sources(policy: Mapping[str, Any]) -> tuple[DebeziumSource, ...]:
    """The sources that the policy names, in its order.

    Raises:
        ValueError: something in it cannot be; the message names it.
    """
    if unknown := policy.keys() - {"version", "debezium"}:
        raise ValueError(f"'{min(unknown)}' is not known; known are debezium, version")
    said: object = policy.get("debezium") or {}
    if not isinstance(said, dict):
        raise ValueError("'debezium' must be a mapping of names to sources")
    return tuple(_source(str(name), found) for name, found in cast("dict[Any, Any]", said).items())


def _source(name: str, found: object) -> DebeziumSource:
    where = f"source '{name}'"
    if not _NAME.fullmatch(name):
        raise ValueError(f"{where} must be called by small letters, digits and '-'")
    if not isinstance(found, dict):
        raise ValueError(f"{where} must be a mapping")
    said = cast("dict[str, Any]", found)
    if unknown := said.keys() - _KEYS:
        raise ValueError(
            f"'{min(unknown)}' of {where} is not known; known are {', '.join(sorted(_KEYS))}"
        )
    if missing := _NEEDED - said.keys():
        raise ValueError(f"'{min(missing)}' of {where} is missing")
    topic, tenant = _words(said, "topic", where), _value(said, "tenant", where)
    if not _TOPIC.fullmatch(topic) or topic.startswith(_OWN):
        raise ValueError(f"'topic' of {where} is {topic!r}, which is no topic of Debezium's")
    if isinstance(tenant, str) and not TENANT.fullmatch(tenant):
        raise ValueError(f"'tenant' of {where} is {tenant!r}, which cannot be a tenant")
    version = _value(said, "version", where) if "version" in said else "lsn"
    if isinstance(version, str) and version not in ("lsn", "time"):
        raise ValueError(f"'version' of {where} must be lsn, time or {{column: NAME}}")
    full = said.get("replica_identity", "default")
    if full not in ("default", "full"):
        raise ValueError(f"'replica_identity' of {where} must be default or full")
    if isinstance(version, Column) and full != "full":
        raise ValueError(
            f"'version' of {where} is a column, which is known of a deleted row only with "
            "`replica_identity: full`"
        )
    form = said.get("form", "source")
    if form not in FORMS:
        raise ValueError(f"'form' of {where} must be one of {', '.join(FORMS)}")
    return DebeziumSource(
        name=name,
        topic=topic,
        tenant=tenant,
        doc_id=_columns(said, "doc_id", where),
        text=_columns(said, "text", where),
        title=_words(said, "title", where) if "title" in said else None,
        uri=_words(said, "uri", where) if "uri" in said else None,
        doc_type=_value(said, "doc_type", where) if "doc_type" in said else None,
        form=form,
        metadata=_metadata(said.get("metadata") or {}, where),
        version=version,
        prefix=_words(said, "prefix", where, empty=True) if "prefix" in said else f"{name}/",
        full=full == "full",
        placeholder=_words(said, "unavailable_value", where)
        if "unavailable_value" in said
        else PLACEHOLDER,
    )


def _words(said: Mapping[str, Any], key: str, where: str, *, empty: bool = False) -> str:
    value = said[key]
    if not isinstance(value, str) or not (value or empty):
        raise ValueError(f"'{key}' of {where} must be a text")
    return value


def _value(said: Mapping[str, Any], key: str, where: str) -> str | Column:
    """A text that stands for itself, or `{column: NAME}`."""
    value = said[key]
    if isinstance(value, dict):
        column = cast("dict[str, Any]", value)
        if column.keys() == {"column"} and isinstance(column["column"], str) and column["column"]:
            return Column(column["column"])
    if not isinstance(value, str) or not value:
        raise ValueError(f"'{key}' of {where} must be a text or {{column: NAME}}")
    return value


def _columns(said: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = said[key]
    names = cast("list[object]", value) if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"'{key}' of {where} must be a column or a list of columns")
    return tuple(cast("list[str]", names))


def _metadata(found: object, where: str) -> dict[str, str]:
    if not isinstance(found, dict) or not all(
        isinstance(part, str) for pair in cast("dict[Any, Any]", found).items() for part in pair
    ):
        raise ValueError(f"'metadata' of {where} must be a mapping of names to columns")
    return cast("dict[str, str]", found)
