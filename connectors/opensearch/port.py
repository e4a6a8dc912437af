"""OpenSearch as a store behind the index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, SecretStr

from streams.flow.errors import UserError
from streams.flow.port import Opening
from streams.flow.section import Section

if TYPE_CHECKING:
    from connectors.opensearch.client import Client
    from connectors.opensearch.index import OpenSearchIndex
    from processors.ports import IndexVersion


class OpenSearchSettings(Section):
    """Where OpenSearch is, and how an index is made there."""

    section: ClassVar[str] = "opensearch"

    url: str = Field(
        default="", repr=False, description="Such as https://host:9200; several by commas"
    )
    user: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = Field(
        default=None, description="A file that holds the password, read anew for each call"
    )
    ca_file: Path | None = Field(
        default=None, description="The authority of its certificate; unset: the system's"
    )
    prefix: str = Field(
        default="millrace-", pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Of each index's name"
    )
    shards: int = Field(default=1, ge=1, description="Of an index that is made")
    replicas: int = Field(default=1, ge=0, description="Of an index that is made")
    tenants: int = Field(
        default=1000, ge=1, description="That an index is made for: each has a field of its own"
    )
    search_s: float = Field(default=2.0, gt=0, description="After which a question does without it")


def reached(settings: OpenSearchSettings, opening: Opening) -> Client:
    """A client of it, once it answers.

    Raises:
        UserError: it is away, lets nobody in, or is of no supported version.
    """
    from connectors.opensearch.client import Client

    if not settings.url:
        raise UserError("MILLRACE_INDEX__LEXICAL is opensearch: set MILLRACE_OPENSEARCH__URL")
    client = Client(
        settings.url,
        user=settings.user,
        password=settings.password.get_secret_value(),
        password_file=settings.password_file,
        ca_file=settings.ca_file,
        watch=opening.watch,
    )
    opening.stack.callback(client.close)
    client.check()
    return client


def opened(
    settings: OpenSearchSettings, version: IndexVersion, opening: Opening
) -> OpenSearchIndex:
    """The index of this version, made where there is none.

    Raises:
        UserError: it cannot be reached, or its index is for something else.
    """
    from connectors.opensearch.index import OpenSearchIndex
    from connectors.opensearch.making import Making, make

    client = reached(settings, opening)
    alias = f"{settings.prefix}{version.name}"
    how = Making(settings.prefix, settings.shards, settings.replicas, settings.tenants)
    make(client, alias, how, dimensions=version.dimensions, model=version.model)
    return OpenSearchIndex(
        client,
        alias,
        version.name,
        version.dimensions,
        shards=settings.shards,
        search_s=settings.search_s,
    )
