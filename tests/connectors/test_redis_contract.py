"""What every `VectorCache` and `RequestLog` promises: a real Redis and the doubles in memory are
held to the same words."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from connectors.memory.answers import MemoryAnswers
from connectors.redis.answers import RedisAnswers
from connectors.redis.store import (
    MemoryRequestLog,
    MemoryVectorCache,
    NoVectorCache,
    RedisRequestLog,
    RedisVectorCache,
    connect,
)
from processors.caching.ports import AnswerCache
from processors.ports import RequestLog, VectorCache
from streams.app.settings import Settings
from streams.flow.errors import Retry
from streams.local.redis import RedisServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    data = tmp_path_factory.mktemp("redis")
    with RedisServer(Settings(data=data, redis={"cache_mb": 16})) as server:
        yield server


@pytest.fixture
def client(server: RedisServer) -> Iterator[redis.Redis]:
    with closing(connect(server.url)) as client:
        client.flushall()
        yield client


@pytest.fixture(params=["redis", "memory"])
def cache(request: pytest.FixtureRequest) -> VectorCache:
    if request.param == "memory":
        return MemoryVectorCache()
    return RedisVectorCache(request.getfixturevalue("client"))


@pytest.fixture(params=["redis", "memory"])
def requests(request: pytest.FixtureRequest) -> RequestLog:
    if request.param == "memory":
        return MemoryRequestLog()
    return RedisRequestLog(request.getfixturevalue("client"))


@pytest.fixture(params=["redis", "memory"])
def answers(request: pytest.FixtureRequest) -> AnswerCache:
    if request.param == "memory":
        return MemoryAnswers()
    return RedisAnswers(request.getfixturevalue("client"))


def test_an_answer_is_there_until_one_of_its_documents_changes(answers: AnswerCache) -> None:
    answers.put("acme", ["a", "b"], b"one", ["x", "y"], 60)
    answers.put("acme", ["c"], b"two", ["z"], 60)
    assert answers.get("acme", ["b", "none", "c", "a"]) == [b"one", None, b"two", b"one"]
    assert answers.get("other", ["a"]) == [None]
    answers.drop([("other", "y"), ("acme", "none")])
    assert answers.get("acme", ["a"]) == [b"one"]
    answers.drop([("acme", "y"), ("acme", "y")])
    assert answers.get("acme", ["a", "b", "c"]) == [None, None, b"two"]
    answers.put("acme", ["a"], b"anew", ["x"], 60)
    answers.drop([("acme", "x")])
    assert answers.get("acme", ["a"]) == [None]
    assert answers.get("acme", []) == []


def test_an_answer_ends_with_its_time(answers: AnswerCache) -> None:
    answers.put("acme", ["a"], b"one", ["x"], 0.05)
    until = time.monotonic() + 10
    while answers.get("acme", ["a"]) != [None]:
        assert time.monotonic() < until


def test_the_oldest_answers_of_a_tenant_go_first_and_nothing_else(client: redis.Redis) -> None:
    answers = RedisAnswers(client, most=3)
    RedisRequestLog(client).claim("acme", "r", "t:0:0")
    answers.put("other", ["o"], b"-", ["x"], 60)
    for number in range(6):
        answers.put("acme", [f"k{number}"], b"-", [f"d{number}"], 60)
    assert answers.get("acme", [f"k{n}" for n in range(6)]) == [None] * 3 + [b"-"] * 3
    assert answers.get("other", ["o"]) == [b"-"]
    assert RedisRequestLog(client).claim("acme", "r", "t:0:1") == "t:0:0"


def test_an_answer_of_less_time_leaves_that_of_another_and_what_ended_is_kept_nowhere(
    client: redis.Redis,
) -> None:
    answers = RedisAnswers(client)
    answers.put("acme", ["long"], b"-", ["x"], 60)
    answers.put("acme", ["short"], b"-", ["x"], 0.05)
    until = time.monotonic() + 10
    while answers.get("acme", ["short"]) != [None]:
        assert time.monotonic() < until
    answers.put("acme", ["next"], b"-", ["x"], 60)
    lists = [name for name in client.keys("ans:acme:*") if client.type(name) != b"string"]
    assert len(lists) == 2
    assert all(client.zcard(name) == 2 for name in lists)
    answers.drop([("acme", "x")])
    assert answers.get("acme", ["long", "next"]) == [None, None]


def test_what_was_put_comes_back_in_the_order_asked_for(cache: VectorCache) -> None:
    cache.put("acme", {"a": b"\x00\xff", "b": b""})
    assert cache.get("acme", ["b", "none", "a", "b"]) == [b"", None, b"\x00\xff", b""]


def test_nothing_is_found_in_an_empty_cache_and_nothing_asked_is_nothing(
    cache: VectorCache,
) -> None:
    assert cache.get("acme", ["a"]) == [None]
    assert cache.get("acme", []) == []
    cache.put("acme", {})
    assert cache.get("acme", ["a"]) == [None]


def test_a_later_vector_replaces_the_former(cache: VectorCache) -> None:
    cache.put("acme", {"a": b"1", "b": b"2"})
    cache.put("acme", {"a": b"3"})
    assert cache.get("acme", ["a", "b"]) == [b"3", b"2"]


def test_a_tenant_sees_no_vector_of_another(cache: VectorCache) -> None:
    cache.put("acme", {"a": b"1"})
    cache.put("acme.eu", {"a": b"2"})
    assert cache.get("other", ["a"]) == [None]
    assert cache.get("acme", ["a", ".eu:a"]) == [b"1", None]


def test_a_cache_that_remembers_nothing_keeps_to_the_form() -> None:
    cache = NoVectorCache()
    cache.put("acme", {"a": b"1"})
    assert cache.get("acme", ["a", "b"]) == [None, None]


def test_the_first_record_holds_a_request_id(requests: RequestLog) -> None:
    assert requests.claim("acme", "r1", "rag.requests/0/7") == "rag.requests/0/7"
    assert requests.claim("acme", "r1", "rag.requests/0/9") == "rag.requests/0/7"
    assert requests.claim("acme", "r2", "rag.requests/0/9") == "rag.requests/0/9"


def test_a_record_that_comes_again_still_holds_its_id(requests: RequestLog) -> None:
    for _ in range(2):
        assert requests.claim("acme", "r1", "rag.requests/0/7") == "rag.requests/0/7"


def test_tenants_may_use_the_same_request_id(requests: RequestLog) -> None:
    assert requests.claim("acme", "r1", "a") == "a"
    assert requests.claim("other", "r1", "b") == "b"
    assert requests.claim("acme", "ünï:r 1", "c") == "c"
    assert requests.claim("acme", "ünï:r 1", "d") == "c"


def test_of_many_at_once_one_is_first(requests: RequestLog) -> None:
    gate = threading.Barrier(8)
    said: list[str] = []

    def claim(number: int) -> None:
        gate.wait()
        said.append(requests.claim("acme", "r1", f"{number}"))

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 8
    assert len(set(said)) == 1


# What only a server can do


def test_a_request_id_is_forgotten_after_a_day(client: redis.Redis) -> None:
    RedisRequestLog(client).claim("acme", "r1", "a")
    (key,) = client.keys("*")
    assert 86_000 < client.ttl(key) <= 86_400


def test_while_redis_is_away_it_is_retry_at_once_and_then_it_is_back(
    tmp_path: Path,
) -> None:
    server = RedisServer(Settings(data=tmp_path, redis={"cache_mb": 16}))
    with server, closing(connect(server.url)) as client:
        cache = RedisVectorCache(client, away_s=2.0)
        requests = RedisRequestLog(client, away_s=2.0)
        cache.put("acme", {"a": b"1"})
        requests.claim("acme", "r1", "first")
        server.stop()
        calls: list[Any] = [
            lambda: cache.get("acme", ["a"]),
            lambda: cache.put("acme", {"a": b"2"}),
            lambda: requests.claim("acme", "r1", "second"),
        ]
        for call in calls:
            with pytest.raises(Retry, match=r"(Redis does|redis did) not answer"):
                call()
        started = time.monotonic()
        for call in calls * 50:
            with pytest.raises(Retry, match="a moment ago"):
                call()
        assert time.monotonic() - started < 2.0
        server.start()
        server.wait_ready()
        assert _once_back(lambda: cache.get("acme", ["a"])) == [b"1"]
        assert _once_back(lambda: requests.claim("acme", "r1", "second")) == "first"


def _once_back(call: Callable[[], Any]) -> Any:
    until = time.monotonic() + 60
    while True:
        try:
            return call()
        except Retry:
            assert time.monotonic() < until
            time.sleep(0.05)
