"""Redis as ports: the vector cache, the request log, the sessions and the answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from streams.flow.errors import UserError
from streams.flow.port import Opening
from streams.flow.section import Section

if TYPE_CHECKING:
    import redis

    from processors.caching.ports import AnswerCache
    from processors.money.ports import Ledger
    from processors.ports import RequestLog, Sessions, VectorCache


class RedisSettings(Section):
    """Where Redis is."""

    section: ClassVar[str] = "redis"

    url: str = Field(
        default="", repr=False, description="Empty means the embedded server under `data`"
    )
    user: str = Field(default="", description="Of the servers, where they know several")
    password_file: Path | None = Field(
        default=None, description="A file that holds the password, read for each connection"
    )
    ca_file: Path | None = Field(
        default=None, description="The authority of their certificates (`rediss://`)"
    )
    port: int = Field(default=0, ge=0, le=65535, description="Embedded server; 0 picks a free port")
    cache_mb: int = Field(default=256, ge=1, description="Of the embedded server's memory")
    kept_url: str = Field(
        default="",
        repr=False,
        description="For sessions and request ids, of which nothing may be evicted; empty: `url`",
    )
    kept_password_file: Path | None = Field(
        default=None, description="As `password_file`, of `kept_url`; unset: that one"
    )
    kept_port: int = Field(default=0, ge=0, le=65535, description="As `port`, of the second one")
    kept_mb: int = Field(default=256, ge=1, description="Of the second embedded server's memory")


class AnswersSettings(Section):
    """Answers that are given again."""

    section: ClassVar[str] = "answers"

    cached: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether an answer is given again to who may see as much and asks the same; "
        "auto: where a language model answers",
    )
    kept_s: float = Field(
        default=3600, gt=0, le=604_800, description="For how long one is kept, a week at most"
    )
    similar: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="Cosine of two questions, worded otherwise, of which one gets the other's "
        "answer; 1: none does",
    )
    url: str = Field(
        default="",
        repr=False,
        description="A Redis, or a database of one, for answers alone; empty: `redis.url`",
    )


def answers(settings: RedisSettings, own: AnswersSettings, opening: Opening) -> AnswerCache:
    """Remembers answers.

    Raises:
        UserError: no Redis is configured.
    """
    from connectors.redis.answers import RedisAnswers

    url = own.url or settings.url
    if not url:
        raise UserError("answers are kept in Redis: set MILLRACE_REDIS__URL")
    return RedisAnswers(_client(settings, url, opening), watch=opening.watch)


def cache(settings: RedisSettings, opening: Opening) -> VectorCache:
    """Remembers vectors, where there is a Redis."""
    from connectors.redis.store import NoVectorCache, RedisVectorCache

    if not settings.url:
        return NoVectorCache()
    return RedisVectorCache(_client(settings, settings.url, opening), watch=opening.watch)


def requests(settings: RedisSettings, opening: Opening) -> RequestLog:
    """Remembers request ids.

    Raises:
        UserError: no Redis is configured, or it does not answer.
    """
    from connectors.redis.store import RedisRequestLog

    return RedisRequestLog(
        _keeping(settings, opening, "`admit` recognises duplicates"), watch=opening.watch
    )


def sessions(settings: RedisSettings, opening: Opening) -> Sessions:
    """Remembers what sessions asked and were answered.

    Raises:
        UserError: no Redis is configured, or it does not answer.
    """
    from connectors.redis.sessions import RedisSessions

    return RedisSessions(
        _keeping(settings, opening, "sessions are remembered"), watch=opening.watch
    )


def ledger(settings: RedisSettings, opening: Opening, call_s: float = 0.0) -> Ledger:
    """What tenants spend; no call of theirs takes longer than `call_s`.

    Raises:
        UserError: no Redis is configured, or it does not answer.
    """
    from connectors.redis.ledger import RedisLedger, held_s

    client = _keeping(settings, opening, "what tenants spend is kept")
    return RedisLedger(client, held_s=held_s(call_s), watch=opening.watch)


def _keeping(settings: RedisSettings, opening: Opening, why: str) -> redis.Redis:
    """The server of which nothing may be evicted, once it answers."""
    from connectors.redis.store import reachable, warn_if_evicting

    url = settings.kept_url or settings.url
    if not url:
        raise UserError(f"{why} in Redis: set MILLRACE_REDIS__URL")

    def answering() -> redis.Redis:
        client = _client(settings, url, opening)
        reachable(client)
        warn_if_evicting(client)
        return client

    return opening.once(("redis kept", url), answering)


def _client(settings: RedisSettings, url: str, opening: Opening) -> redis.Redis:
    from connectors.redis.store import connect

    kept = settings.kept_url and url == settings.kept_url
    file = (settings.kept_password_file if kept else None) or settings.password_file

    def connected() -> redis.Redis:
        client = connect(url, user=settings.user, password_file=file, ca_file=settings.ca_file)
        opening.stack.callback(client.close)
        return client

    return opening.once(("redis", url), connected)
