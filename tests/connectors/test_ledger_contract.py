"""What every `Ledger` promises; the real Valkey and the double in memory are held to it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace

import pytest

from connectors.memory.ledger import MemoryLedger
from connectors.openai_compatible.tiers import Tier
from connectors.redis.ledger import HELD_S, RedisLedger, held_s
from connectors.redis.store import connect
from processors.money.ports import Hold, Ledger, Standing
from streams.flow.errors import Retry
from streams.local.redis import RedisServer

HOLD = Hold("acme", "r1/generate", 1_793_836_800_000, 1_893_923_200_000)


@dataclass
class Clock:
    at: float = 1_793_880_000.0

    def __call__(self) -> float:
        return self.at


Made = Callable[[], tuple[Ledger, Clock]]


@pytest.fixture(params=["redis", "memory"])
def made(request: pytest.FixtureRequest) -> Iterator[tuple[Ledger, Clock]]:
    clock = Clock()
    if request.param == "memory":
        ledger = MemoryLedger(held_s=60, now=clock)
        ledger.begin(HOLD, 0)
        yield ledger, clock
        return
    server: RedisServer = request.getfixturevalue("redis")
    with closing(connect(server.url)) as client:
        client.flushall()
        ledger = RedisLedger(client, held_s=60, now=clock)
        ledger.begin(HOLD, 0)
        yield ledger, clock


def test_what_is_reserved_is_settled_and_both_are_exact(made: tuple[Ledger, Clock]) -> None:
    ledger, _ = made
    large = 8_999_999_999_999_999  # billionths that a double still tells apart
    assert ledger.reserve(HOLD, large, limit=None, calls=None) == "taken"
    assert ledger.standing("acme", HOLD.begins) == Standing(0, large, 0, 0)
    ledger.settle(HOLD, 7)
    assert ledger.standing("acme", HOLD.begins) == Standing(7, 0, 0, 0)
    assert ledger.standing("other", HOLD.begins) == ledger.standing("acme", 0) == Standing()


def test_a_limit_ends_reserving_and_what_is_released_opens_it(made: tuple[Ledger, Clock]) -> None:
    ledger, _ = made
    one, two, three = (replace(HOLD, call=f"{n}") for n in range(3))
    assert ledger.reserve(one, 60, limit=100, calls=None) == "taken"
    assert ledger.reserve(two, 60, limit=100, calls=None) == "taken"
    assert ledger.reserve(three, 1, limit=100, calls=None) == "spent"
    ledger.settle(two, 0)
    assert ledger.reserve(three, 1, limit=100, calls=None) == "taken"
    ledger.settle(one, 100)
    ledger.settle(three, 1)
    assert ledger.reserve(two, 1, limit=100, calls=None) == "spent"
    assert ledger.reserve(two, 1, limit=None, calls=None) == "taken"


def test_a_call_that_is_made_again_reserves_once_and_is_known_for_a_repetition(
    made: tuple[Ledger, Clock],
) -> None:
    ledger, _ = made
    for _ in range(2):  # the worker was killed in between
        assert ledger.reserve(HOLD, 60, limit=61, calls=1) == "taken"
    assert ledger.standing("acme", HOLD.begins).held == 60
    ledger.settle(HOLD, 40)
    assert ledger.reserve(HOLD, 60, limit=61, calls=None) == "taken"
    ledger.settle(HOLD, 41)
    # Both were paid for; one of them is an event.
    assert ledger.standing("acme", HOLD.begins) == Standing(81, 0, 40, 0)


def test_what_a_dead_worker_reserved_lapses(made: tuple[Ledger, Clock]) -> None:
    ledger, clock = made
    assert ledger.reserve(HOLD, 60, limit=10, calls=1) == "taken"
    other = replace(HOLD, call="other")
    assert ledger.reserve(other, 5, limit=None, calls=1) == "busy"
    assert ledger.reserve(other, 5, limit=10, calls=None) == "spent"
    clock.at += 61
    assert ledger.reserve(other, 5, limit=10, calls=1) == "taken"
    assert ledger.standing("acme", HOLD.begins) == Standing(0, 5, 0, 60)


def test_thirty_two_that_spend_at_once_go_over_by_one_reservation_at_most(
    made: tuple[Ledger, Clock],
) -> None:
    ledger, _ = made
    worst, cost, limit = 1_000, 900, 100_500
    begin = threading.Barrier(32)

    def spend(worker: int) -> int:
        begin.wait()
        for number in range(40):
            hold = replace(HOLD, call=f"{worker}.{number}")
            if ledger.reserve(hold, worst, limit=limit, calls=None) != "taken":
                continue
            total = ledger.standing("acme", HOLD.begins)
            assert total.spent + total.held < limit + worst
            ledger.settle(hold, cost)
        return 0

    with ThreadPoolExecutor(32) as pool:
        assert not any(pool.map(spend, range(32)))
    found = ledger.standing("acme", HOLD.begins)
    assert limit - worst <= found.spent < limit + worst
    assert (found.held, found.spent % cost) == (0, 0)


def test_questions_pass_at_their_rate_and_who_waits_is_told_how_long(
    made: tuple[Ledger, Clock],
) -> None:
    ledger, clock = made
    places = map(str, itertools.count())
    passed = [ledger.pass_in("acme", 4, next(places)) for _ in range(8)]
    assert [each for each in passed if not each] == [0.0] * 4  # a second's worth at once
    assert passed[4:] == pytest.approx([0.25] * 4, abs=0.002)
    assert ledger.pass_in("other", 4, "0") == 0
    clock.at += 0.25
    assert [ledger.pass_in("acme", 4, next(places)) > 0 for _ in range(2)] == [False, True]
    clock.at += 100
    assert [ledger.pass_in("acme", 4, next(places)) > 0 for _ in range(5)] == [False] * 4 + [True]


def test_a_question_that_comes_again_counts_once(made: tuple[Ledger, Clock]) -> None:
    ledger, clock = made
    assert [ledger.pass_in("acme", 2, "rag.requests/0/7") for _ in range(9)] == [0.0] * 9
    assert ledger.pass_in("acme", 2, "rag.requests/0/8") == 0  # the second of a second's worth
    assert ledger.pass_in("acme", 2, "rag.requests/0/9") > 0
    assert ledger.pass_in("acme", 2, "rag.requests/0/7") == 0  # its worker died after it had passed
    assert ledger.pass_in("other", 2, "rag.requests/0/7") == 0
    clock.at += 0.5
    assert ledger.pass_in("acme", 2, "rag.requests/0/9") == 0


def test_a_period_begins_once_with_what_was_spent_of_it(made: tuple[Ledger, Clock]) -> None:
    ledger, _ = made
    lost = replace(HOLD, begins=HOLD.begins + 1)
    assert ledger.reserve(lost, 5, limit=100, calls=None) == "unbegun"
    assert not ledger.standing("acme", lost.begins).begun
    ledger.settle(replace(lost, call="under way"), 7)  # as the server was emptied
    assert ledger.reserve(lost, 5, limit=100, calls=None) == "unbegun"
    for _ in range(2):
        ledger.begin(lost, 90)
    assert ledger.standing("acme", lost.begins) == Standing(97, 0, 0, 0)
    assert ledger.standing("acme", lost.begins).begun
    assert ledger.reserve(lost, 5, limit=100, calls=None) == "taken"
    assert ledger.reserve(replace(lost, call="b"), 5, limit=100, calls=None) == "spent"


def test_a_redis_that_is_away_is_a_retry() -> None:
    with closing(connect("redis://127.0.0.1:1/0")) as client:
        ledger = RedisLedger(client)
        with pytest.raises(Retry):
            ledger.reserve(HOLD, 1, limit=None, calls=None)
        with pytest.raises(Retry):
            ledger.pass_in("acme", 1, "a/0/1")


def test_a_call_that_costs_nothing_is_one_of_those_at_once_and_leaves_again(
    made: tuple[Ledger, Clock],
) -> None:
    ledger, clock = made
    for number in range(3):  # a quota of calls alone, or a model without a price
        call = replace(HOLD, call=f"free {number}")
        assert ledger.reserve(call, 0, limit=None, calls=1) == "taken"
        assert ledger.reserve(HOLD, 0, limit=None, calls=1) == "busy"
        ledger.settle(call, 0)
    assert ledger.reserve(HOLD, 0, limit=None, calls=1) == "taken"
    clock.at += 61  # its worker died
    assert ledger.reserve(replace(HOLD, call="next"), 5, limit=9, calls=1) == "taken"
    assert ledger.standing("acme", HOLD.begins) == Standing(0, 5, 0, 0)


def test_what_is_reserved_outlives_the_longest_call_that_a_tier_may_make() -> None:
    longest = Tier(url="http://model", model="m", timeout_s=600).timeout_s
    assert held_s(longest) > longest and held_s(0) == HELD_S


def test_a_worker_whose_clock_is_fast_shuts_nobody_out_and_frees_nothing(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(connect(redis.url)) as client:
        client.flushall()
        ledger, real = RedisLedger(client), time.time
        assert ledger.reserve(HOLD, 5, limit=None, calls=1) == "taken"
        monkeypatch.setattr(time, "time", lambda: real() + 3600)
        assert ledger.pass_in("acme", 2, "a/0/1") == 0
        assert ledger.reserve(replace(HOLD, call="other"), 5, limit=None, calls=1) == "busy"
        monkeypatch.undo()
        assert ledger.pass_in("acme", 2, "a/0/2") == 0
