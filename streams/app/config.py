"""What settings and policy files say of the processors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from connectors import weights
from connectors.converters.port import ConvertSettings
from connectors.encoding import EncoderSettings, RerankerSettings
from connectors.minilm.embedder import MiniLM
from connectors.minilm.port import EmbeddingSettings
from connectors.openai_compatible.port import TiersSettings
from connectors.redis.port import AnswersSettings
from processors.caching.entries import Caching
from processors.documents.chunking import ChunkingPolicy, parse
from processors.documents.debezium import DebeziumSource
from processors.documents.debezium_policy import debezium_sources
from processors.documents.ingest import IngestConfig
from processors.guard.instructing import Scorer
from processors.questions.admit import AdmitConfig
from processors.questions.answering_policy import answer_config
from processors.questions.generate import AnswerConfig
from processors.questions.reranking import RerankingConfig
from processors.questions.retrieval_policy import retrieval_config
from processors.questions.retrieve import RetrievalConfig
from processors.questions.rewrite import MOST, VariantsConfig
from processors.questions.route import RouteConfig
from streams.app import policies, tenancy
from streams.app.pricing import prices
from streams.app.prompts import PLACES, prompt
from streams.app.settings import Settings
from streams.app.stores import IndexSettings
from streams.app.tiering import ROUTING, answering, models_of, routed, routes
from streams.app.topology import Config
from streams.flow.errors import UserError
from streams.release.versions import versions

CHUNKING = "chunking.yaml"
CONNECTORS = "connectors.yaml"
RETRIEVAL = "retrieval.yaml"
ANSWERING = "answering.yaml"
INSTRUCTIONS = "guard/instructions.json"
INSTRUCTIONS_SHA256 = "f477122b024cf24198716655959196cdb89d7036bc3fa31942dfb19bcd8d1e38"


def config(settings: Settings) -> Config:
    """What decides how the processors behave.

    Raises:
        UserError: a policy file is absent or wrong.
    """
    chunking = chunking_policy(settings)
    converting = settings.of(ConvertSettings)
    routing = routed(settings)
    tiers = answering(settings, quoting(settings), {} if routing is None else routing.cascade)
    return Config(
        versions=versions(
            settings.of(IndexSettings).name,
            weights.digest_of(weights.place(settings.policies)),
            chunking=chunking.version,
            retrieval_pipeline=str(policies.read(RETRIEVAL, settings.policies).get("version", "")),
            **encoder_of(settings),
        ),
        ingest=IngestConfig(
            max_document_bytes=converting.max_document_bytes,
            convert_processes=converting.at_once(),
            convert_budget_s=converting.budget_s,
            live_changes_per_minute=settings.live_changes_per_minute,
        ),
        chunking=chunking,
        admit=AdmitConfig(
            tenants=frozenset(settings.tenants),
            default_deadline_ms=settings.default_deadline_ms,
            default_top_k=settings.default_top_k,
            reply_topics=frozenset(settings.reply_topics),
            identity=settings.identity,
            reworded=bool(settings.rewriter),
        ),
        retrieval=retrieval(settings),
        variants=variants(settings),
        route=RouteConfig(
            default_tier=settings.tier,
            models=models_of(settings),
            rules=None if routing is None else routing.rules,
        ),
        tiers=tiers,
        reading=reranking(settings),
        debezium=sources_of_changes(settings),
        caching=caching(settings, written=any(each.grounded for each in tiers.values())),
        prices=prices(settings.policies),
    )


def caching(settings: Settings, *, written: bool) -> Caching | None:
    """How answers are given again; None: they are not. A model has `written` them, or none has."""
    said = settings.of(AnswersSettings)
    wanted = written if said.cached == "auto" else said.cached == "always"
    return Caching(said.kept_s, said.similar) if wanted else None


def sources_of_changes(settings: Settings) -> tuple[DebeziumSource, ...]:
    """What `connectors.yaml` says; none where there is no such file.

    Raises:
        UserError: it is wrong.
    """
    path = (settings.policies or policies.SHIPPED) / CONNECTORS
    if not path.exists():
        return ()
    try:
        return debezium_sources(policies.read(CONNECTORS, settings.policies))
    except ValueError as error:
        raise UserError(f"policy {path} cannot be used: {error}") from None


def chunking_policy(settings: Settings) -> ChunkingPolicy:
    """What `chunking.yaml` says. Raises UserError where it is absent or wrong."""
    said = policies.read(CHUNKING, settings.policies)
    try:
        # Two of the model's tokens mark the beginning and the end.
        return parse(said, settings.of(EmbeddingSettings).tokens - 2)
    except ValueError as error:
        folder = settings.policies or policies.SHIPPED
        raise UserError(f"policy {folder / CHUNKING} cannot be used: {error}") from None


def encoder_of(settings: Settings) -> dict[str, str]:
    """The model of vectors by its pin, where it is not the built-in one."""
    encoder = settings.of(EncoderSettings)
    return {"embedding_model": encoder.name} if encoder.elsewhere else {}


def reranking(settings: Settings) -> RerankingConfig | None:
    """How a model re-orders; None where none does."""
    said = settings.of(RerankerSettings)
    return RerankingConfig(said.passages, timeout_s=said.timeout_s) if said.configured else None


def models() -> dict[str, str]:
    """What is built in and pinned: the name of each by its pin."""
    return {"embedding_model": MiniLM.model}


def retrieval(settings: Settings) -> RetrievalConfig:
    """How questions find their passages, by `policies/retrieval.yaml`.

    Raises:
        UserError: the policy or the file of its learned re-ordering is absent or wrong.
    """
    folder = settings.policies or policies.SHIPPED

    def read(name: str) -> bytes:
        try:
            return (folder / name).read_bytes()
        except OSError as error:
            raise ValueError(f"{folder / name} cannot be read: {error.strerror}") from None

    try:
        found = retrieval_config(policies.read(RETRIEVAL, settings.policies), read)
        return replace(found, instructions=instructions(read(INSTRUCTIONS)))
    except ValueError as error:
        raise UserError(f"policy {folder / RETRIEVAL}: {error}") from None


def instructions(data: bytes) -> Scorer:
    """What tells instructions to a model, by its weights.

    Raises:
        ValueError: they are not those that are pinned.
    """
    if (digest := hashlib.sha256(data).hexdigest()) != INSTRUCTIONS_SHA256:
        raise ValueError(
            f"{INSTRUCTIONS} has the hash {digest}, and {INSTRUCTIONS_SHA256} is pinned: put the "
            "release's file back"
        )
    return Scorer.of(json.loads(data))


def quoting(settings: Settings) -> AnswerConfig:
    """When a question is answered, by `policies/answering.yaml`.

    Raises:
        UserError: the policy is absent or wrong.
    """
    try:
        said = policies.read(ANSWERING, settings.policies)
        return answer_config(said, abstain_below=settings.abstain_below)
    except ValueError as error:
        folder = settings.policies or policies.SHIPPED
        raise UserError(f"policy {folder / ANSWERING}: {error}") from None


def variants(settings: Settings) -> VariantsConfig | None:
    """What a model is asked to make of questions; None where no tier rewords them.

    Raises:
        UserError: the prompt's file is absent or wrong.
    """
    if not settings.rewriter:
        return None
    tier = settings.of(TiersSettings).all[settings.rewriter]
    instructions, _ = prompt("rewrite", settings).fill(most=MOST, question="")
    followup = prompt("followup", settings)
    return VariantsConfig(
        instructions,
        followup=lambda turns, question: followup.fill(turns=turns, question=question),
        prices=prices(settings.policies),
        tier=settings.rewriter,
        structured=tier.structured,
    )


def load_policies(settings: Settings) -> None:
    """Read every policy file as workers do, those too that only other settings make use of.

    Raises:
        UserError: one is absent or wrong; the message names it.
    """
    config(settings)
    if ((settings.policies or policies.SHIPPED) / ROUTING).exists():
        routes(settings.policies)
    tenancy.read(settings.policies)
    for name in PLACES:
        prompt(name, settings)
