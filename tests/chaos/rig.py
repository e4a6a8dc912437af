"""The running stack with models, a registry and Redis behind lines of their own."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psutil

from connectors.minilm.embedder import MiniLM
from evaluation import sample
from evaluation.bench.report import Say
from evaluation.bench.running import data_folder, whole_stack
from schemas.events import DocumentFed
from streams.app import opening
from streams.app.ports import RegistrySettings
from streams.app.settings import Settings, load
from streams.cli.console import open_codec
from streams.edge.client import reader
from streams.edge.documents import Feeder
from streams.flow.caching import kept as cache_of
from streams.local import state
from streams.local.redis import RedisServer
from tests.chaos.line import Line
from tests.support import model_server
from tests.support.model_server import ModelServer
from tests.support.registry_server import RegistryServer
from tests.system.faults import Disk

MODEL_S = 3.0  # that a call of the model may take
RERANK_S = 1.0
ENCODE_S = 2.0
PASSAGE = re.compile(r"^\[(\d+)\] ", re.MULTILINE)
WORD = re.compile(r"[\w-]{3,}")
SENTENCE = re.compile(r"[^\n|]+?(?:[.!?](?=\s|$)|$)", re.MULTILINE)


@dataclass
class Rig:
    """What a fault can get hold of."""

    settings: Settings
    model: ModelServer
    to_model: Line
    to_reranker: Line
    to_encoder: Line
    to_redis: tuple[Line, Line]  # the cache, and what is kept
    to_registry: Line

    def process(self, name: str) -> psutil.Process:
        """One of the stack's, by the beginning of its name."""
        found = state.status(self.settings)["processes"]
        (pid,) = [
            each["pid"] for each in found if each["name"].removeprefix("up-").startswith(name)
        ][:1]
        return psutil.Process(pid)


@contextmanager
def rig(say: Say) -> Generator[Rig]:
    """It, with the sample corpus searchable."""
    with ExitStack() as stack:
        folder = stack.enter_context(data_folder())
        model = stack.enter_context(model_server.serving())
        model.says = said
        ranker = stack.enter_context(model_server.serving())
        ranker.answers = ranked
        encoder = stack.enter_context(model_server.serving())
        encoder.answers = Embedded(
            stack.enter_context(MiniLM(cache_of("models", folder / "models"), streams=1))
        )
        registry = stack.enter_context(RegistryServer())

        def line(port: int) -> Line:
            return stack.enter_context(Line(port))

        to_model, to_reranker = line(model.server_port), line(ranker.server_port)
        to_encoder = line(encoder.server_port)
        to_registry = line(urlsplit(registry.url).port or 0)
        own = load({"data": folder / "own-redis", "redis": {"url": ""}})
        servers = [stack.enter_context(RedisServer(own, kept=kept)) for kept in (False, True)]
        urls = [urlsplit(each.url) for each in servers]
        lines = line(urls[0].port or 0), line(urls[1].port or 0)
        cache, kept = (
            each._replace(netloc=f"{each.netloc.rpartition(':')[0]}:{to.port}").geturl()
            for each, to in zip(urls, lines, strict=True)
        )
        tier = {
            "url": f"http://127.0.0.1:{to_model.port}/v1",
            "model": "told",
            "timeout_s": MODEL_S,
        }
        settings = stack.enter_context(
            whole_stack(
                folder / "stack",
                say,
                tiers={"local": tier},
                tier="local",
                reranker={
                    "url": f"http://127.0.0.1:{to_reranker.port}",
                    "model": "told",
                    "timeout_s": RERANK_S,
                },
                encoder={
                    "url": f"http://127.0.0.1:{to_encoder.port}/v1",
                    "model": MiniLM.model,
                    "timeout_s": ENCODE_S,
                    "retries": 0,
                    "sentences": True,
                },
                redis={"url": cache, "kept_url": kept},
                registry={"url": f"http://127.0.0.1:{to_registry.port}"},
                answers={"cached": "never"},  # else the second drill would hear the first's answers
                disk_floor_mb=Disk.floor_mb(folder),
            )
        )
        # Who asks is not what is tried: it has the registry without a line between.
        settings = settings.having(RegistrySettings, url=registry.url)
        _feed(settings, say)
        yield Rig(settings, model, to_model, to_reranker, to_encoder, lines, to_registry)


def _feed(settings: Settings, say: Say) -> None:
    with open_codec(settings) as codec, reader(settings) as acks:
        found = (
            each
            for tenant in sample.TENANTS
            for each in opening.documents(settings, [str(sample.documents(tenant))], tenant)
            if isinstance(each, DocumentFed)
        )
        report = Feeder(settings, codec, acks).feed(found)
    assert not report.rejected, report.rejected
    say(f"{report.searchable} documents are searchable")


def said(asked: dict[str, Any]) -> str:
    """What a modest model answers: the sentence of the passages that is most like the question."""
    prompt = asked["messages"][-1]["content"]
    question, _, passages = prompt.partition("\nPassages:")
    wanted = {word.lower() for word in WORD.findall(question)}
    pieces = PASSAGE.split(passages)[1:]
    found: list[tuple[float, str]] = []
    for number, text in zip(pieces[::2], pieces[1::2], strict=True):
        for sentence in SENTENCE.findall(text.partition("\n")[2]):
            words = {word.lower() for word in WORD.findall(sentence)}
            like = len(words & wanted) / (4 + len(words)) - 0.01 * int(number)
            found.append((like, f"{sentence.strip()} [{number}]"))
    best = max(found, default=(0.0, ""))
    return best[1] if best[0] > 0.1 else "NO_ANSWER"


@dataclass(frozen=True, slots=True)
class Embedded:
    """The built-in encoder as a server of `/embeddings`."""

    model: MiniLM

    def __call__(self, asked: dict[str, Any]) -> dict[str, Any]:
        vectors = self.model.embed_queries(asked["input"]).tolist()
        data = [
            {"object": "embedding", "index": n, "embedding": each} for n, each in enumerate(vectors)
        ]
        usage = {"prompt_tokens": len(data), "total_tokens": len(data)}
        return {"object": "list", "model": asked["model"], "data": data, "usage": usage}


def ranked(asked: dict[str, Any]) -> dict[str, Any]:
    """What a modest re-ranker says: the share of the question's words that a passage has."""
    wanted = {word.lower() for word in WORD.findall(asked["query"])}
    scores = [
        len(wanted & {word.lower() for word in WORD.findall(text)}) / (1 + len(wanted))
        for text in asked["documents"]
    ]
    return {"results": [{"index": n, "relevance_score": s} for n, s in enumerate(scores)]}
