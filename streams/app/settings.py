"""All settings: one frozen class, `MILLRACE_*` variables over a TOML file, unknown keys refused."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from streams.flow.errors import UserError

PREFIX = "MILLRACE_"
SECRETS = frozenset({"generation_key", "judge_key"})  # given only to processes that use them
CONFIG_VARIABLE = "MILLRACE_CONFIG"  # where the TOML file is; the one variable that is no setting


def _split(value: object) -> object:
    """`a, b` or `["a", "b"]`, as a variable gives it."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""Several names: separated by commas in a variable, a list in the file."""


class Settings(BaseSettings):
    """What an operator can set; the names in capitals with `MILLRACE_` are the variables."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", validate_default=True
    )

    data: Path = Field(
        default=Path(".millrace"), description="Folder of everything the stack keeps"
    )

    policies: Path | None = Field(
        default=None, description="Folder of policy files; unset: those shipped with the release"
    )

    # Broker. Empty bootstrap servers mean the embedded broker under `data`.
    bootstrap_servers: str = ""
    kafka_port: int = Field(
        default=0, ge=0, le=65535, description="Embedded broker; 0 picks a free port"
    )
    kafka_heap_mb: int = Field(default=384, ge=192)
    kafka: dict[str, str] = Field(
        default={}, description="Further librdkafka options, such as SASL"
    )
    schema_registry_url: str = ""
    partitions: int = Field(
        default=4,
        ge=1,
        description="Of each topic that `topics apply` creates; the embedded stack's own default "
        "is 1, without a model for generation",
    )
    replication_factor: int = Field(default=1, ge=1)
    reply_topics: Names = Field(default=(), description="Topics a request may name in reply_to")

    # Workers.
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
    failpoint: str = Field(
        default="", description="Drills only: kill the process at this named point"
    )

    # Stores and models.
    redis_url: str = Field(default="", description="Empty means the embedded server under `data`")
    redis_port: int = Field(default=0, ge=0, le=65535)
    index: str = "main"
    embedding_engine: Literal["auto", "openvino", "onnxruntime"] = "auto"
    embedding_streams: int = Field(
        default=0, ge=0, description="Parallel model streams; 0: one per core"
    )
    embedding_tokens: int = Field(
        default=256, ge=16, le=512, description="Longest input of the model"
    )
    vector_cache_mb: int = Field(default=256, ge=1)

    generation_url: str = Field(
        default="",
        description="An OpenAI-compatible endpoint that rewrites questions; empty: none",
    )
    generation_model: str = ""
    generated_answers: bool = Field(
        default=False, description="The model also writes the answers; else they are quotes"
    )
    generation_key: str = Field(default="", repr=False)
    generation_key_file: Path | None = Field(
        default=None, description="A file that holds the key, such as a mounted secret"
    )
    generation_timeout_s: float = Field(default=3.0, gt=0, le=120)
    generation_input_price: float = Field(
        default=0.0, ge=0, description="Of a million input tokens, in the currency of your choice"
    )
    generation_output_price: float = Field(
        default=0.0, ge=0, description="Of a million output tokens, in the same currency"
    )

    # Questions.
    tenants: Names = Field(default=(), description="Tenants that may ask; empty: any known shape")
    max_query_chars: int = Field(default=4000, ge=1)
    max_document_bytes: int = Field(default=16 * 1024 * 1024, ge=1)
    convert_timeout_s: float = Field(
        default=60.0, gt=0, description="Processor time that converting one file may take"
    )
    convert_memory_mb: int = Field(
        default=1024, ge=256, description="Memory that converting one file may take"
    )
    default_deadline_ms: int = Field(default=30_000, ge=1)
    default_top_k: int = Field(default=10, ge=1, le=50)
    abstain_below: float = Field(default=0.5, ge=0, le=1)
    tier: str = Field(default="local", pattern=r"^[a-z0-9-]+$")

    # Evaluation: an OpenAI-compatible model as judge. Empty: the local judge.
    judge_url: str = Field(default="", description="Such as http://host/v1")
    judge_model: str = ""
    judge_key: str = Field(default="", repr=False)
    judge_timeout_s: float = Field(default=60.0, gt=0, description="Of one call")

    # What can be seen of it.
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    http_port: int = Field(
        default=0, ge=0, le=65535, description="/metrics, /healthz, /readyz; 0: off"
    )
    http_host: str = "127.0.0.1"
    otlp_endpoint: str = Field(
        default="", description="OTLP over HTTP; empty: no spans are exported"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.generated_answers and not self.generation_url:
            raise ValueError(
                "MILLRACE_GENERATED_ANSWERS needs a model: set MILLRACE_GENERATION_URL"
            )
        if self.generation_url and not self.generation_model:
            raise ValueError("MILLRACE_GENERATION_URL is set: name MILLRACE_GENERATION_MODEL too")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = os.environ.get(CONFIG_VARIABLE, "")
        toml = TomlConfigSettingsSource(settings_cls, Path(file)) if file else None
        return (
            (init_settings, env_settings) if toml is None else (init_settings, env_settings, toml)
        )


def load(overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings of this process; `overrides` win over variables and file.

    Raises:
        UserError: a key is unknown or a value is wrong, naming it and what is expected.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    for name in os.environ:
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else " (see streams/app/settings.py)"
            raise UserError(f"unknown setting {name}{hint}")
    file = os.environ.get(CONFIG_VARIABLE, "")
    if file and not Path(file).is_file():
        raise UserError(f"{CONFIG_VARIABLE} names {file}, which is not a file")
    try:
        return Settings(**dict(overrides or {}))  # pyright: ignore[reportArgumentType]
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:  # what is wrong with several settings together names them itself
            raise UserError(first["msg"].removeprefix("Value error, ")) from None
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UserError(f"unknown setting '{key}' in {file or 'the settings'}") from None
        said = first["msg"][:1].lower() + first["msg"][1:]
        if key in SECRETS:
            raise UserError(f"setting {PREFIX}{key.upper()} is wrong: {said}") from None
        raise UserError(
            f"setting {PREFIX}{key.upper()} is {first.get('input')!r}, but {said}"
        ) from None
    except ValueError as error:  # an unreadable TOML file, or JSON in a variable
        raise UserError(f"the settings cannot be read: {error}") from None
