"""Redis: vectors by content, and which record brought a request id first."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import redis
from pydantic import SecretStr
from redis.exceptions import NoPermissionError

from connectors.breaker import Breaker
from streams.flow.errors import Retry, UserError
from streams.flow.masking import masked
from streams.flow.port import Watch, unwatched
from streams.flow.secret_file import secret_of

_log = logging.getLogger(__name__)

REQUEST_TTL_S = 24 * 3600
TIMEOUT_S = 2.0
AWAY_S = 3.0  # for which it is asked no more after it did not answer
PATIENCE_S = 15.0  # with a Redis that is just starting


class PasswordFile(redis.CredentialProvider):
    """The password as its file has it when a connection is made."""

    def __init__(self, user: str, file: Path) -> None:
        self._user, self._file = user, file

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Raises ConnectionError where the file cannot be read: it may just be replaced."""
        setting = "MILLRACE_REDIS__PASSWORD"
        try:
            password = secret_of(setting, SecretStr(""), self._file, "password")
        except UserError as error:
            raise redis.ConnectionError(str(error)) from None
        return (self._user, password) if self._user else (password,)


def connect(
    url: str, *, user: str = "", password_file: Path | None = None, ca_file: Path | None = None
) -> redis.Redis:
    """A client; opens no connection until it is used."""
    options: dict[str, Any] = {}
    if password_file is not None:
        options["credential_provider"] = PasswordFile(user, password_file)
    if ca_file is not None:
        options["ssl_ca_certs"] = str(ca_file)
    try:
        return redis.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, **options
        )
    except (ValueError, TypeError) as error:
        raise UserError(f"MILLRACE_REDIS__URL cannot be used: {masked(str(error))}") from None


def reachable(client: redis.Redis, patience_s: float = PATIENCE_S) -> None:
    """Return once Redis answers.

    Raises:
        UserError: it does not, for `patience_s` seconds, or does not let us in.
    """
    until = time.monotonic() + patience_s
    while True:
        try:
            client.ping()  # pyright: ignore[reportUnknownMemberType]
            return
        except (redis.AuthenticationError, NoPermissionError) as error:
            raise UserError(
                f"Redis does not let us in ({error}): mend the password in MILLRACE_REDIS__URL, or "
                "in the file of MILLRACE_REDIS__PASSWORD_FILE"
            ) from None
        except redis.RedisError as error:
            if "certificate verify failed" in str(error):
                raise UserError(
                    f"Redis shows a certificate that is not trusted ({error}): set "
                    "MILLRACE_REDIS__CA_FILE to that of its authority"
                ) from None
            if time.monotonic() > until:
                raise UserError(
                    f"Redis does not answer ({error}): check MILLRACE_REDIS__URL"
                ) from None
            time.sleep(0.2)


def warn_if_evicting(client: redis.Redis) -> None:
    """Say so, where this server may forget what is kept in it before its time."""
    try:
        said: Any = client.info("memory")  # pyright: ignore[reportUnknownMemberType]
    except redis.RedisError:  # a service that tells nobody
        return
    policy = said.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and said.get("maxmemory"):
        _log.warning(
            "Redis evicts by %s what sessions and request ids it holds, once it is full: set "
            "MILLRACE_REDIS__KEPT_URL to one with the policy noeviction",
            policy,
        )


class Guarded:
    """Calls to a Redis that may be away."""

    def __init__(self, away_s: float, watch: Watch) -> None:
        self._breaker = Breaker(
            "redis",
            is_away=lambda error: isinstance(error, redis.RedisError),
            away_s=away_s,
            watch=watch,
        )

    @contextmanager
    def __call__(self) -> Generator[None]:
        """Around one call. Raises Retry where Redis does not answer, or did not a moment ago."""
        try:
            with self._breaker.calling():
                yield
        except redis.RedisError as error:
            raise Retry(f"Redis does not answer: {error}") from error


class RedisVectorCache:
    """A `VectorCache`. Raises Retry while Redis is away. The server evicts what is long unused."""

    def __init__(
        self, client: redis.Redis, *, away_s: float = AWAY_S, watch: Watch = unwatched
    ) -> None:
        self._client = client
        self._calling = Guarded(away_s, watch)

    def get(self, tenant: str, keys: Sequence[str]) -> list[bytes | None]:
        if not keys:  # which the server would take for a mistake
            return []
        with self._calling():
            found: Any = self._client.mget([f"vec:{tenant}:{key}" for key in keys])
        return cast("list[bytes | None]", found)

    def put(self, tenant: str, items: Mapping[str, bytes]) -> None:
        if not items:
            return
        with self._calling():
            self._client.mset({f"vec:{tenant}:{key}": value for key, value in items.items()})


class RedisRequestLog:
    """A `RequestLog` that remembers a day. Raises Retry while Redis is away."""

    def __init__(
        self, client: redis.Redis, *, away_s: float = AWAY_S, watch: Watch = unwatched
    ) -> None:
        self._client: Any = client  # the stubs leave pipelines half unknown
        self._calling = Guarded(away_s, watch)

    def claim(self, tenant: str, request_id: str, position: str) -> str:
        key = f"req:{tenant}:{request_id}"
        # NX decides who is first; what is there afterwards says who was. (One SET with NX and
        # GET would do, from Redis 7 on.)
        with self._calling(), self._client.pipeline(transaction=True) as pipe:
            pipe.set(key, position, nx=True, ex=REQUEST_TTL_S)
            pipe.get(key)
            _, first = cast("tuple[Any, bytes]", tuple(pipe.execute()))
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
