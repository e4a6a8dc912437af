"""Redis: vectors by content, and which record brought a request id first."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import redis

from streams.flow.errors import Retry, UserError

REQUEST_TTL_S = 24 * 3600
TIMEOUT_S = 2.0
BREAKER_S = 3.0
PATIENCE_S = 15.0  # with a Redis that is just starting


def connect(url: str) -> redis.Redis:
    """A client; opens no connection until it is used."""
    return redis.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
        url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
    )


def reachable(client: redis.Redis, patience_s: float = PATIENCE_S) -> None:
    """Return once Redis answers.

    Raises:
        UserError: it does not, for `patience_s` seconds.
    """
    until = time.monotonic() + patience_s
    while True:
        try:
            client.ping()  # pyright: ignore[reportUnknownMemberType]
            return
        except redis.RedisError as error:
            if time.monotonic() > until:
                raise UserError(
                    f"Redis does not answer ({error}): check MILLRACE_REDIS__URL"
                ) from None
            time.sleep(0.2)


class _Breaker:
    """After a failure, says so at once for a while: a dead network costs seconds a call."""

    def __init__(self) -> None:
        self._until = 0.0

    def check(self) -> None:
        """Raises Retry while open."""
        if time.monotonic() < self._until:
            raise Retry("Redis did not answer a moment ago")

    def failed(self, error: redis.RedisError) -> Retry:
        self._until = time.monotonic() + BREAKER_S
        return Retry(f"Redis does not answer: {error}")


class RedisVectorCache:
    """A `VectorCache`. Raises Retry while Redis is away. The server evicts what is long unused."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._breaker = _Breaker()

    def get(self, tenant: str, keys: Sequence[str]) -> list[bytes | None]:
        if not keys:  # which the server would take for a mistake
            return []
        self._breaker.check()
        try:
            found: Any = self._client.mget([f"vec:{tenant}:{key}" for key in keys])
        except redis.RedisError as error:
            raise self._breaker.failed(error) from error
        return cast("list[bytes | None]", found)

    def put(self, tenant: str, items: Mapping[str, bytes]) -> None:
        if not items:
            return
        self._breaker.check()
        try:
            self._client.mset({f"vec:{tenant}:{key}": value for key, value in items.items()})
        except redis.RedisError as error:
            raise self._breaker.failed(error) from error


class RedisRequestLog:
    """A `RequestLog` that remembers a day. Raises Retry while Redis is away."""

    def __init__(self, client: redis.Redis) -> None:
        self._client: Any = client  # the stubs leave pipelines half unknown
        self._breaker = _Breaker()

    def claim(self, tenant: str, request_id: str, position: str) -> str:
        key = f"req:{tenant}:{request_id}"
        self._breaker.check()
        try:
            # NX decides who is first; what is there afterwards says who was. (One SET with NX and
            # GET would do, from Redis 7 on.)
            with self._client.pipeline(transaction=True) as pipe:
                pipe.set(key, position, nx=True, ex=REQUEST_TTL_S)
                pipe.get(key)
                _, first = cast("tuple[Any, bytes]", tuple(pipe.execute()))
        except redis.RedisError as error:
            raise self._breaker.failed(error) from error
        return first.decode()


class NoVectorCache:
    """Remembers nothing: every chunk costs a model call."""

    def get(self, tenant: str, keys: Sequence[str]) -> list[bytes | None]:  # noqa: ARG002
        return [None] * len(keys)

    def put(self, tenant: str, items: Mapping[str, bytes]) -> None:
        pass


class MemoryVectorCache:
    """A `VectorCache` in this process, for tests and the in-memory driver."""

    def __init__(self) -> None:
        self._items: dict[str, bytes] = {}

    def get(self, tenant: str, keys: Sequence[str]) -> list[bytes | None]:
        return [self._items.get(f"{tenant}:{key}") for key in keys]

    def put(self, tenant: str, items: Mapping[str, bytes]) -> None:
        self._items.update({f"{tenant}:{key}": value for key, value in items.items()})


class MemoryRequestLog:
    """A `RequestLog` in this process, for tests and the in-memory driver."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], str] = {}

    def claim(self, tenant: str, request_id: str, position: str) -> str:
        return self._first.setdefault((tenant, request_id), position)
