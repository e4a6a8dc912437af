"""How documents are cut, by type: the configuration behind `policies/chunking.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from hashlib import blake2b
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from processors.documents.strategies import STRATEGIES, revisions
from schemas.validation import NOTHING_IS_EMPTY, Written, expected, validated


@dataclass(frozen=True, slots=True)
class ChunkingConfig:
    """How documents of one type are cut; every field is in `hash`.

    The first of `strategies` that recognises a text cuts it. `max_tokens` is the text of a chunk;
    a piece of fewer than `min_tokens` joins a neighbour. `window` is what the model reads, its
    begin and end marks not counted: where the context takes more than the difference, the text
    gets less.
    """

    strategies: tuple[str, ...] = ("structure",)
    max_tokens: int = 200
    min_tokens: int = 40
    window: int = 254

    @property
    def hash(self) -> str:
        """Twelve hex digits that travel with every chunk: of this and of the strategies' code."""
        said = repr((astuple(self), revisions(self.strategies)))
        return blake2b(said.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class ChunkingPolicy:
    """How each document type is cut, and (`other`) all types that are not named."""

    version: str = "default"
    types: Mapping[str, ChunkingConfig] = field(default_factory=dict[str, ChunkingConfig])
    other: ChunkingConfig = ChunkingConfig()

    def of(self, doc_type: str) -> ChunkingConfig:
        return self.types.get(doc_type, self.other)


def _known(name: str) -> str:
    if name not in STRATEGIES:
        raise ValueError
    return name


_Strategy = Annotated[str, AfterValidator(_known), expected(f"one of {', '.join(STRATEGIES)}")]
_Strategies = Annotated[tuple[_Strategy, ...], Field(min_length=1)]


class _Cut(Written):
    """What a type's entry may say; what it does not, the file says for all."""

    strategies: _Strategies | None = None
    max_tokens: Annotated[
        int | None, Field(strict=True, ge=16), expected("a whole number, 16 or more")
    ] = None
    min_tokens: Annotated[
        int | None, Field(strict=True, ge=0), expected("a whole number, 0 or more")
    ] = None


class _File(_Cut):
    version: str = ""
    types: Annotated[dict[str, _Cut], NOTHING_IS_EMPTY] = Field(default_factory=dict[str, _Cut])


def parse(said: Mapping[str, Any], window: int) -> ChunkingPolicy:
    """The policy that a chunking file says, for a model that reads `window` tokens.

    Raises:
        ValueError: something in it cannot be; the message names it.
    """
    file = validated(_File, said)
    other = _config(file, ChunkingConfig(window=window), "")
    configs = {name: _config(cut, other, f"types.{name}.") for name, cut in file.types.items()}
    return ChunkingPolicy(file.version, configs, other)


def _config(cut: _Cut, base: ChunkingConfig, where: str) -> ChunkingConfig:
    """`base` with what is said here."""
    said = cut.model_dump(include={"strategies", "max_tokens", "min_tokens"}, exclude_none=True)
    config = replace(base, **said)
    if config.max_tokens > config.window:
        raise ValueError(
            f"'{where}max_tokens' is {config.max_tokens}, but the model reads {config.window} "
            "tokens (MILLRACE_EMBEDDING__TOKENS, its two marks not counted)"
        )
    if config.min_tokens > config.max_tokens:
        raise ValueError(
            f"'{where}min_tokens' is {config.min_tokens}; "
            f"it must be no more than max_tokens, {config.max_tokens}"
        )
    return config
