"""What tenants spend, in Redis: reserved before a call and settled after it, a script each.

A tenant's keys of a period have one hash tag, so that a cluster keeps them together: a hash of
sums, a hash of reservations, and when each of these lapses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import redis

from connectors.redis.store import AWAY_S, Guarded
from processors.money.ports import Hold, Standing, Verdict
from streams.flow.port import Watch, unwatched

HELD_S = 180.0  # at least, after which a reservation lapses
_SPARE_S = 60.0
DONE_S = 3_600.0  # after which nobody makes a call again
PASSED_S = 300.0  # in which a question that passed may come again, its worker having died
KEPT_MS = 3 * 86_400_000  # of a period that is over, for whoever reconciles it

# By the server's clock: one worker's, which is fast, would let others' reservations lapse, and put
# a tenant's next question into the future.
_NOW = """
local function clock(said)
  if said ~= '' then return tonumber(said) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
"""
# Numbers go to HINCRBY as they came, in text: what Lua makes of a large one is no whole number.
_LAPSE = (
    _NOW
    + """
local now = clock(ARGV[2])
local function free(amount)  -- to Redis "-0" is no number
  if amount ~= '0' then redis.call('HINCRBY', KEYS[1], 'held', '-' .. amount) end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now)) do
  local amount = redis.call('HGET', KEYS[2], id)
  if amount then
    free(amount)
    redis.call('HINCRBY', KEYS[1], 'lapsed', amount)
    redis.call('HDEL', KEYS[2], id)
  end
  redis.call('ZREM', KEYS[3], id)
end
local own = redis.call('HGET', KEYS[2], ARGV[1])
if own then
  free(own)
  redis.call('HDEL', KEYS[2], ARGV[1])
  redis.call('ZREM', KEYS[3], ARGV[1])
end
"""
)
# ARGV: call, now, amount, limit, calls at once, held for, key expires at
_RESERVE = (
    _LAPSE
    + """
if ARGV[4] ~= '' and redis.call('HEXISTS', KEYS[1], 'begun') == 0 then return 'unbegun' end
local function sum(name) return tonumber(redis.call('HGET', KEYS[1], name) or '0') end
if ARGV[5] ~= '' and redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[5]) then return 'busy' end
if ARGV[4] ~= '' and sum('spent') + sum('held') >= tonumber(ARGV[4]) then return 'spent' end
redis.call('HINCRBY', KEYS[1], 'held', ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[3], now + tonumber(ARGV[6]), ARGV[1])
for _, key in ipairs(KEYS) do redis.call('PEXPIREAT', key, ARGV[7]) end
return 'taken'
"""
)
# ARGV: spent, key expires at
_BEGIN = """
if redis.call('HSETNX', KEYS[1], 'begun', 1) == 1 and ARGV[1] ~= '0' then
  redis.call('HINCRBY', KEYS[1], 'spent', ARGV[1])
end
redis.call('PEXPIREAT', KEYS[1], ARGV[2])
"""
# KEYS[4]: of this call alone. ARGV: call, now, cost, done for, key expires at
_SETTLE = (
    _LAPSE
    + """
if ARGV[3] ~= '0' then
  local before = redis.call('GET', KEYS[4])
  if before then redis.call('HINCRBY', KEYS[1], 'repeated', before) end
  redis.call('SET', KEYS[4], ARGV[3], 'PX', ARGV[4])
  redis.call('HINCRBY', KEYS[1], 'spent', ARGV[3])
end
for at = 1, 3 do redis.call('PEXPIREAT', KEYS[at], ARGV[5]) end
"""
)
# The time at which a tenant's next question is due, and a second's worth before it (GCRA).
# KEYS[2]: of this question alone. ARGV: now, milliseconds between two, milliseconds that it may be
# early, milliseconds in which it may come again
_RATE = (
    _NOW
    + """
if redis.call('EXISTS', KEYS[2]) == 1 then return '0' end
local now = clock(ARGV[1])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local early = due - now
if early > tonumber(ARGV[3]) then return tostring(early - tonumber(ARGV[3])) end
local following = due + tonumber(ARGV[2])
redis.call('SET', KEYS[1], string.format('%.3f', following), 'PX',
           math.ceil(following - now) + 1000)
redis.call('SET', KEYS[2], 1, 'PX', ARGV[4])
return '0'
"""
)


def held_s(call_s: float) -> float:
    """How long a reservation is held: longer than the longest call, which is still to settle it."""
    return max(HELD_S, call_s + _SPARE_S)


class RedisLedger:
    """A `Ledger`. `now` is for tests: else the server's clock counts."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        held_s: float = HELD_S,
        away_s: float = AWAY_S,
        watch: Watch = unwatched,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._client: Any = client  # the stubs leave scripts half unknown
        self._reserve: Any = self._client.register_script(_RESERVE)
        self._begin: Any = self._client.register_script(_BEGIN)
        self._settle: Any = self._client.register_script(_SETTLE)
        self._pass: Any = self._client.register_script(_RATE)
        self._held_ms = int(held_s * 1000)
        self._now = now
        self._calling = Guarded(away_s, watch)

    def reserve(self, hold: Hold, nanos: int, *, limit: int | None, calls: int | None) -> Verdict:
        most, atonce = ("" if each is None else each for each in (limit, calls))
        with self._calling():
            said = self._reserve(
                keys=_keys(hold.tenant, hold.begins),
                args=[
                    hold.call,
                    self._clock(),
                    nanos,
                    most,
                    atonce,
                    self._held_ms,
                    _expiry(hold),
                ],
            )
        return cast("Verdict", said.decode())

    def begin(self, hold: Hold, spent: int) -> None:
        with self._calling():
            self._begin(keys=_keys(hold.tenant, hold.begins)[:1], args=[spent, _expiry(hold)])

    def settle(self, hold: Hold, nanos: int) -> None:
        keys = _keys(hold.tenant, hold.begins)
        with self._calling():
            self._settle(
                keys=[*keys, f"{keys[0]}:done:{hold.call}"],
                args=[hold.call, self._clock(), nanos, int(DONE_S * 1000), _expiry(hold)],
            )

    def standing(self, tenant: str, begins: int) -> Standing:
        names = ("spent", "held", "repeated", "lapsed", "begun")
        with self._calling():
            found = cast("list[bytes | None]", self._client.hmget(_keys(tenant, begins)[0], names))
        *sums, begun = (int(each or 0) for each in found)
        return Standing(*sums, begun=bool(begun))

    def pass_in(self, tenant: str, per_second: float, place: str) -> float:
        between = 1000 / per_second
        with self._calling():
            said = self._pass(
                keys=[f"qps:{{{tenant}}}", f"qps:{{{tenant}}}:{place}"],
                args=[self._clock(), between, max(1000 - between, 0), int(PASSED_S * 1000)],
            )
        return float(said) / 1000

    def _clock(self) -> int | str:
        """As scripts take it: empty for the server's."""
        return "" if self._now is None else int(self._now() * 1000)


def _keys(tenant: str, begins: int) -> list[str]:
    sums = f"bud:{{{tenant}}}:{begins}"  # a tenant has neither colon nor brace
    return [sums, f"{sums}:held", f"{sums}:due"]


def _expiry(hold: Hold) -> int:
    return hold.ends + KEPT_MS
