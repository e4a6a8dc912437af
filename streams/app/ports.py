"""The ports as a table: name, section of the settings, opener. Only `streams.app` knows connectors.

A new outside system is a folder in `connectors/` and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from connectors.converters.port import ConvertSettings, converter
from connectors.encoding import EncoderSettings, RerankerSettings
from connectors.kafka_connect.port import CdcSettings
from connectors.minilm.port import (
    EmbeddingSettings,
    ReadingSettings,
    counter,
    embedder,
    reader,
)
from connectors.openai_compatible import port as endpoints
from connectors.openai_compatible.port import JudgeSettings, TiersSettings, generator
from connectors.redis.port import (
    AnswersSettings,
    RedisSettings,
    answers,
    cache,
    requests,
    sessions,
)
from connectors.rego.port import PolicySettings, policy
from connectors.schema_registry.port import RegistrySettings
from connectors.sources.port import BucketSettings
from connectors.tokens.port import TokenSettings, tokens
from processors import needs
from streams.app import stores
from streams.app.policies import SHIPPED
from streams.app.stores import IndexSettings, Sections
from streams.flow.errors import UserError
from streams.flow.port import Opened, Opening, Port
from streams.flow.section import Section
from streams.flow.stage import Stage
from streams.runtime.access import BrokerSettings

if TYPE_CHECKING:
    from processors.caching.ports import AnswerCache
    from processors.guard.ports import Policy
    from processors.models import Generator, Partials, Reranker
    from processors.ports import DenseSearch, Embedder, LexicalSearch, Pressure, Reader
    from streams.app.settings import Settings

__all__ = [
    "PORTS",
    "SECTIONS",
    "AnswersSettings",
    "BrokerSettings",
    "BucketSettings",
    "CdcSettings",
    "ConvertSettings",
    "EmbeddingSettings",
    "EncoderSettings",
    "IndexSettings",
    "JudgeSettings",
    "PolicySettings",
    "ReadingSettings",
    "RedisSettings",
    "RegistrySettings",
    "RerankerSettings",
    "TiersSettings",
    "TokenSettings",
    "open_ports",
    "open_these",
    "secrets",
]

T = TypeVar("T")
S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class Opener:
    """How a port is opened, and by which sections of the settings."""

    port: Port[Any]
    sections: tuple[type[Section], ...]
    open: Callable[[Sections, Opening], Any]


def _on(port: Port[T], section: type[S], opened: Callable[[S, Opening], T]) -> Opener:
    return Opener(port, (section,), lambda sections, opening: opened(sections.of(section), opening))


def _encoder(sections: Sections, opening: Opening) -> Embedder:
    from streams.app.metering import COMPATIBLE, HERE, Counted, counted_tokens

    elsewhere = sections.of(EncoderSettings)
    if elsewhere.url:
        made = endpoints.embedder(elsewhere, opening, counted_tokens(elsewhere.model))
    elif elsewhere.folder:
        from connectors.sentence_transformers import port as folders

        made = folders.embedder(elsewhere, opening)
    else:
        made = embedder(sections.of(EmbeddingSettings), opening)
    return Counted(made, COMPATIBLE if elsewhere.url else HERE)


def _answers(sections: Sections, opening: Opening) -> AnswerCache:
    return answers(sections.of(RedisSettings), sections.of(AnswersSettings), opening)


def _decided(settings: PolicySettings, opening: Opening) -> Policy:
    from streams.app.metering import Decided

    return Decided(policy(settings, opening))


def _dense(sections: Sections, opening: Opening) -> DenseSearch:
    from streams.app.asked import Dense

    return Dense(stores.index(sections, opening))


def _lexical(sections: Sections, opening: Opening) -> LexicalSearch:
    from streams.app.asked import Lexical

    return Lexical(stores.index(sections, opening))


def _reader(settings: ReadingSettings, opening: Opening) -> Reader:
    from streams.app.asked import Read

    return Read(reader(settings, opening))


def _reranker(settings: RerankerSettings, opening: Opening) -> Reranker:
    from streams.app.asked import Reranked
    from streams.app.metering import COMPATIBLE, HERE

    if settings.url:
        return Reranked(endpoints.reranker(settings, opening), COMPATIBLE)
    from connectors.sentence_transformers import port as folders

    return Reranked(folders.reranker(settings, opening), HERE)


def tier_of(port: Port[Any]) -> str:
    """The tier whose model this is; empty where it is another port."""
    kind, _, tier = port.name.partition(".")
    return tier if kind == needs.GENERATOR else ""


def _model(port: Port[Any]) -> Opener:
    tier = tier_of(port)

    def opened(settings: TiersSettings, opening: Opening) -> Generator:
        from streams.app.metering import Metered
        from streams.app.pricing import prices

        return Metered(generator(tier, settings, opening), prices(opening.policies))

    return _on(port, TiersSettings, opened)


def _of_money(port: Port[Any], name: str, *sections: type[Section]) -> Opener:
    def opened(sections: Sections, opening: Opening) -> Any:
        from streams.app import budgeting

        return getattr(budgeting, name)(sections, opening)

    return Opener(port, sections, opened)


def _pressure(sections: Sections, opening: Opening) -> Pressure:
    from streams.app.pressure import pressure

    return pressure(sections, opening)


def _partials(sections: Sections, opening: Opening) -> Partials:
    from streams.app.partials import partials

    return partials(cast("Settings", sections), opening)


PORTS: Mapping[str, Opener] = {
    each.port.name: each
    for each in (
        _on(needs.CONVERTER, ConvertSettings, converter),
        _on(needs.COUNTER, EmbeddingSettings, counter),
        Opener(needs.EMBEDDER, (EmbeddingSettings, EncoderSettings), _encoder),
        _on(needs.CACHE, RedisSettings, cache),
        _on(needs.REQUESTS, RedisSettings, requests),
        _on(needs.SESSIONS, RedisSettings, sessions),
        Opener(needs.CHUNKS, stores.SECTIONS, stores.index),
        Opener(needs.DENSE, stores.SECTIONS, _dense),
        Opener(needs.LEXICAL, stores.SECTIONS, _lexical),
        _on(needs.READER, ReadingSettings, _reader),
        _on(needs.RERANKING, RerankerSettings, _reranker),
        Opener(needs.PARTIALS, (), _partials),
        Opener(needs.ANSWERS, (RedisSettings, AnswersSettings), _answers),
        _on(needs.POLICY, PolicySettings, _decided),
        _on(needs.TOKENS, TokenSettings, tokens),
        _of_money(needs.TENANCY, "tenancy"),
        _of_money(needs.PURSE, "purse", RedisSettings),
        _of_money(needs.SUSPENSIONS, "suspensions"),
        Opener(needs.PRESSURE, (), _pressure),
    )
}
# Sections of no port by itself: a tier's model has a port of its own.
OTHERS: tuple[type[Section], ...] = (
    BrokerSettings, RegistrySettings, TiersSettings, JudgeSettings, CdcSettings, BucketSettings,
)  # fmt: skip
SECTIONS: Mapping[str, type[Section]] = {
    each.section: each for each in (*(s for o in PORTS.values() for s in o.sections), *OTHERS)
}


def openers(ports: Iterable[Port[Any]], of: str) -> list[Opener]:
    """The lines of the table for these ports.

    Raises:
        UserError: there is no such port.
    """
    found: dict[str, Opener] = {}
    for port in ports:
        if tier_of(port):
            found[port.name] = _model(port)
            continue
        if port.name not in PORTS:
            known = ", ".join(sorted(PORTS))
            raise UserError(
                f"stage {of} needs the port '{port.name}', which streams/app/ports.py does not "
                f"list; there are {known}"
            )
        found[port.name] = PORTS[port.name]
    return [*found.values()]


EVERYONES = frozenset({BrokerSettings.section, RegistrySettings.section})
"""Sections whose secrets every worker gets."""


def secrets(stages: Sequence[Stage]) -> list[str]:
    """Names of the sections whose secrets a process of these stages gets.

    All speak to the broker, and ask the registry since they encode what they write.
    """
    found = (o for stage in stages for o in openers(stage.needs, stage.name))
    used = {section.section for opener in found for section in opener.sections}
    return sorted(used | EVERYONES) if stages else []


def open_ports(settings: Sections, stages: Sequence[Stage], stack: ExitStack) -> Opened:
    """All that these stages need, each opened once; closed by `stack`.

    Raises:
        UserError: a setting is wrong, or what a port needs cannot be had.
    """
    table = {o.port.name: o for s in stages for o in openers(s.needs, s.name)}
    return _opened(settings, table.values(), stack)


def open_these(settings: Sections, stack: ExitStack, *ports: Port[Any]) -> Opened:
    """Ports for what is no stage: measurements and checks."""
    return _opened(settings, openers(ports, "(none)"), stack)


def _opened(settings: Sections, table: Iterable[Opener], stack: ExitStack) -> Opened:
    from streams.runtime.telemetry import watch_peer

    own = settings.policies
    opening = Opening(
        settings.data,
        stack,
        watch_peer,
        own or SHIPPED,
        shipped=own is None,
        weights_key=settings.weights_key,
    )
    return Opened({o.port.name: o.open(settings, opening) for o in table})
