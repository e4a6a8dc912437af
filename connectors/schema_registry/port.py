"""The settings of a Confluent-compatible schema registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, SecretStr

from streams.flow.port import Watch, unwatched
from streams.flow.secret_file import secret_of
from streams.flow.section import Section

if TYPE_CHECKING:
    from connectors.schema_registry.client import SchemaRegistry


class RegistrySettings(Section):
    """Where the registry is."""

    section: ClassVar[str] = "registry"

    url: str = Field(default="", description="Empty: none, and events name their schema by hash")
    user: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = Field(
        default=None, description="A file that holds the password, read anew for each call"
    )
    ca_file: Path | None = Field(
        default=None, description="The authority of its certificate; unset: the system's"
    )


def registry(settings: RegistrySettings, watch: Watch = unwatched) -> SchemaRegistry:
    """A client of the registry that is configured."""
    from connectors.schema_registry.client import SchemaRegistry

    def login() -> tuple[str, str] | None:
        if not settings.user:
            return None
        setting = "MILLRACE_REGISTRY__PASSWORD"
        file, password = settings.password_file, settings.password
        return settings.user, secret_of(setting, password, file, "password")

    return SchemaRegistry(settings.url, login=login, ca_file=settings.ca_file, watch=watch)
