"""The composition root: settings to open ports, in one ExitStack. Only this imports connectors."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from pathlib import Path

from connectors.converters import sources
from connectors.converters.documents import Documents
from connectors.converters.made import Limits
from connectors.minilm.embedder import MiniLM
from connectors.openai_compatible.generator import OpenAICompatible
from connectors.qdrant_edge import socket as index_socket
from connectors.qdrant_edge.index import EdgeIndex
from connectors.redis.store import NoVectorCache, RedisRequestLog, RedisVectorCache, connect
from connectors.schema_registry.client import SchemaRegistry
from processors.documents.chunking import ChunkingPolicy, parse
from processors.documents.debezium import DebeziumSource
from processors.documents.debezium_policy import debezium_sources
from processors.documents.ingest import IngestConfig
from processors.ports import (
    Completion,
    Converter,
    Embedder,
    Embedding,
    Float32,
    Generator,
    Index,
    Passage,
    RequestLog,
    TokenCounter,
    VectorCache,
)
from processors.questions.admit import AdmitConfig
from processors.questions.generate import AnswerConfig
from processors.questions.grounded import QUOTING, GroundedConfig
from processors.questions.retrieval_policy import retrieval_config
from processors.questions.retrieve import RetrievalConfig
from processors.questions.rewrite import MOST, VariantsConfig
from processors.questions.route import RouteConfig
from processors.questions.usage import Prices
from schemas.events import DocumentFed
from streams.app import policies
from streams.app.settings import Settings
from streams.app.topology import Config, topology
from streams.flow.errors import Retry, UserError
from streams.flow.stage import Stage
from streams.release.versions import versions
from streams.runtime.codec import Codec
from streams.runtime.telemetry import MODEL_CALLS, MODEL_COST, MODEL_TEXTS, MODEL_TOKENS

_log = logging.getLogger(__name__)

CHUNKING = "chunking.yaml"
CONNECTORS = "connectors.yaml"
USES_MODEL = frozenset({"embed", "retrieve"})
RETRIEVAL = "retrieval.yaml"
# What each prompt of `prompts/` is filled with.
PLACES = {
    "answer": frozenset({"question", "passages"}),
    "rewrite": frozenset({"question", "most"}),
}
GENERATING = 8  # questions that wait for the model at once
LONGEST_SOCKET = 80  # of the 108 bytes a socket's address may have
USES_INDEX = frozenset({"index", "retrieve"})


class _Counted:
    """An embedder that counts the texts the model sees: unchanged documents must add none."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        for kind in ("passage", "query"):  # shown as 0 before the first
            MODEL_TEXTS.labels(kind)
        self.model = embedder.model
        self.dimensions = embedder.dimensions

    def embed_passages(self, passages: Sequence[Passage]) -> list[Embedding]:
        MODEL_TEXTS.labels("passage").inc(len(passages))
        return self._embedder.embed_passages(passages)

    def embed_queries(self, queries: Sequence[str]) -> Float32:
        MODEL_TEXTS.labels("query").inc(len(queries))
        return self._embedder.embed_queries(queries)


class _Metered:
    """A language model whose calls, tokens and cost are counted, and whose failures are logged."""

    def __init__(self, generator: Generator, prices: Prices) -> None:
        self._generator = generator
        self._prices = prices
        self.model = generator.model

    def complete(self, instructions: str, text: str, *, most_tokens: int) -> Completion:
        begin = time.perf_counter()
        outcome = "failed"
        try:
            made = self._generator.complete(instructions, text, most_tokens=most_tokens)
            outcome = "answered"
        except Retry as failure:  # who asked goes on without it
            _log.warning("%s", failure)
            raise
        finally:
            took = time.perf_counter() - begin
            MODEL_CALLS.labels(self.model, outcome).observe(took)
        MODEL_TOKENS.labels(self.model, "input").inc(made.input_tokens)
        MODEL_TOKENS.labels(self.model, "output").inc(made.output_tokens)
        MODEL_COST.labels(self.model).inc(self._prices.cost(made))
        return made


class Wiring:
    """Opens each port when it is first asked for, and closes all when `stack` closes."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        self._settings = settings
        self._stack = stack

    @cached_property
    def _minilm(self) -> MiniLM:
        settings = self._settings
        return MiniLM(
            model_cache(settings),
            max_tokens=settings.embedding_tokens,
            streams=settings.embedding_streams,
            engine=settings.embedding_engine,
        )

    @cached_property
    def _converter(self) -> Converter:
        return self._stack.enter_context(Documents(limits(self._settings)))

    @property
    def counter(self) -> TokenCounter:
        return self._minilm

    @cached_property
    def _embedder(self) -> Embedder:
        return _Counted(self._stack.enter_context(self._minilm))

    @cached_property
    def _cache(self) -> VectorCache:
        if not self._settings.redis_url:
            return NoVectorCache()
        client = connect(self._settings.redis_url)
        self._stack.callback(client.close)
        return RedisVectorCache(client)

    @cached_property
    def _index(self) -> Index:
        return self._stack.enter_context(open_index(self._settings))

    @cached_property
    def _requests(self) -> RequestLog:
        if not self._settings.redis_url:
            raise UserError("`admit` recognises duplicates in Redis: set MILLRACE_REDIS_URL")
        client = connect(self._settings.redis_url)
        self._stack.callback(client.close)
        return RedisRequestLog(client)

    @property
    def converter(self) -> Converter:
        return self._converter

    @property
    def embedder(self) -> Embedder:
        return self._embedder

    @property
    def cache(self) -> VectorCache:
        return self._cache

    @property
    def index(self) -> Index:
        return self._index

    @property
    def requests(self) -> RequestLog:
        return self._requests

    @cached_property
    def _generator(self) -> Generator | None:
        settings = self._settings
        if not settings.generation_url:
            return None
        model = OpenAICompatible(
            settings.generation_url,
            settings.generation_model,
            key=generation_key(settings),
            timeout_s=settings.generation_timeout_s,
        )
        self._stack.callback(model.close)
        return _Metered(model, prices(settings))

    @property
    def generator(self) -> Generator | None:
        return self._generator

    def warm(self, stages: list[Stage]) -> None:
        """Open what these stages need now, so that a ready worker is ready."""
        names = {stage.name for stage in stages}
        if names & USES_MODEL:
            self.embedder.embed_queries(["ready"])
        if names & USES_INDEX:
            _ = self.index
        if "rewrite" in names:
            _ = self.generator


def generation_key(settings: Settings) -> str:
    """The key of the endpoint that generates: as set, or what its file holds; empty: none.

    Raises:
        UserError: both are set, the file cannot be read, or what is there is no key.
    """
    file = settings.generation_key_file
    if file is None:
        if not settings.generation_key.isprintable() or not settings.generation_key.isascii():
            # Else the HTTP client would refuse it later, and show it.
            raise UserError("MILLRACE_GENERATION_KEY must be a key, in one line")
        return settings.generation_key
    if settings.generation_key:
        raise UserError("set MILLRACE_GENERATION_KEY or MILLRACE_GENERATION_KEY_FILE, not both")
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UserError(f"MILLRACE_GENERATION_KEY_FILE: {file} cannot be read: {said}") from None
    if not key or not key.isascii() or not key.isprintable():
        raise UserError(f"MILLRACE_GENERATION_KEY_FILE: {file} must hold a key, in one line")
    return key


def model_cache(settings: Settings) -> Path:
    return settings.data / "model"


def limits(settings: Settings) -> Limits:
    """What converting one document may cost."""
    return Limits(
        max_bytes=settings.max_document_bytes,
        max_text_bytes=settings.max_document_bytes,
        timeout_s=settings.convert_timeout_s,
        memory_mb=settings.convert_memory_mb,
    )


def open_index(settings: Settings) -> EdgeIndex:
    """The embedded index of these settings, not opened yet."""
    return EdgeIndex(settings.data / "index" / settings.index, settings.index)


def codec(settings: Settings, stack: ExitStack) -> Codec:
    """The codec, with the schema registry where one is configured."""
    if not settings.schema_registry_url:
        return Codec()
    registry = SchemaRegistry(settings.schema_registry_url)
    stack.callback(registry.close)
    return Codec(registry)


def config(settings: Settings) -> Config:
    """What the settings and the policy files say of the processors.

    Raises:
        UserError: a policy file is absent or wrong.
    """
    chunking = chunking_policy(settings)
    asking = grounding(settings)
    answering = QUOTING if asking is None else settings.generation_model
    return Config(
        versions=versions(
            settings.index,
            chunking=chunking.version,
            retrieval_pipeline=str(policies.read(RETRIEVAL, settings.policies).get("version", "")),
        ),
        ingest=IngestConfig(max_document_bytes=settings.max_document_bytes),
        chunking=chunking,
        admit=AdmitConfig(
            tenants=frozenset(settings.tenants),
            max_query_chars=settings.max_query_chars,
            default_deadline_ms=settings.default_deadline_ms,
            default_top_k=settings.default_top_k,
            reply_topics=frozenset(settings.reply_topics),
        ),
        retrieval=retrieval(settings),
        variants=variants(settings),
        route=RouteConfig(default_tier=settings.tier, models={settings.tier: answering}),
        answer=AnswerConfig(abstain_below=settings.abstain_below),
        grounded=asking,
        tiers=(settings.tier,),
        generation_concurrency=1 if asking is None else GENERATING,
        debezium=sources_of_changes(settings),
    )


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
        return parse(said, settings.embedding_tokens - 2)
    except ValueError as error:
        folder = settings.policies or policies.SHIPPED
        raise UserError(f"policy {folder / CHUNKING} cannot be used: {error}") from None


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
        return retrieval_config(policies.read(RETRIEVAL, settings.policies), read)
    except ValueError as error:
        raise UserError(f"policy {folder / RETRIEVAL}: {error}") from None


def variants(settings: Settings) -> VariantsConfig | None:
    """What a model is asked to make of questions; None where no model is configured.

    Raises:
        UserError: the prompt's file is absent or wrong.
    """
    if not settings.generation_url:
        return None
    instructions, _ = _prompt("rewrite", settings).fill(most=MOST, question="")
    return VariantsConfig(instructions, prices=prices(settings))


def prices(settings: Settings) -> Prices:
    """What the configured model costs."""
    return Prices(settings.generation_input_price, settings.generation_output_price)


def grounding(settings: Settings) -> GroundedConfig | None:
    """How a model is asked for answers; None where answers are quotes.

    Raises:
        UserError: the prompt is absent or wrong.
    """
    if not settings.generated_answers:
        return None
    prompt = _prompt("answer", settings)
    return GroundedConfig(
        lambda query, found: prompt.fill(question=query, passages=found), prices=prices(settings)
    )


def _prompt(name: str, settings: Settings) -> policies.Prompt:
    """One of `PLACES`. Raises UserError where it is absent, wrong or has other places."""
    found = policies.prompt(name, settings.policies)
    if found.places != PLACES[name]:
        path = (settings.policies or policies.SHIPPED) / policies.PROMPTS / f"{name}.md"
        wanted = " and ".join(f"${place}" for place in sorted(PLACES[name]))
        raise UserError(f"prompt {path} must have the places {wanted}, and no others")
    return found


def load_policies(settings: Settings) -> None:
    """Read every policy file as workers do, those too that only other settings make use of.

    Raises:
        UserError: one is absent or wrong; the message names it.
    """
    config(settings)
    for name in PLACES:
        _prompt(name, settings)


def stages(settings: Settings, wiring: Wiring) -> list[Stage]:
    """The topology on these ports."""
    return topology(wiring, config(settings))


def _socket(settings: Settings) -> Path:
    folder = settings.data.resolve() / "run"
    if len(str(folder)) <= LONGEST_SOCKET:
        return folder / "index.sock"
    # Elsewhere, in a folder that is ours alone: who could write there could pose as the index.
    mark = hashlib.blake2b(str(folder).encode(), digest_size=8).hexdigest()
    own = Path(tempfile.gettempdir()) / f"millrace-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    if own.stat().st_uid != os.getuid() or own.stat().st_mode & 0o077:
        raise UserError(
            f"{own} must belong to you alone: remove it, or use a shorter MILLRACE_DATA"
        )
    return own / f"{mark}.sock"


def serve_index(settings: Settings, ports: Wiring) -> AbstractContextManager[None]:
    """Let others on this machine read what is searchable."""
    return index_socket.serve(ports.index, _socket(settings))


def dump_index(settings: Settings, tenant: str | None = None) -> Iterator[str]:
    """JSON lines of everything searchable: from its worker, or from the folder if none runs.

    Raises:
        UserError: the folder cannot be read.
    """
    if index_socket.served(_socket(settings)):
        yield from index_socket.dump(_socket(settings), tenant)
        return
    with open_index(settings) as index:
        for chunk in index.scan(tenant):
            yield index_socket.as_line(chunk)


def documents(
    settings: Settings, paths: Sequence[str], tenant: str
) -> Iterator[DocumentFed | sources.Skipped]:
    """Documents found at these paths, and what was skipped there.

    Raises:
        UserError: a path does not exist.
    """
    with Documents(limits(settings)) as converter:
        yield from sources.documents(paths, tenant, converter)
