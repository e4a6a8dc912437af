"""What stands beside the pipeline is stopped while questions are asked, and started again.

OpenSearch and Redis are the real servers. Qdrant's is in no registry: its client is the real one,
over the wire. The reranker is an endpoint that a test tells what to say.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.local.opensearch import OpenSearchServer
from processors.questions.followups.understanding import AWAY, UNNOTED
from schemas.events import QuestionAnswered, QuestionAsked
from streams.app.settings import Settings
from streams.local.redis import RedisServer
from streams.local.state import status
from tests.real.pipeline import TENANT, Running, running
from tests.support.model_server import ModelServer, serving
from tests.support.qdrant_server import QdrantServer
from tests.system.harness import until

DEADLINE_MS = 10_000
QUESTION = "What is the foreign ATM fee of the Meridian card?"
FEE = "The foreign ATM fee of the Meridian card is 2.5 percent."
LOANS = "A loan is repaid in 60 instalments."
FALLBACKS = {
    "opensearch": {"retrieve: lexical unavailable"},
    "qdrant": {"retrieve: dense unavailable"},
    "redis": {"admit: duplicates unchecked", AWAY, UNNOTED},
    "reranker": {"rerank: the reranker does not answer, passages are in fused order"},
}


@dataclass
class Endpoint:
    """A reranker that finds best what says most."""

    port: int = 0
    server: ModelServer | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        self.server = self._stack.enter_context(serving(self.port))
        self.server.answers = _scored
        self.port = self.server.server_port

    def stop(self) -> None:
        self._stack.close()


def _scored(asked: dict[str, Any]) -> object:
    texts: list[str] = asked["documents"]
    scores = [{"index": n, "relevance_score": float(len(text))} for n, text in enumerate(texts)]
    return {"results": scores}


@dataclass(frozen=True)
class World:
    """The stack, and how each part beside it is stopped and started."""

    run: Running
    stops: dict[str, Callable[[], None]]
    starts: dict[str, Callable[[], None]]

    def workers(self) -> dict[str, int]:
        found = status(self.run.stack.settings)["processes"]
        return {each["name"]: each["pid"] for each in found}


@pytest.fixture(scope="module")
def world(
    opensearch: OpenSearchServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    data = tmp_path_factory.mktemp("stopped")
    endpoint = Endpoint()
    with (
        QdrantServer() as qdrant,
        RedisServer(Settings(data=data / "kept"), kept=True) as redis,
        ExitStack() as stack,
    ):
        endpoint.start()
        stack.callback(endpoint.stop)
        sections: dict[str, dict[str, Any]] = {
            "index": {"name": "stopped", "dense": "qdrant", "lexical": "opensearch"},
            "qdrant": {"url": qdrant.url, "prefer_grpc": False},
            "opensearch": {"url": opensearch.url, "replicas": 0},
            "redis": {"kept_url": redis.url},
            "reranker": {"url": f"http://127.0.0.1:{endpoint.port}/v1", "model": "longest"},
        }
        run = stack.enter_context(running(data / "stack", **sections))
        run.feed("cards", 1, FEE)
        run.feed("loans", 1, LOANS)
        until(lambda: _ask(run).status == "answered", "the documents to be searchable")
        yield World(
            run,
            {
                "opensearch": opensearch.kill,
                "qdrant": qdrant.stop,
                "redis": redis.stop,
                "reranker": endpoint.stop,
            },
            {
                "opensearch": opensearch.start,
                "qdrant": qdrant.start,
                "redis": redis.start,
                "reranker": endpoint.start,
            },
        )


def _ask(run: Running, number: int = 0) -> QuestionAnswered:
    """A question of a session, which Redis keeps."""
    question = QuestionAsked(
        tenant=TENANT, query=QUESTION, session_id=f"s-{number}", deadline_ms=DEADLINE_MS
    )
    return run.asker.ask(question, 60)


@dataclass
class Asked:
    """The answers so far, and the seconds that each took."""

    answers: list[QuestionAnswered] = field(default_factory=list[QuestionAnswered])
    seconds: list[float] = field(default_factory=list[float])
    failures: list[Exception] = field(default_factory=list[Exception])

    def last(self, count: int, *, degraded: bool) -> bool:
        """Whether so many came since, all of them with or all without a fallback."""
        assert not self.failures
        found = self.answers[-count:]
        return len(found) == count and all(bool(each.degraded) == degraded for each in found)


@contextmanager
def asking(run: Running) -> Generator[Asked]:
    """One question after the other all the while."""
    asked, ended = Asked(), threading.Event()

    def ask() -> None:
        try:
            while not ended.is_set():
                begun = time.monotonic()
                answer = _ask(run, len(asked.answers))
                asked.seconds.append(time.monotonic() - begun)
                asked.answers.append(answer)
        except Exception as error:
            asked.failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield asked
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("part", FALLBACKS)
def test_a_part_that_stops_leaves_every_question_its_answer_in_time_and_says_so(
    world: World, part: str
) -> None:
    before = world.workers()
    with asking(world.run) as asked:
        until(lambda: asked.last(3, degraded=False), "questions to be answered with all there is")
        world.stops[part]()
        until(lambda: asked.last(5, degraded=True), f"answers without {part}")
        world.starts[part]()
        until(lambda: asked.last(3, degraded=False), f"{part} to be asked again", 120)
    _all_answered(asked, FALLBACKS[part])
    assert world.workers() == before, "nothing was restarted"


def _all_answered(asked: Asked, fallbacks: Collection[str]) -> None:
    assert not asked.failures
    for answer, seconds in zip(asked.answers, asked.seconds, strict=True):
        assert answer.status == "answered" and "2.5" in answer.answer, answer
        assert {*answer.degraded} <= {*fallbacks}, answer.degraded
        assert seconds < DEADLINE_MS / 1000
