"""What settings and `policies/routing.yaml` say of the tiers that answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from connectors.openai_compatible.tiers import Tier, TiersSettings
from processors.questions.answering import Answering
from processors.questions.generate import AnswerConfig
from processors.questions.grounded import EXTRACTIVE, GroundedConfig, Next
from processors.questions.routing_policy import Routing, routing
from streams.app import policies
from streams.app.pricing import prices
from streams.app.prompts import prompt
from streams.app.settings import Settings
from streams.flow.errors import UserError

ROUTING = "routing.yaml"


def routed(settings: Settings) -> Routing | None:
    """How questions come to tiers; None where one answers all.

    Raises:
        UserError: the policy is absent or wrong.
    """
    return routes(settings.policies) if settings.routing else None


def routes(folder: Path | None) -> Routing:
    """What the policy says.

    Raises:
        UserError: it is absent or wrong.
    """
    try:
        return routing(policies.read(ROUTING, folder))
    except ValueError as error:
        raise UserError(f"policy {(folder or policies.SHIPPED) / ROUTING}: {error}") from None


def models_of(settings: Settings) -> dict[str, str]:
    """The model of each tier."""
    return {EXTRACTIVE: EXTRACTIVE} | {
        name: tier.model for name, tier in settings.of(TiersSettings).all.items()
    }


def answering(
    settings: Settings, quotes: AnswerConfig, cascade: Mapping[str, str]
) -> dict[str, Answering]:
    """How each tier answers; the one that quotes first.

    Raises:
        UserError: the prompt is absent or wrong.
    """
    tiers, models = settings.of(TiersSettings).all, models_of(settings)

    def after(name: str) -> Next | None:
        tier = cascade.get(name, "")
        return Next(tier, models[tier]) if tier in models else None

    listed = prices(settings.policies)
    return {EXTRACTIVE: Answering(quotes, escalate=after(EXTRACTIVE), prices=listed)} | {
        name: Answering(quotes, grounding(tier, settings, after(name)), tier.concurrency)
        for name, tier in tiers.items()
    }


def grounding(tier: Tier, settings: Settings, escalate: Next | None = None) -> GroundedConfig:
    """How a tier's model is asked for answers.

    Raises:
        UserError: the prompt is absent or wrong.
    """
    asking = prompt("answer", settings)
    return GroundedConfig(
        lambda query, found: asking.fill(question=query, passages=found),
        tokens=tier.answer_tokens,
        prices=prices(settings.policies),
        fallback=Next(tier.fallback, models_of(settings)[tier.fallback]),
        escalate=escalate,
        whole_sentences=tier.partials == "sentences",
    )
