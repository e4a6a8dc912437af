"""Which model tier answers. By configuration: one default tier, others per tenant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from processors.questions.grounded import EXTRACTIVE
from schemas.events import Question


@dataclass(frozen=True, slots=True)
class RouteConfig:
    """Tier names, and the model behind each."""

    default_tier: str = EXTRACTIVE
    tenant_tiers: Mapping[str, str] = field(default_factory=dict[str, str])
    models: Mapping[str, str] = field(default_factory=lambda: {EXTRACTIVE: EXTRACTIVE})


class Route(NamedTuple):
    """A tier, the model behind it, and why this one."""

    tier: str
    model: str
    why: str


def route(question: Question, config: RouteConfig) -> Route:
    """The tier of the question's tenant."""
    own = config.tenant_tiers.get(question.tenant)
    tier = own or config.default_tier
    return Route(tier, config.models[tier], "its tenant's" if own else "the default")
