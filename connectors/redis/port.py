"""Redis as ports: the vector cache and the request log."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from streams.flow.errors import UserError
from streams.flow.port import Opening
from streams.flow.section import Section

if TYPE_CHECKING:
    import redis

    from processors.ports import RequestLog, VectorCache


class RedisSettings(Section):
    """Where Redis is."""

    section: ClassVar[str] = "redis"

    url: str = Field(
        default="", repr=False, description="Empty means the embedded server under `data`"
    )
    port: int = Field(default=0, ge=0, le=65535, description="Embedded server; 0 picks a free port")
    cache_mb: int = Field(default=256, ge=1, description="Of the embedded server's memory")


def cache(settings: RedisSettings, opening: Opening) -> VectorCache:
    """Remembers vectors, where there is a Redis."""
    from connectors.redis.store import NoVectorCache, RedisVectorCache

    if not settings.url:
        return NoVectorCache()
    return RedisVectorCache(_client(settings, opening), watch=opening.watch)


def requests(settings: RedisSettings, opening: Opening) -> RequestLog:
    """Remembers request ids.

    Raises:
        UserError: no Redis is configured, or it does not answer.
    """
    from connectors.redis.store import RedisRequestLog, reachable

    if not settings.url:
        raise UserError("`admit` recognises duplicates in Redis: set MILLRACE_REDIS__URL")
    client = _client(settings, opening)
    reachable(client)
    return RedisRequestLog(client, watch=opening.watch)


def _client(settings: RedisSettings, opening: Opening) -> redis.Redis:
    from connectors.redis.store import connect

    def connected() -> redis.Redis:
        client = connect(settings.url)
        opening.stack.callback(client.close)
        return client

    return opening.once(("redis", settings.url), connected)
