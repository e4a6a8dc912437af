"""Which model tier answers: the tenant's, or what the question needs, or the default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from processors.questions.grounded import EXTRACTIVE
from processors.questions.needing import Need, needed
from schemas.events import Candidate, Question


@dataclass(frozen=True, slots=True)
class Rules:
    """Which tier a need is answered by; see `policies/routing.yaml`."""

    version: str
    needs: Mapping[Need, str]
    long: int  # words, from which on `long_tier` answers whatever is needed
    long_tier: str
    unsure_below: float  # confidence of retrieval, below which `unsure_tier` does
    unsure_tier: str


@dataclass(frozen=True, slots=True)
class RouteConfig:
    """Tier names, and the model behind each."""

    default_tier: str = EXTRACTIVE
    tenant_tiers: Mapping[str, str] = field(default_factory=dict[str, str])
    models: Mapping[str, str] = field(default_factory=lambda: {EXTRACTIVE: EXTRACTIVE})
    rules: Rules | None = None  # None: all by the default


class Route(NamedTuple):
    """A tier, the model behind it, and why this one."""

    tier: str
    model: str
    why: str


def route(question: Question, candidates: Sequence[Candidate], config: RouteConfig) -> Route:
    """The tier of the question's tenant, or by what it needs; where there is none, the default."""
    if own := config.tenant_tiers.get(question.tenant):
        return Route(own, config.models[own], "its tenant's")
    if config.rules is None:
        return Route(config.default_tier, config.models[config.default_tier], "the default")
    tier, why = chosen(question.query, candidates, config.rules)
    if tier not in config.models:  # the policy speaks of more tiers than are configured
        why, tier = f"{why}, and {tier} is not configured", config.default_tier
    return Route(tier, config.models[tier], f"{why} ({config.rules.version})")


def chosen(query: str, candidates: Sequence[Candidate], rules: Rules) -> tuple[str, str]:
    """The tier that the rules name, and why: what the question needs, its length, what was found.

    Of nothing found no tier makes an answer: so it costs none.
    """
    asked = needed(query, candidates)
    if asked.words >= rules.long:
        return rules.long_tier, f"{asked.need} in {asked.words} words"
    if candidates and asked.confidence < rules.unsure_below:
        return rules.unsure_tier, f"{asked.need}, found with {asked.confidence:.2f}"
    return rules.needs[asked.need], asked.need
