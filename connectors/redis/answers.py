"""Answers in Redis, each for its time, and at most so many of a tenant's.

`ans:TENANT:a:KEY` is an answer, `ans:TENANT:d:DOCUMENT` the keys that rest on a document,
`ans:TENANT:k` the keys by when they were kept, so that the oldest go first.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b
from typing import Any, cast

import redis

from connectors.redis.store import AWAY_S, Guarded
from processors.documents.lacking import Document
from streams.flow.port import Watch, unwatched

MOST = 20_000  # keys of one tenant; an answer has two, and some kilobytes


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
        ages, now = _ages(tenant), time.time()
        with self._calling(), self._client.pipeline(transaction=True) as pipe:
            # Before the answers, so that none is there which a change of its document misses.
            for doc_id in documents:
                pipe.sadd(_document(tenant, doc_id), *keys)
                pipe.pexpire(_document(tenant, doc_id), left)
            for key in _answers(tenant, keys):
                pipe.set(key, value, px=left)
            pipe.zadd(ages, dict.fromkeys(keys, now))
            pipe.pexpire(ages, left)
            pipe.zcard(ages)
            count = cast("int", pipe.execute()[-1])
        if count > self._most:
            self._trim(tenant, count - self._most)

    def drop(self, documents: Collection[Document]) -> None:
        named = [(tenant, _document(tenant, doc_id)) for tenant, doc_id in documents]
        with self._calling():
            with self._client.pipeline(transaction=False) as pipe:
                for _, name in named:
                    pipe.smembers(name)
                found = cast("list[set[bytes]]", pipe.execute())
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


def _document(tenant: str, doc_id: str) -> str:
    return (
        f"ans:{tenant}:d:{blake2b(doc_id.encode('utf-8', 'replace'), digest_size=12).hexdigest()}"
    )


def _ages(tenant: str) -> str:
    return f"ans:{tenant}:k"
