"""The tiers of language models: what each is told, as a table of the settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from streams.flow.section import Table

NAME = re.compile(r"[a-z][a-z0-9]{0,31}")
QUOTING = "extractive"  # the tier without a model, which is always there


class Tier(BaseModel):
    """A model behind an OpenAI-compatible endpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    url: str = Field(default="", description="What /chat/completions is below")
    model: str = Field(min_length=1)
    api: Literal["openai", "litellm"] = Field(
        default="openai",
        description="litellm: another API than OpenAI's, through LiteLLM; MODEL is as it names it",
    )
    key: SecretStr = SecretStr("")
    key_file: Path | None = Field(
        default=None, description="A file with the key, such as a mounted secret; read when changed"
    )
    ca_file: Path | None = Field(
        default=None, description="The authority of its certificate; unset: those of the system"
    )
    timeout_s: float = Field(default=10.0, gt=0, le=600, description="Of a call, retries included")
    concurrency: int = Field(default=8, ge=1, le=512, description="Calls of a worker at once")
    retries: int = Field(default=2, ge=0, le=10)
    answer_tokens: int = Field(default=500, ge=1, description="Of an answer, at most")
    temperature: float = Field(default=0.0, le=2, description="Below 0: nothing is said of it")
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    structured: bool = Field(
        default=False,
        description="Questions are reworded as JSON by a schema that the server obeys",
    )
    partials: Literal["sentences", "tokens"] = Field(
        default="sentences",
        description="What rag.partials gets: sentences that the passages bear out, or all at once",
    )
    fallback: str = Field(default=QUOTING, description="The tier that answers where this cannot")

    @model_validator(mode="after")
    def _reached(self) -> Self:
        if self.api == "openai" and not self.url:
            raise ValueError("a tier needs its URL: what /chat/completions is below")
        if self.api == "litellm" and self.ca_file is not None:
            raise ValueError("LiteLLM takes an authority by SSL_CERT_FILE: leave CA_FILE out")
        return self


class TiersSettings(Table):
    """Language models by tier: `MILLRACE_TIERS__PREMIUM__URL`, or `[tiers.premium]` in the file."""

    section: ClassVar[str] = "tiers"
    entry: ClassVar[type[BaseModel]] = Tier
    quoting: ClassVar[str] = QUOTING

    __pydantic_extra__: dict[str, Tier] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    @property
    def all(self) -> Mapping[str, Tier]:
        """By name."""
        return self.__pydantic_extra__ or {}

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for name, tier in self.all.items():
            if not NAME.fullmatch(name) or name == QUOTING:
                raise ValueError(
                    f"MILLRACE_TIERS names the tier '{name}': take up to 32 small letters and "
                    f"digits, and not '{QUOTING}', which needs no model"
                )
            if tier.fallback != QUOTING and tier.fallback not in self.all:
                raise ValueError(
                    f"{setting(name)}__FALLBACK is '{tier.fallback}', which is no tier: there are "
                    f"{', '.join((QUOTING, *sorted(self.all)))}"
                )
        for name in self.all:
            self._ends(name)
        return self

    def _ends(self, name: str) -> None:
        """Falling back from a tier comes to the one that quotes."""
        seen: list[str] = []
        while name != QUOTING:
            if name in seen:
                raise ValueError(
                    f"the fallbacks of tiers go in a circle, {' to '.join((*seen, name))}: "
                    f"let one be '{QUOTING}'"
                )
            seen.append(name)
            name = self.all[name].fallback


def setting(tier: str) -> str:
    """How the names of a tier's settings begin."""
    return f"MILLRACE_TIERS__{tier.upper()}"
