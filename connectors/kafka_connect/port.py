"""The settings of change capture: where Kafka Connect is."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr

from streams.flow.section import Section


class CdcSettings(Section):
    """Where `millrace cdc` finds Kafka Connect, and what it may read in databases with."""

    section: ClassVar[str] = "cdc"

    connect_url: str = Field(default="", repr=False, description="Of Kafka Connect's REST")
    database_password: SecretStr = Field(
        default=SecretStr(""),
        description="For `map` and `status`, where a password's reference means nothing here",
    )
    timeout_s: float = Field(
        default=90.0, gt=0, le=600, description="How long `cdc apply` waits for a connector to run"
    )
