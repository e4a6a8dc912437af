"""A service that is away costs its time-out a few times, and then next to nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pybreaker
import pytest

from connectors import breaker as breaker_module
from connectors.breaker import Away, Breaker
from connectors.openai_compatible import calls
from connectors.openai_compatible.calls import Endpoint
from connectors.openai_compatible.generator import OpenAICompatible
from connectors.redis import store
from connectors.redis.store import RedisRequestLog, RedisVectorCache, connect
from connectors.schema_registry import client as registry_client
from connectors.schema_registry.client import SchemaRegistry
from streams.flow.errors import Retry
from streams.runtime.telemetry import REGISTRY, watch_peer
from tests.support.hanging import Hanging, hanging
from tests.support.model_server import completion, serving

LIMIT_S = 0.2  # that a call may take
KEPT: dict[str, Any] = {"away_s": 60.0, "watch": watch_peer}
Call = Callable[[], object]


@pytest.fixture
def server() -> Iterator[Hanging]:
    with hanging() as made:
        yield made


@contextmanager
def vector_cache(port: int) -> Iterator[Call]:
    with closing(connect(f"redis://127.0.0.1:{port}")) as redis:
        cache = RedisVectorCache(redis, **KEPT)
        yield lambda: cache.get("acme", ["a"])


@contextmanager
def request_log(port: int) -> Iterator[Call]:
    with closing(connect(f"redis://127.0.0.1:{port}")) as redis:
        log = RedisRequestLog(redis, **KEPT)
        yield lambda: log.claim("acme", "r1", "here")


@contextmanager
def model(port: int) -> Iterator[Call]:
    url = f"http://127.0.0.1:{port}"
    with closing(OpenAICompatible(Endpoint(url, timeout_s=LIMIT_S), "m", **KEPT)) as model:
        yield lambda: model.complete("", "", most_tokens=1)


@contextmanager
def registry(port: int) -> Iterator[Call]:
    with closing(SchemaRegistry(f"http://127.0.0.1:{port}", **KEPT)) as registry:
        yield lambda: registry.schema(1)


def shown(peer: str) -> float | None:
    return REGISTRY.get_sample_value("millrace_peer_away", {"peer": peer})


@pytest.mark.parametrize(
    ("client", "peer", "tries"),
    [
        (vector_cache, "redis", 1),
        (request_log, "redis", 1),
        (model, "generation", calls.FAILURES),
        (registry, "schema registry", 1),
    ],
)
def test_a_server_that_hangs_costs_its_time_out_only_at_first(
    client: Callable[[int], AbstractContextManager[Call]],
    peer: str,
    tries: int,
    server: Hanging,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "TIMEOUT_S", LIMIT_S)
    monkeypatch.setattr(registry_client, "TIMEOUT_S", LIMIT_S)
    with client(server.port) as call:
        its_time_out_only_at_first(call, peer, tries, server)


def its_time_out_only_at_first(call: Call, peer: str, tries: int, server: Hanging) -> None:
    assert shown(peer) == 0
    for _ in range(tries):
        begin = time.monotonic()
        with pytest.raises(Retry, match="not answer"):
            call()
        assert time.monotonic() - begin >= LIMIT_S * 0.9
    assert shown(peer) == 1
    waiting = len(server.connections)
    begin = time.process_time(), time.monotonic()
    for _ in range(1000):
        with pytest.raises(Away, match=f"{peer} did not answer a moment ago: .*[Tt]ime"):
            call()
    assert time.process_time() - begin[0] < 0.5
    assert time.monotonic() - begin[1] < 1000 * LIMIT_S / 10
    assert len(server.connections) == waiting


class _Failed(Exception):
    """The service is away."""


def breaker(failures: int = 1, away_s: float = 60.0, **more: Any) -> Breaker:
    def is_away(error: BaseException) -> bool:
        return isinstance(error, _Failed)

    return Breaker("it", is_away=is_away, failures=failures, away_s=away_s, **more)


def fail(breaker: Breaker, error: type[Exception] = _Failed) -> None:
    with pytest.raises(error), breaker.calling():
        raise error


def test_only_failures_in_a_row_count() -> None:
    guarded = breaker(failures=2)
    fail(guarded)
    with guarded.calling():
        pass
    fail(guarded)
    fail(guarded, ValueError)  # it answered, if not what was wanted
    fail(guarded)
    assert not guarded.away
    fail(guarded)
    assert guarded.away
    with pytest.raises(Away), guarded.calling():
        raise AssertionError


def test_calls_of_several_threads_go_on_side_by_side() -> None:
    guarded, together = breaker(), threading.Barrier(8, timeout=20)

    def call() -> None:
        with guarded.calling():
            together.wait()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not together.broken


def test_one_call_at_a_time_finds_out_whether_it_is_back() -> None:
    told: list[tuple[str, bool]] = []
    guarded = breaker(away_s=0.01, watch=lambda *said: told.append(said))
    fail(guarded)
    time.sleep(0.02)
    with guarded.calling():
        for _ in range(3):
            with pytest.raises(Away), guarded.calling():
                raise AssertionError
    with guarded.calling(), guarded.calling():
        pass
    assert told == [("it", False), ("it", True), ("it", False)]


def test_a_trial_that_fails_is_a_while_without_calls() -> None:
    guarded = breaker(failures=5, away_s=0.01)
    for _ in range(5):
        fail(guarded)
    time.sleep(0.02)
    fail(guarded)
    assert guarded.away


def test_a_clock_that_is_set_back_does_not_keep_it_away(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(UTC) - timedelta(hours=1)

    guarded = breaker(away_s=0.01)
    fail(guarded)
    time.sleep(0.02)
    for module in (pybreaker, breaker_module):
        monkeypatch.setattr(module, "datetime", Clock)
    with guarded.calling():
        pass
    assert not guarded.away


def test_a_model_that_refuses_one_question_answers_the_next() -> None:
    with (
        serving() as server,
        closing(OpenAICompatible(Endpoint(server.url, retries=0), "m")) as model,
    ):
        server.status, server.body = 400, b"{}"
        for _ in range(calls.FAILURES + 1):
            with pytest.raises(Retry, match="says 400"):
                model.complete("", "", most_tokens=1)
        server.status, server.body = 200, completion("yes")
        assert model.complete("", "", most_tokens=1).text == "yes"
        server.status = 503
        for _ in range(calls.FAILURES):
            with pytest.raises(Retry, match="says 503"):
                model.complete("", "", most_tokens=1)
        with pytest.raises(Away):
            model.complete("", "", most_tokens=1)
