"""Small stand-ins for a model, so that whole-topology tests run in milliseconds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from connectors.converters.documents import Documents
from connectors.memory.answers import MemoryAnswers
from connectors.memory.index import MemoryIndex
from connectors.memory.sessions import MemorySessions
from connectors.redis.store import MemoryRequestLog, MemoryVectorCache
from connectors.rego.compiled import Compiled
from connectors.rego.source import read
from processors.documents.chunking import ChunkingPolicy
from processors.documents.ingest import IngestConfig
from processors.guard.ports import Policy
from processors.models import Generator
from processors.money.ports import Free, NoSuspensions, Purse, Suspensions
from processors.money.tenancy import Tenancy
from processors.ports import Embedding, Float32, Passage, Pressure
from processors.questions.admit import AdmitConfig
from processors.questions.answering import Answering
from processors.questions.generate import AnswerConfig
from processors.questions.retrieve import RetrievalConfig
from processors.questions.route import RouteConfig
from schemas.events import Versions
from streams.app.pressure import Calm
from streams.app.topology import Config
from streams.flow.port import Opened

ROOT = Path(__file__).parents[2]
DIMENSIONS = 64
POLICY = Compiled(read(ROOT / "policies"))  # the shipped one
VERSIONS = Versions(
    prompt="p", pipeline="r", embedding_model="bag", index="main", chunking="c", policy="n"
)
CONFIG = Config(
    versions=VERSIONS,
    ingest=IngestConfig(),
    chunking=ChunkingPolicy(),
    admit=AdmitConfig(),
    retrieval=RetrievalConfig(),
    variants=None,
    route=RouteConfig(),
    tiers={"extractive": Answering(AnswerConfig(passages=0))},  # nothing is read
)


def _vector(text: str) -> Float32:
    """A hashed bag of words: texts that share words are near, which is all a test needs."""
    vector = np.zeros(DIMENSIONS, np.float32)
    for word in text.lower().split() or ["-"]:
        digest = hashlib.blake2b(word.strip(".,?!:;|").encode(), digest_size=8).digest()
        vector[int.from_bytes(digest[:4], "big") % DIMENSIONS] += 1
    return vector / np.float32(np.linalg.norm(vector))


@dataclass
class BagOfWords:
    """An `Embedder` and `TokenCounter` without a model; counts what it is asked to embed."""

    model: str = "bag"
    dimensions: int = DIMENSIONS
    passages: int = 0
    fail: list[Exception] = field(default_factory=list[Exception])

    def embed_passages(self, passages: Sequence[Passage]) -> list[Embedding]:
        if self.fail:
            raise self.fail.pop()
        self.passages += len(passages)
        return [self._one(passage) for passage in passages]

    def embed_queries(self, queries: Sequence[str]) -> Float32:
        return np.stack([_vector(query) for query in queries])

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def _one(self, passage: Passage) -> Embedding:
        spans = zip(passage.sentences[::2], passage.sentences[1::2], strict=True)
        rows = [_vector(passage.text[start:end]) for start, end in spans]
        sentences = np.stack(rows) if rows else np.zeros((0, DIMENSIONS), np.float32)
        vector = _vector(f"{passage.context} {passage.text}")
        return Embedding(vector.astype(np.float16), sentences.astype(np.float16))


@dataclass
class FakePorts:
    """All ports in memory."""

    embedder: BagOfWords = field(default_factory=BagOfWords)
    cache: MemoryVectorCache = field(default_factory=MemoryVectorCache)
    index: MemoryIndex = field(default_factory=lambda: MemoryIndex("main", DIMENSIONS))
    requests: MemoryRequestLog = field(default_factory=MemoryRequestLog)
    sessions: MemorySessions = field(default_factory=MemorySessions)
    converter: Documents = field(default_factory=Documents)
    generator: Generator | None = None
    policy: Policy = POLICY
    answers: MemoryAnswers = field(default_factory=MemoryAnswers)
    purse: Purse = field(default_factory=Free)
    tenancy: Callable[[], Tenancy] = Tenancy
    suspensions: Suspensions = field(default_factory=NoSuspensions)
    pressure: Pressure = field(default_factory=Calm)

    @property
    def opened(self) -> Opened:
        """As a process has them."""
        index = dict.fromkeys(("chunks", "dense", "lexical"), self.index)
        return Opened({**vars(self), **index, "counter": self.embedder})
