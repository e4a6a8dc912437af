"""All settings: one frozen class, `MILLRACE_*` variables over a TOML file, unknown keys refused.

The runtime's are `streams/runtime/settings.py`; each outside system's stand with its connector, as
a section: `MILLRACE_REDIS__URL` is `url` of `[redis]`.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar, cast

from pydantic import BeforeValidator, Field, ValidationError, create_model, model_validator
from pydantic_settings import (
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from streams.app.ports import SECTIONS, TiersSettings
from streams.app.variables import (
    BETWEEN,
    PREFIX,
    TABLES,
    as_text,
    is_entry,
    names_of,
    secret_fields,
    told,
)
from streams.flow.errors import UserError
from streams.flow.masking import masked
from streams.flow.section import Section, Table
from streams.runtime.folding import MOST
from streams.runtime.settings import RuntimeSettings

S = TypeVar("S", bound=Section)
CONFIG_VARIABLE = "MILLRACE_CONFIG"  # where the TOML file is; the one variable that is no setting
# What was called otherwise before sections; the others only had one underscore less.
_MOVED = {
    "schema_registry_url": "registry__url",
    "vector_cache_mb": "redis__cache_mb",
    "max_document_bytes": "convert__max_document_bytes",
    "index": "index__name",
}


def _split(value: object) -> object:
    """`a, b` or `["a", "b"]`, as a variable gives it."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""Several names: separated by commas in a variable, a list in the file."""


class _Base(RuntimeSettings):
    """What an operator can set, but for the sections."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=BETWEEN,
        frozen=True,
        extra="forbid",
        validate_default=True,
    )

    policies: Path | None = Field(
        default=None, description="Folder of policy files; unset: those shipped with the release"
    )

    weights_key: Path | None = Field(
        default=None,
        description="Public key (PEM) that weights.json must be signed by; unset: what it says is "
        "held to, and nobody vouches for it",
    )

    # The embedded broker, and topics.
    kafka_port: int = Field(
        default=0, ge=0, le=65535, description="Embedded broker; 0 picks a free port"
    )
    kafka_heap_mb: int = Field(default=384, ge=192)
    kafka_secure: bool = Field(
        default=False, description="The embedded broker takes users alone, by what each may do"
    )
    partitions: int = Field(
        default=4,
        ge=1,
        description="Of each topic that `topics apply` creates; the embedded stack's own default "
        "is 1, without a model for generation",
    )
    replication_factor: int = Field(default=1, ge=1)
    reply_topics: Names = Field(default=(), description="Topics a request may name in reply_to")

    default_tenant: str = Field(
        default="default",
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$",
        description="Of whom the command line speaks where it is given no --tenant",
    )

    # Documents.
    live_changes_per_minute: int = Field(
        default=600, ge=0, description="Of a tenant; those above it are bulk, and delay no others"
    )

    # Questions.
    identity: Literal["trust", "topic", "token"] = Field(
        default="trust",
        description="How it is known who asks: the request's word, its topic "
        "(`rag.requests.<tenant>`, for each of `tenants`), or a token",
    )
    tenants: Names = Field(default=(), description="Tenants that may ask; empty: any known shape")
    default_deadline_ms: int = Field(default=30_000, ge=1)
    default_top_k: int = Field(default=10, ge=1, le=50)
    shed: bool = Field(
        default=True,
        description="A question is refused at once where it would wait for others for more than "
        "half of the time it has",
    )
    abstain_below: float = Field(default=0.5, ge=0, le=1)
    usage_windows: bool = Field(
        default=False,
        description="The embedded stack runs `usage` too: windows of what models cost, by Faust",
    )
    tier: str = Field(
        default="extractive",
        description="Who answers where routing says nothing: a tier of `tiers`, or "
        "`extractive`, which quotes",
    )
    routing: bool = Field(
        default=False, description="policies/routing.yaml says who answers, by what is asked"
    )
    rewriter: str = Field(
        default="", description="The tier whose model words questions in other ways; empty: none"
    )

    # What can be seen of it.
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    http_port: int = Field(
        default=0, ge=0, le=65535, description="/metrics, /healthz, /readyz; 0: off"
    )
    http_host: str = "127.0.0.1"
    observe: bool = Field(
        default=False, description="The embedded stack has a Prometheus beside it"
    )
    metric_tenants: int = Field(
        default=MOST, ge=1, description="Tenants that metrics name; further ones are `other`"
    )
    otlp_endpoint: str = Field(
        default="", description="OTLP over HTTP; empty: no spans are exported"
    )

    @model_validator(mode="after")
    def _tiers_are_there(self) -> Self:
        there = (TiersSettings.quoting, *self.of(TiersSettings).all)
        for name, said in (("tier", self.tier), ("rewriter", self.rewriter or there[0])):
            if said not in there:
                raise ValueError(
                    f"{PREFIX}{name.upper()} is '{said}', and the tiers are {', '.join(there)}: "
                    f"set {PREFIX}TIERS__{said.upper()}__URL and __MODEL, or name another"
                )
        return self

    def of(self, section: type[S]) -> S:
        """A section of the settings."""
        return cast("S", getattr(self, section.section))

    def having(self, section: type[Section], **values: object) -> Settings:
        """These settings, but for some fields of one section."""
        changed = self.of(section).model_copy(update=values)
        return cast("Settings", self.model_copy(update={section.section: changed}))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[Any],
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


if TYPE_CHECKING:

    class Settings(_Base):
        """All settings. `of` gives a section, typed."""

        def __init__(self, **said: object) -> None: ...  # a section by its name, too

else:
    Settings = create_model(
        "Settings",
        __base__=_Base,
        **{name: (section, section()) for name, section in SECTIONS.items()},
    )


def known_variables() -> set[str]:
    """Every variable there is, but for those of entries, which whoever configures them names."""
    flat = {PREFIX + name.upper() for name in Settings.model_fields if name not in SECTIONS}
    return flat | names_of()


def variables(settings: Settings, secrets_of: frozenset[str] = frozenset()) -> dict[str, str]:
    """What is not as by default, as variables; of secrets those of the sections that are named.

    An address of another section is there without the password in it.
    """
    changed = settings.model_dump(mode="json", exclude_defaults=True)
    found: dict[str, str] = {}
    for name, value in changed.items():
        section = SECTIONS.get(name)
        if section is None:
            found[PREFIX + name.upper()] = as_text(value)
        elif issubclass(section, Table):
            for entry, fields in value.items():
                own = settings.of(section).all[entry]
                begin = f"{PREFIX}{name}{BETWEEN}{entry}".upper()
                found |= told(begin, section, own, fields, hidden=name not in secrets_of)
        else:
            begin, own = f"{PREFIX}{name}".upper(), settings.of(section)
            found |= told(begin, section, own, value, hidden=name not in secrets_of)
    return found


def load(overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings of this process; `overrides` win over variables and file.

    Raises:
        UserError: a key is unknown or a value is wrong, naming it and what is expected.
    """
    known = known_variables() | {CONFIG_VARIABLE}
    for name in os.environ:
        if name.startswith(PREFIX) and not (name in known or is_entry(name)):
            raise UserError(_unknown(name, known))
    file = os.environ.get(CONFIG_VARIABLE, "")
    if file and not Path(file).is_file():
        raise UserError(f"{CONFIG_VARIABLE} names {file}, which is not a file")
    try:
        return Settings(**dict(overrides or {}))
    except ValidationError as error:
        raise UserError(_said(error, file)) from None
    except ValueError as error:  # an unreadable TOML file, or JSON in a variable
        raise UserError(f"the settings cannot be read: {error}") from None


def _unknown(name: str, known: set[str]) -> str:
    if moved := _moved(name.removeprefix(PREFIX).lower()):
        return f"{name} is now {PREFIX}{moved.upper()}"
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]}?" if near else " (see streams/app/settings.py)"
    return f"unknown setting {name}{hint}"


def _moved(name: str) -> str:
    """What a setting of the time before sections is called now; empty if it was none."""
    flat = {
        f"{s}_{field}": f"{s}{BETWEEN}{field}"
        for s, t in SECTIONS.items()
        for field in t.model_fields
    }
    return (_MOVED | {old: new for old, new in flat.items() if old not in _MOVED}).get(name, "")


def _said(error: ValidationError, file: str) -> str:
    """The first thing that is wrong, in a sentence."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    said = first["msg"].removeprefix("Value error, ")
    if not place or (len(place) == 1 and place[0] in SECTIONS and first["type"] == "value_error"):
        return said  # what is wrong with several settings together names them itself
    if first["type"] == "extra_forbidden":
        if len(place) == 1 and (moved := _moved(place[0])):
            section, _, field = moved.partition(BETWEEN)
            return f"'{place[0]}' in {file or 'the settings'} is now '{field}' under [{section}]"
        return f"unknown setting '{'.'.join(place)}' in {file or 'the settings'}"
    deep = 1 if place[0] not in SECTIONS else 3 if place[0] in TABLES else 2
    name = PREFIX + BETWEEN.join(place[:deep]).upper()
    if place == ["index"]:
        return f"{name} is now {PREFIX}{_MOVED['index'].upper()}"
    said = said[:1].lower() + said[1:]
    if place[0] in SECTIONS and place[-1] in secret_fields(SECTIONS[place[0]]):
        return f"setting {name} is wrong: {said}"
    if place[0] == "kafka":  # a password may be among them
        return f"setting {name} is wrong at {place[-1]!r}: {said}"
    return f"setting {name} is {masked(repr(first.get('input')))}, but {said}"
