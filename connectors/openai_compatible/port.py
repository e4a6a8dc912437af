"""OpenAI-compatible endpoints: the port of a tier's model, and the settings of a judge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, SecretStr

from connectors.encoding import EncoderSettings, RerankerSettings
from connectors.openai_compatible.keys import key_of
from connectors.openai_compatible.tiers import Tier, TiersSettings, setting
from streams.flow.errors import UserError
from streams.flow.port import Opening
from streams.flow.section import Section

if TYPE_CHECKING:
    from processors.models import Generator, Reranker
    from processors.ports import Embedder

__all__ = [
    "EncoderSettings",
    "JudgeSettings",
    "RerankerSettings",
    "Tier",
    "TiersSettings",
    "embedder",
    "generator",
    "reranker",
]


class JudgeSettings(Section):
    """An OpenAI-compatible model as judge of answers. Empty: the local judge."""

    section: ClassVar[str] = "judge"

    url: str = Field(default="", description="Such as http://host/v1")
    model: str = ""
    key: SecretStr = SecretStr("")
    ca_file: Path | None = Field(default=None, description="The authority of its certificate")
    timeout_s: float = Field(default=60.0, gt=0, description="Of one call")


def generator(name: str, settings: TiersSettings, opening: Opening) -> Generator:
    """The model of a tier.

    Raises:
        UserError: there is no such tier, or its key or authority cannot be used.
    """
    tier = settings.all.get(name)
    if tier is None:
        raise UserError(
            f"a stage asks the model of the tier '{name}', and none is configured: "
            f"set {setting(name)}__URL and {setting(name)}__MODEL"
        )
    from connectors.openai_compatible.calls import Endpoint
    from connectors.openai_compatible.generator import Asked, OpenAICompatible

    endpoint = Endpoint(
        tier.url or f"https://{tier.model.partition('/')[0]}",  # the provider, as messages name it
        key=key_of(tier.key, tier.key_file, setting(name)),
        timeout_s=tier.timeout_s,
        at_once=tier.concurrency,
        retries=tier.retries,
        peer=f"tier {name}",
        setting=setting(name),
        ca_file=tier.ca_file,
    )
    asked = Asked(tier.temperature, tier.limit)
    if tier.api == "litellm":
        from connectors.litellm.generator import LiteLLM

        model = LiteLLM(endpoint, tier.model, url=tier.url, asked=asked, watch=opening.watch)
    else:
        model = OpenAICompatible(endpoint, tier.model, asked=asked, watch=opening.watch)
    opening.stack.callback(model.close)
    model.open()
    return model


def embedder(
    settings: EncoderSettings, opening: Opening, counted: Callable[[int], None]
) -> Embedder:
    """The configured endpoint of vectors.

    Raises:
        UserError: its key or authority cannot be used, or its vectors are of another size than was
            said.
    """
    from connectors.openai_compatible.calls import Endpoint
    from connectors.openai_compatible.embedder import Encoder, EndpointEmbedder

    setting = "MILLRACE_ENCODER"
    endpoint = Endpoint(
        settings.url,
        key=key_of(settings.key, settings.key_file, setting),
        timeout_s=settings.timeout_s,
        at_once=settings.concurrency,
        retries=settings.retries,
        peer="encoder",
        setting=setting,
        ca_file=settings.ca_file,
    )
    encoder = Encoder(
        settings.model,
        settings.dimensions,
        query_prefix=settings.query_prefix,
        passage_prefix=settings.passage_prefix,
        batch=settings.batch,
        sentences=settings.sentences,
        input_type=settings.input_type,
    )
    model = EndpointEmbedder(endpoint, encoder, counted=counted, watch=opening.watch)
    opening.stack.callback(model.close)
    model.open()
    return model


def reranker(settings: RerankerSettings, opening: Opening) -> Reranker:
    """The configured endpoint that re-orders.

    Raises:
        UserError: its key or authority cannot be used.
    """
    from connectors.openai_compatible.calls import Endpoint
    from connectors.openai_compatible.reranker import EndpointReranker

    setting = "MILLRACE_RERANKER"
    endpoint = Endpoint(
        settings.url,
        key=key_of(settings.key, settings.key_file, setting),
        timeout_s=settings.timeout_s,
        at_once=settings.concurrency,
        retries=1,
        peer="reranker",
        setting=setting,
        ca_file=settings.ca_file,
    )
    model = EndpointReranker(endpoint, settings.model, form=settings.form, watch=opening.watch)
    opening.stack.callback(model.close)
    model.open()
    return model
