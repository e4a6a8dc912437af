"""Sessions in Redis: a hash each, a field a turn, forgotten two hours after the last."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

import redis

from connectors.redis.store import AWAY_S, Guarded
from processors.ports import Turn
from streams.flow.port import Watch, unwatched

TTL_S = 2 * 3600
MOST_TURNS = 10
# In one step, so that of two workers that note turns of one session neither undoes the other's.
# A field's name begins with the time and offset of its question: names in order are turns in order.
_NOTE = """
if ARGV[3] == '1' then redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
local names = redis.call('HKEYS', KEYS[1])
if #names > tonumber(ARGV[4]) then
  table.sort(names)
  for at = 1, #names - tonumber(ARGV[4]) do redis.call('HDEL', KEYS[1], names[at]) end
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[1], ARGV[5]) end
"""


class RedisSessions:
    """A `Sessions`. Raises Retry while Redis is away, or full."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        ttl_s: float = TTL_S,
        away_s: float = AWAY_S,
        watch: Watch = unwatched,
    ) -> None:
        self._client: Any = client  # the stubs leave scripts half unknown
        self._note: Any = self._client.register_script(_NOTE)
        self._ttl_s = ttl_s
        self._calling = Guarded(away_s, watch)

    def turns(self, tenant: str, session: str) -> list[Turn]:
        with self._calling():
            found = self._client.hgetall(key_of(tenant, session))
        fields = cast("Mapping[bytes, bytes]", found)
        return [turn for _, value in sorted(fields.items()) if (turn := _read(value))]

    def note(self, tenant: str, session: str, turn: Turn) -> None:
        if (left := left_ms(turn, self._ttl_s)) <= 0:
            return
        value = json.dumps(asdict(turn), ensure_ascii=False, separators=(",", ":"))
        with self._calling():
            self._note(
                keys=[key_of(tenant, session)],
                args=[field_of(turn), value, int(not turn.status), MOST_TURNS, left],
            )


def key_of(tenant: str, session: str) -> str:
    return f"ses:{tenant}:{session}"  # a tenant has no colon


def field_of(turn: Turn) -> str:
    return f"{turn.asked_at:016d}:{turn.asked_offset:019d}:{turn.request_id}"


def left_ms(turn: Turn, ttl_s: float) -> int:
    """How long it may be kept: less, the later it is written; and not more for a clock ahead."""
    age = time.time() - turn.at / 1000
    return int((ttl_s - max(age, 0.0)) * 1000)


def _read(value: bytes) -> Turn | None:
    """The turn in a field; None where another release wrote it in another form."""
    try:
        said: dict[str, Any] = json.loads(value)
        lists: dict[str, Any] = {name: tuple(said[name]) for name in ("items", "titles", "rests")}
        return Turn(**(said | lists))
    except (ValueError, TypeError, KeyError):
        return None
