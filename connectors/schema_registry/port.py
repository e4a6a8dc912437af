"""The settings of a Confluent-compatible schema registry."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from streams.flow.section import Section


class RegistrySettings(Section):
    """Where the registry is."""

    section: ClassVar[str] = "registry"

    url: str = Field(default="", description="Empty: none, and events name their schema by hash")
