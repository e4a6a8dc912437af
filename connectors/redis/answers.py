"""Answers in Redis, each for its time, and at most so many of a tenant's.

`ans:TENANT:a:KEY` is an answer, `ans:TENANT:d:DOCUMENT` the keys that rest on a document,
`ans:TENANT:k` all keys; both by when the answer ends, so that what ended goes, and the first to
end where there are too many.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b
from typing import Any, cast

import redis

from connectors.redis.store import AWAY_S, Guarded
from processors.documents.lacking import Document
from streams.flow.port import Watch, unwatched

MOST = 20_000  # keys of one tenant; an answer has two, and some kilobytes


# Of each list: what ended goes, these keys come, and it lives as long as the last of them.
# ARGV: milliseconds, keys
_NOTE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, list in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', list, '-inf', now)
  for at = 2, #ARGV do redis.call('ZADD', list, now + tonumber(ARGV[1]), ARGV[at]) end
  local last = redis.call('ZRANGE', list, -1, -1, 'WITHSCORES')
  redis.call('PEXPIREAT', list, string.format('%.0f', last[2]))
end
"""


class RedisAnswers:
    """An `AnswerCache`. Raises Retry while Redis is away, or full."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        most: int = MOST,
        away_s: float = AWAY_S,
        watch: Watch = unwatched,
    ) -> None:
        self._client: Any = client  # the stubs leave pipelines half unknown
        self._most = most
        self._calling = Guarded(away_s, watch)

    def get(self, tenant: str, keys: Sequence[str]) -> list[bytes | None]:
        if not keys:
            return []
        with self._calling():
            return cast("list[bytes | None]", self._client.mget(_answers(tenant, keys)))

    def put(
        self,
        tenant: str,
        keys: Sequence[str],
        value: bytes,
        documents: Collection[str],
        seconds: float,
    ) -> None:
        left = max(int(seconds * 1000), 1)
        ages = _ages(tenant)
        with self._calling(), self._client.pipeline(transaction=True) as pipe:
            # Before the answers, so that none is there which a change of its document misses.
            noted = [*(document_key(tenant, each) for each in documents), ages]
            pipe.eval(_NOTE, len(noted), *noted, left, *keys)
            for key in _answers(tenant, keys):
                pipe.set(key, value, px=left)
            pipe.zcard(ages)
            count = cast("int", pipe.execute()[-1])
        if count > self._most:
            self._trim(tenant, count - self._most)

    def drop(self, documents: Collection[Document]) -> None:
        named = [(tenant, document_key(tenant, doc_id)) for tenant, doc_id in documents]
        with self._calling():
            with self._client.pipeline(transaction=False) as pipe:
                for _, name in named:
                    pipe.zrange(name, 0, -1)
                found = cast("list[list[bytes]]", pipe.execute())
            gone: list[str] = []
            for (tenant, name), keys in zip(named, found, strict=True):
                if keys:
                    gone += [*_answers(tenant, [key.decode() for key in keys]), name]
            if gone:
                self._client.unlink(*gone)

    def _trim(self, tenant: str, count: int) -> None:
        with self._calling():
            oldest = cast("list[tuple[bytes, float]]", self._client.zpopmin(_ages(tenant), count))
            if oldest:
                self._client.unlink(*_answers(tenant, [key.decode() for key, _ in oldest]))


def _answers(tenant: str, keys: Iterable[str]) -> list[str]:
    return [f"ans:{tenant}:a:{key}" for key in keys]  # a tenant has no colon


def document_key(tenant: str, doc_id: str) -> str:
    """Under which stand the keys of all answers that rest on this document."""
    return (
        f"ans:{tenant}:d:{blake2b(doc_id.encode('utf-8', 'replace'), digest_size=12).hexdigest()}"
    )


def _ages(tenant: str) -> str:
    return f"ans:{tenant}:k"
