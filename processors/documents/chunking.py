"""How documents are cut, by type: the configuration behind `policies/chunking.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from hashlib import blake2b
from typing import Any, cast

from processors.documents.strategies import STRATEGIES, revisions


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


_NUMBERS = {"max_tokens": 16, "min_tokens": 0}  # and the least they may be
_KEYS = {"strategies", *_NUMBERS}


def parse(said: Mapping[str, Any], window: int) -> ChunkingPolicy:
    """The policy that a chunking file says, for a model that reads `window` tokens.

    Raises:
        ValueError: something in it cannot be; the message names it.
    """
    if unknown := said.keys() - _KEYS - {"version", "types"}:
        raise ValueError(f"'{min(unknown)}' is not known")
    other = _config(said, ChunkingConfig(window=window), "the file")
    types: object = said.get("types") or {}
    if not isinstance(types, dict):
        raise ValueError("'types' must be a mapping of document types")
    configs: dict[str, ChunkingConfig] = {}
    for name, fields in cast("dict[str, object]", types).items():
        if not isinstance(fields, dict):
            raise ValueError(f"type '{name}' must be a mapping, such as {{strategies: [prose]}}")
        fields = cast("dict[str, object]", fields)
        if unknown := fields.keys() - _KEYS:
            raise ValueError(f"'{min(unknown)}' of type '{name}' is not known")
        configs[name] = _config(fields, other, f"type '{name}'")
    return ChunkingPolicy(str(said.get("version", "")), configs, other)


def _config(said: Mapping[str, object], base: ChunkingConfig, where: str) -> ChunkingConfig:
    """`base` with what is said here."""
    config = base
    if "strategies" in said:
        names = said["strategies"]
        if not isinstance(names, list) or not names:
            raise ValueError(f"'strategies' of {where} must be a list of names")
        for name in cast("list[object]", names):
            if name not in STRATEGIES:
                known = ", ".join(STRATEGIES)
                raise ValueError(f"{where} names strategy '{name}'; there are {known}")
        config = replace(config, strategies=tuple(cast("list[str]", names)))
    for key, least in _NUMBERS.items():
        value = said.get(key)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"'{key}' of {where} is {value!r}; it must be {least} or more")
        config = replace(config, **{key: value})
    if config.max_tokens > config.window:
        raise ValueError(
            f"'max_tokens' of {where} is {config.max_tokens}, but the model reads {config.window} "
            "tokens (MILLRACE_EMBEDDING__TOKENS, its two marks not counted)"
        )
    if config.min_tokens > config.max_tokens:
        raise ValueError(f"'min_tokens' of {where} is over 'max_tokens'")
    return config
