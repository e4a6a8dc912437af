"""What every `Sessions` promises: the real Redis and the double in memory alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from connectors.memory.sessions import MemorySessions
from connectors.redis.port import RedisSettings, sessions
from connectors.redis.sessions import MOST_TURNS, RedisSessions
from connectors.redis.store import RedisRequestLog, RedisVectorCache, connect
from processors.ports import Sessions, Turn
from streams.app.settings import Settings
from streams.flow.errors import Retry
from streams.flow.port import Opening
from streams.local.redis import RedisServer

Make = Callable[..., Sessions]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    data = tmp_path_factory.mktemp("kept")
    with RedisServer(Settings(data=data, redis={"kept_mb": 8}), kept=True) as server:
        yield server


@pytest.fixture
def client(server: RedisServer) -> Iterator[redis.Redis]:
    with closing(connect(server.url)) as client:
        client.flushall()
        yield client


@pytest.fixture(params=["redis", "memory"])
def make(request: pytest.FixtureRequest) -> Make:
    if request.param == "memory":
        return MemorySessions
    client = request.getfixturevalue("client")
    return lambda **how: RedisSessions(client, **how)


def turn(number: int, **known: object) -> Turn:
    now = int(time.time() * 1000)
    made = Turn(f"r{number}", "", number, 0, now, f"question {number}?")
    return replace(made, **known)  # type: ignore[arg-type]


def test_turns_come_back_whole_in_the_order_they_were_asked(make: Make) -> None:
    sessions = make()
    second = turn(20, status="answered", said='ünï\n"', items=("a", "b"), titles=("T",), user="u")
    sessions.note("acme", "s:1", second)
    sessions.note("acme", "s:1", turn(9))
    assert sessions.turns("acme", "s:1") == [
        turn(9, at=sessions.turns("acme", "s:1")[0].at),
        second,
    ]


def test_turns_of_one_millisecond_are_in_the_order_of_the_log(make: Make) -> None:
    sessions = make()
    for number in (11, 9, 10):  # as names r10 comes before r9
        sessions.note("acme", "s", turn(number, asked_at=5, asked_offset=number))
    assert [each.request_id for each in sessions.turns("acme", "s")] == ["r9", "r10", "r11"]


def test_nobody_sees_the_turns_of_another_session_or_tenant(make: Make) -> None:
    sessions = make()
    sessions.note("acme", "s", turn(1))
    for tenant, session in (("acme", "t"), ("other", "s"), ("acme", "s:"), ("acme.eu", "s")):
        assert sessions.turns(tenant, session) == []


def test_a_turn_noted_again_is_one_and_one_under_way_replaces_none(make: Make) -> None:
    sessions = make()
    closed = turn(1, status="answered", said="it is so")
    for each in (turn(1), closed, closed, turn(1)):  # as redelivery may bring them
        sessions.note("acme", "s", each)
    assert sessions.turns("acme", "s") == [closed]


def test_a_long_session_forgets_its_first_turns(make: Make) -> None:
    sessions = make()
    for number in range(MOST_TURNS + 3):
        sessions.note("acme", "s", turn(number))
    found = [each.request_id for each in sessions.turns("acme", "s")]
    assert found == [f"r{number}" for number in range(3, MOST_TURNS + 3)]


def test_a_session_is_forgotten_a_while_after_its_last_turn_and_not_before(make: Make) -> None:
    sessions = make(ttl_s=0.4)
    for number in range(4):  # slides: longer than any one is kept
        sessions.note("acme", "s", turn(number))
        time.sleep(0.15)
    assert len(sessions.turns("acme", "s")) == 4
    until = time.monotonic() + 5
    while sessions.turns("acme", "s"):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_what_is_written_late_is_kept_no_longer_for_that(make: Make) -> None:
    sessions = make(ttl_s=60)
    long_ago = int((time.time() - 61) * 1000)
    sessions.note("acme", "s", turn(1, at=long_ago))
    assert sessions.turns("acme", "s") == []


# What only a server can do


def test_a_session_lasts_two_hours_and_a_clock_ahead_adds_nothing(client: redis.Redis) -> None:
    ahead = int((time.time() + 9999) * 1000)
    RedisSessions(client).note("acme", "s", turn(1, at=ahead))
    assert 7_190 < client.ttl("ses:acme:s") <= 7_200  # type: ignore[operator]


def test_what_another_release_wrote_is_left_out(client: redis.Redis) -> None:
    sessions = RedisSessions(client)
    sessions.note("acme", "s", turn(1))
    for junk in (
        "",
        "[]",
        "{}",
        '{"items": 1, "titles": 2}',
        '{"new": 1, "items": [], "titles": []}',
    ):
        client.hset("ses:acme:s", junk or "-", junk)
    assert [each.request_id for each in sessions.turns("acme", "s")] == ["r1"]


def test_a_full_server_evicts_no_session_and_no_request_id(client: redis.Redis) -> None:
    sessions, requests = RedisSessions(client), RedisRequestLog(client)
    sessions.note("acme", "s", turn(1))
    assert requests.claim("acme", "q", "first") == "first"
    with pytest.raises(Retry, match="memory"):  # a cache belongs elsewhere
        for number in range(100):
            RedisVectorCache(client).put("acme", {f"{number}": bytes(1024 * 1024)})
    assert len(sessions.turns("acme", "s")) == 1
    assert client.get("req:acme:q") == b"first"


def test_a_server_that_evicts_is_named_where_something_is_to_be_kept(
    server: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with RedisServer(Settings(data=tmp_path)) as cache, ExitStack() as stack:
        for url in (server.url, cache.url):
            sessions(RedisSettings(kept_url=url), Opening(tmp_path, stack))
    (said,) = caplog.messages
    assert "allkeys-lru" in said and "MILLRACE_REDIS__KEPT_URL" in said


def test_while_redis_is_away_it_is_retry_and_then_the_turns_are_back(tmp_path: Path) -> None:
    server = RedisServer(Settings(data=tmp_path), kept=True)
    with server, closing(connect(server.url)) as client:
        sessions = RedisSessions(client, away_s=0.1)
        sessions.note("acme", "s", turn(1))
        server.stop()
        with pytest.raises(Retry):
            sessions.turns("acme", "s")
        with pytest.raises(Retry):
            sessions.note("acme", "s", turn(2))
        server.start()
        server.wait_ready()
        until = time.monotonic() + 30
        while True:
            try:
                assert [t.request_id for t in sessions.turns("acme", "s")] == ["r1"]
                return
            except Retry:
                assert time.monotonic() < until
                time.sleep(0.05)


def test_what_a_session_had_leaves_its_servers_file(tmp_path: Path) -> None:
    def has(file: Path) -> bool:
        try:
            return b"zqsaidqz" in file.read_bytes()
        except FileNotFoundError:  # of a rewrite: it has its last name by now
            return held()

    def held() -> bool:
        return any(map(has, tmp_path.rglob("*.aof")))

    server = RedisServer(Settings(data=tmp_path), kept=True)
    with server, closing(connect(server.url)) as client:
        RedisSessions(client).note("acme", "s", turn(1, said="what zqsaidqz was"))
        assert client.delete(*client.keys("*"))
        until = time.monotonic() + 30
        while not held():
            assert time.monotonic() < until
        server.tend()
        while held():
            assert time.monotonic() < until
            time.sleep(0.05)
