"""What the runtime can be told: the broker, and how workers behave."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from streams.runtime.access import BrokerSettings


class RuntimeSettings(BaseSettings):
    """The part of all settings that the runtime reads."""

    data: Path = Field(
        default=Path(".millrace"), description="Folder of everything the stack keeps"
    )

    # Empty bootstrap servers mean the embedded broker under `data`.
    bootstrap_servers: str = ""
    kafka: dict[str, str] = Field(
        default={}, repr=False, description="Further librdkafka options; they win over `broker`"
    )
    broker: BrokerSettings = Field(default=BrokerSettings())

    worker: str = Field(
        default="", description="Stable worker name; empty takes the first free slot here"
    )
    group_prefix: str = "millrace"
    max_batch: int = Field(default=500, ge=1, description="Records per transaction at most")
    max_in_flight: int = Field(default=2000, ge=1, description="Records a stage holds at most")
    session_timeout_ms: int = Field(default=6000, ge=2000)
    max_poll_interval_ms: int = Field(default=300_000, ge=10_000)
    transaction_timeout_ms: int = Field(default=15_000, ge=1000)
    retry_attempts: int = Field(
        default=100, ge=1, description="Tries of a record before it is a dead letter"
    )
    retry_backoff_ms: int = Field(default=100, ge=1)
    retry_backoff_max_ms: int = Field(default=10_000, ge=1)
    disk_floor_mb: int = Field(
        default=512, ge=0, description="With less free space than this, documents wait"
    )
    stalled_s: float = Field(
        default=300.0, gt=0, description="Without a commit of what is in hand, a stage is not ready"
    )
    failpoint: str = Field(
        default="", description="Drills only: kill the process at this named point"
    )
