"""The flow: every stage in one line, as a function with no I/O.

Production, tests and what is rendered from it (topics, the README's picture) build this same table.
A stage's declaration (what it reads, writes, needs, where it runs) ends its processor's file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from processors.caching import forget, keep
from processors.caching.entries import Caching
from processors.documents import chunk, debezium, embed, index, ingest
from processors.documents.chunking import ChunkingPolicy
from processors.documents.debezium import DebeziumSource
from processors.documents.ingest import IngestConfig
from processors.learning import feedback, rekey, remember
from processors.money import meter
from processors.money.prices import PriceTable
from processors.questions import admit, answering, answers, rerank, retrieve, rewrite
from processors.questions.admit import AdmitConfig
from processors.questions.answering import Answering
from processors.questions.reranking import RerankingConfig
from processors.questions.retrieve import RetrievalConfig
from processors.questions.rewrite import VariantsConfig
from processors.questions.route import RouteConfig
from schemas import topics
from schemas.events import Versions
from streams.flow.errors import UserError
from streams.flow.stage import Stage
from streams.flow.topic import Topic


@dataclass(frozen=True, slots=True)
class Config:
    """What decides how the processors behave."""

    versions: Versions
    ingest: IngestConfig
    chunking: ChunkingPolicy
    admit: AdmitConfig
    retrieval: RetrievalConfig
    variants: VariantsConfig | None  # None: a question is searched for as it was asked
    route: RouteConfig
    tiers: Mapping[str, Answering]  # by name
    reading: RerankingConfig | None = None  # None: no model re-orders
    debezium: Sequence[DebeziumSource] = ()
    caching: Caching | None = None  # None: no answer is given twice
    prices: PriceTable = field(default_factory=PriceTable)


# What no stage writes: what becomes of usage, and what operators say of tenants.
BESIDE: tuple[Topic[Any], ...] = (topics.RAG_BUDGETS, topics.CONTROL_TENANTS)


def topology(config: Config, now: Callable[[], int] = answers.now_ms) -> list[Stage]:
    """The stages in flow order.

    Raises:
        UserError: two have one consumer group.
    """
    c = config
    return checked([
        ingest.stage(c.ingest),
        *(debezium.stage(source, c.ingest) for source in c.debezium),
        chunk.stage(c.chunking),
        embed.stage(c.prices, now),
        index.stage(now),
        admit.stage(c.admit, c.versions, now),
        rewrite.stage(c.variants, now),
        retrieve.stage(c.retrieval, c.prices, c.caching, now),
        rerank.stage(c.retrieval, c.route, c.reading, c.prices, now),
        *(answering.stage(tier, how, now) for tier, how in c.tiers.items()),
        remember.stage(now),
        *((keep.stage(c.caching, now), forget.stage()) if c.caching else ()),
        rekey.stage(),
        feedback.stage(now),
        meter.stage(),
    ])  # fmt: skip


def checked(stages: Sequence[Stage]) -> list[Stage]:
    """These stages.

    Raises:
        UserError: two have one consumer group: each would read a part of what both should; or one
            topic for their state; or one with state has two groups.
    """
    for stage in stages:
        if stage.store is not None and len(stage.subscriptions) > 1:
            raise UserError(
                f"stage {stage.name} keeps state and reads a bulk topic beside others: its state "
                "would be in two consumer groups; give it one of the two"
            )
    kept = Counter(topic.name for stage in stages for topic in stage.changelogs)
    for name in (name for name, count in kept.items() if count > 1):
        raise UserError(f"two stages keep state in {name}: give each a topic of its own")
    groups = [(each.group, stage.name) for stage in stages for each in stage.subscriptions]
    for group, count in Counter(group for group, _ in groups).items():
        if count > 1:
            names = [repr(name) for each, name in groups if each == group]
            raise UserError(
                f"the stages {' and '.join(names)} have one consumer group, {group}: each would "
                "read only a part of the records; give each a name of its own"
            )
    return [*stages]


def topics_of(stages: Sequence[Stage]) -> list[Topic[Any]]:
    """Every topic the stages touch, in flow order."""
    found: dict[str, Topic[Any]] = {}
    for each in stages:
        owners = () if each.mirror is None else (each.mirror.owners,)
        for topic in (*each.reads, *each.writes, *each.changelogs, *owners, each.dead_letters):
            if topic.suffix is None:
                found.setdefault(topic.name, topic)
    if topics.DOCS_FEED.name in found:  # what is fed, and by which source that is followed
        found[topics.DOCS_SOURCES.name] = topics.DOCS_SOURCES
    if topics.RAG_USAGE.name in found:
        found |= {topic.name: topic for topic in BESIDE}
    return list(found.values())
