"""OpenAI-compatible endpoints: the port of generation, and the settings of a judge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from streams.flow.errors import UserError
from streams.flow.port import Opening
from streams.flow.section import Section

if TYPE_CHECKING:
    from processors.ports import Generator


class GenerationSettings(Section):
    """A language model that words questions in other ways and, if asked to, answers."""

    section: ClassVar[str] = "generation"

    url: str = Field(
        default="",
        description="An OpenAI-compatible endpoint that rewrites questions; empty: none",
    )
    model: str = ""
    answers: bool = Field(
        default=False, description="The model also writes the answers; else they are quotes"
    )
    key: SecretStr = SecretStr("")
    key_file: Path | None = Field(
        default=None, description="A file that holds the key, such as a mounted secret"
    )
    timeout_s: float = Field(default=3.0, gt=0, le=120)
    input_price: float = Field(
        default=0.0, ge=0, description="Of a million input tokens, in the currency of your choice"
    )
    output_price: float = Field(
        default=0.0, ge=0, description="Of a million output tokens, in the same currency"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.answers and not self.url:
            raise ValueError(
                "MILLRACE_GENERATION__ANSWERS needs a model: set MILLRACE_GENERATION__URL"
            )
        if self.url and not self.model:
            raise ValueError("MILLRACE_GENERATION__URL is set: name MILLRACE_GENERATION__MODEL too")
        return self


class JudgeSettings(Section):
    """An OpenAI-compatible model as judge of answers. Empty: the local judge."""

    section: ClassVar[str] = "judge"

    url: str = Field(default="", description="Such as http://host/v1")
    model: str = ""
    key: SecretStr = SecretStr("")
    timeout_s: float = Field(default=60.0, gt=0, description="Of one call")


def generator(settings: GenerationSettings, opening: Opening) -> Generator:
    """The configured endpoint.

    Raises:
        UserError: none is configured, or its key cannot be used.
    """
    from connectors.openai_compatible.generator import OpenAICompatible

    if not settings.url:
        raise UserError(
            "a stage asks a language model, and none is configured: set MILLRACE_GENERATION__URL"
        )
    model = OpenAICompatible(
        settings.url,
        settings.model,
        key=key_of(settings),
        timeout_s=settings.timeout_s,
        watch=opening.watch,
    )
    opening.stack.callback(model.close)
    return model


def key_of(settings: GenerationSettings) -> str:
    """The key of the endpoint that generates: as set, or what its file holds; empty: none.

    Raises:
        UserError: both are set, the file cannot be read, or what is there is no key.
    """
    file, key = settings.key_file, settings.key.get_secret_value()
    if file is None:
        if not key.isprintable() or not key.isascii():
            # Else the HTTP client would refuse it later, and show it.
            raise UserError("MILLRACE_GENERATION__KEY must be a key, in one line")
        return key
    if key:
        raise UserError("set MILLRACE_GENERATION__KEY or MILLRACE_GENERATION__KEY_FILE, not both")
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UserError(f"MILLRACE_GENERATION__KEY_FILE: {file} cannot be read: {said}") from None
    if not key or not key.isascii() or not key.isprintable():
        raise UserError(f"MILLRACE_GENERATION__KEY_FILE: {file} must hold a key, in one line")
    return key
