"""Qdrant as a store behind the index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, SecretStr

from streams.flow.errors import UserError
from streams.flow.port import Opening
from streams.flow.section import Section

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

    from connectors.qdrant.index import QdrantIndex
    from processors.ports import IndexVersion


class QdrantSettings(Section):
    """Where Qdrant is, and how a collection is made there."""

    section: ClassVar[str] = "qdrant"

    url: str = Field(default="", repr=False, description="Such as https://host:6333")
    grpc_port: int = Field(default=6334, ge=1, le=65535)
    prefer_grpc: bool = True
    key: SecretStr = SecretStr("")
    key_file: Path | None = Field(
        default=None, description="A file that holds the key, read anew for each call"
    )
    ca_file: Path | None = Field(
        default=None, description="The authority of its certificate; unset: the system's"
    )
    prefix: str = Field(default="millrace-", description="Of each collection's name")
    shards: int = Field(default=1, ge=1, description="Of a collection that is made")
    replicas: int = Field(default=1, ge=1, description="Of a collection that is made")
    written: int = Field(default=1, ge=1, description="Replicas that have to have a write")
    quantization: Literal["none", "scalar", "binary"] = "none"
    on_disk: bool = Field(default=False, description="Vectors as they came, and payloads")
    search_s: int = Field(default=2, ge=1, description="After which a question does without it")


def reached(settings: QdrantSettings, opening: Opening) -> QdrantClient:
    """A client of it, once it answers.

    Raises:
        UserError: it is away, lets nobody in, or is of no supported version.
    """
    from connectors.qdrant.client import check, connect

    if not settings.url:
        raise UserError("MILLRACE_INDEX__DENSE or __LEXICAL is qdrant: set MILLRACE_QDRANT__URL")
    client = connect(
        settings.url,
        grpc_port=settings.grpc_port,
        prefer_grpc=settings.prefer_grpc,
        key=settings.key.get_secret_value(),
        key_file=settings.key_file,
        ca_file=settings.ca_file,
    )
    opening.stack.callback(client.close)
    check(client, settings.url)
    return client


def opened(settings: QdrantSettings, version: IndexVersion, opening: Opening) -> QdrantIndex:
    """The collection of this version, made where there is none.

    Raises:
        UserError: it cannot be reached, or its collection is for something else.
    """
    from connectors.qdrant.index import QdrantIndex
    from connectors.qdrant.making import Making, make

    client = reached(settings, opening)
    name = f"{settings.prefix}{version.name}"
    how = Making(
        settings.shards,
        settings.replicas,
        settings.written,
        settings.quantization,
        settings.on_disk,
    )
    make(client, name, how, dimensions=version.dimensions, model=version.model)
    return QdrantIndex(
        client,
        name,
        version.name,
        version.dimensions,
        where=f"Qdrant at {settings.url}",
        search_s=settings.search_s,
        watch=opening.watch,
    )
