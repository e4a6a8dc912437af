"""`route`: which model tier answers. By configuration: one default tier, others per tenant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from processors.places import QUESTIONS
from processors.questions import answers
from schemas import topics
from schemas.events import ChunksReranked, GenerationRequested, Versions
from streams.flow.stage import Stage, record_stage
from streams.flow.topic import outputs


@dataclass(frozen=True, slots=True)
class RouteConfig:
    """Tier names, and the model behind each."""

    default_tier: str = "local"
    tenant_tiers: Mapping[str, str] = field(default_factory=dict[str, str])
    models: Mapping[str, str] = field(default_factory=lambda: {"local": "extractive"})


def route(event: ChunksReranked, *, config: RouteConfig) -> Iterable[GenerationRequested]:
    """The question and its candidates, for the tier of its tenant."""
    tier = config.tenant_tiers.get(event.question.tenant, config.default_tier)
    yield GenerationRequested(
        question=event.question,
        variants=event.variants,
        candidates=event.candidates,
        embedding_model=event.embedding_model,
        index=event.index,
        tier=tier,
        model=config.models[tier],
        degraded=event.degraded,
        timings_ms=event.timings_ms,
        usage=event.usage,
    )


def stage(config: RouteConfig, versions: Versions) -> Stage:
    """`route` in the topology."""
    return record_stage(
        "route",
        reads=topics.RAG_RERANKED,
        make=lambda _: partial(route, config=config),
        writes=outputs(topics.RAG_GENERATE, topics.RAG_ANSWERS),
        dead_letters=topics.RAG_DLQ,
        place=QUESTIONS,
        promise=answers.promise(versions),
    )
