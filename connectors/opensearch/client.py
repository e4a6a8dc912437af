"""A client of OpenSearch: credentials that may rotate, outages as `Retry`, checked at start."""

from __future__ import annotations

import base64
import json
import logging
import random
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from opensearchpy import OpenSearch
from opensearchpy.exceptions import (
    AuthenticationException,
    AuthorizationException,
    ConnectionError,  # noqa: A004
    SSLError,
    TransportError,
)

from connectors.breaker import Breaker
from streams.flow.errors import Retry, UserError
from streams.flow.port import Watch, unwatched

AT_ONCE = 16  # connections that are kept
AWAY_S = 3.0  # for which it is asked no more after it did not answer
PATIENCE_S = 30.0  # with one that is just starting
AGAIN_S = 0.1  # before a refused item is sent again; doubled each time
TRIES = 5
# What may heal by itself: too much at once, no primary, a disk that is being made room on.
BUSY = frozenset((429, 502, 503, 504, 507))
CONFLICT = 409
# An item's: the index takes no writes now, as an operator or a disk that is nearly full has it.
_LATER = BUSY | {403}
# What it logs, we say: with the address, and once.
logging.getLogger("opensearch").setLevel(logging.CRITICAL)
_LEAST, _MOST = (2, 11), (4, 0)


class Client:
    """Calls of one cluster. Safe to call from several threads; opens nothing until the first."""

    def __init__(
        self,
        url: str,
        *,
        user: str = "",
        password: str = "",
        password_file: Path | None = None,
        ca_file: Path | None = None,
        away_s: float = AWAY_S,
        watch: Watch = unwatched,
    ) -> None:
        self.url = url
        self._user, self._password, self._password_file = user, password, password_file
        options: dict[str, Any] = {"ca_certs": str(ca_file)} if ca_file else {}
        hosts = [each.strip() for each in url.split(",") if each.strip()]
        self._client: Any = OpenSearch(
            hosts,
            max_retries=0,
            retry_on_timeout=False,
            pool_maxsize=AT_ONCE,
            http_compress=True,
            **options,
        )
        self._breaker = Breaker("opensearch", is_away=_is_away, away_s=away_s, watch=watch)

    def close(self) -> None:
        self._client.close()

    def call(
        self, method: str, path: str, body: Any = None, *, timeout_s: float, **params: Any
    ) -> Any:
        """One request, its answer as JSON; `body` is an object, or lines for the bulk APIs.

        Raises:
            Retry: the cluster is away, busy, or lets us do nothing now, such as for a password
                that was changed.
            TransportError: it refuses this one.
        """
        with self._calling():
            return self.raw(method, path, body, timeout_s=timeout_s, **params)

    def raw(
        self, method: str, path: str, body: Any = None, *, timeout_s: float, **params: Any
    ) -> Any:
        """As `call`, but with the client's own errors and whether or not it was away just now."""
        if isinstance(body, list):
            body = _lines(cast("list[Any]", body))
        return self._client.transport.perform_request(
            method,
            path,
            headers=self._credentials(),
            params={**params, "request_timeout": timeout_s},
            body=body,
        )

    def bulk(
        self, index: str, lines: Sequence[tuple[Any, ...]], *, timeout_s: float
    ) -> list[Mapping[str, Any]]:
        """The outcome of each item, in order; those that the cluster was too busy for come again.

        An item is the lines that say it. Raises Retry as `call`, and where it stays too busy.
        """
        outcomes: dict[int, Mapping[str, Any]] = {}
        left = [*range(len(lines))]
        for attempt in range(TRIES):
            if left and attempt:
                time.sleep(AGAIN_S * 2**attempt * random.uniform(0.5, 1.5))
            if left:
                body = [line for at in left for line in lines[at]]
                options: dict[str, Any] = {"timeout_s": timeout_s, "require_alias": "true"}
                answer = self.call("POST", f"/{index}/_bulk", body, **options)
                items = [next(iter(each.values())) for each in answer["items"]]
                outcomes |= zip(left, items, strict=True)
                left = [at for at in left if outcomes[at]["status"] in _LATER]
        if left:
            raise Retry(f"OpenSearch does not take it now: {reason(outcomes[left[0]])}")
        return [outcomes[at] for at in range(len(lines))]

    def _credentials(self) -> dict[str, str]:
        """Read each time, since a secret that is a file may be exchanged."""
        if not self._user:
            return {}
        password = self._password
        if self._password_file is not None:
            try:
                password = self._password_file.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise UserError(
                    f"MILLRACE_OPENSEARCH__PASSWORD_FILE {self._password_file} cannot be read: "
                    f"{error.strerror}"
                ) from None
        token = base64.b64encode(f"{self._user}:{password}".encode()).decode("ascii")
        return {"authorization": f"Basic {token}"}

    @contextmanager
    def _calling(self) -> Generator[None]:
        try:
            with self._breaker.calling():
                yield
        except (AuthenticationException, AuthorizationException) as error:
            raise Retry(f"OpenSearch refuses these credentials: {said(error)}") from error
        except TransportError as error:
            if not _is_away(error):
                raise
            raise Retry(f"OpenSearch does not answer: {said(error)}") from error

    def check(self, patience_s: float = PATIENCE_S) -> None:
        """Return once it answers and is of a version that is supported.

        Raises:
            UserError: it does not, refuses the credentials, shows another certificate, or is
                something else.
        """
        until = time.monotonic() + patience_s
        while True:
            try:
                _check_version(self.url, self.raw("GET", "/", timeout_s=5.0))
                return
            except SSLError as error:
                raise UserError(
                    f"OpenSearch at {self.url} shows a certificate that is not trusted "
                    f"({said(error)}): set MILLRACE_OPENSEARCH__CA_FILE to its authority's"
                ) from None
            except (AuthenticationException, AuthorizationException):
                who = f"as '{self._user}'" if self._user else "without a user"
                raise UserError(
                    f"OpenSearch at {self.url} lets nobody in {who}: check "
                    "MILLRACE_OPENSEARCH__USER and MILLRACE_OPENSEARCH__PASSWORD"
                ) from None
            except TransportError as error:
                if time.monotonic() > until:
                    raise UserError(
                        f"OpenSearch does not answer at {self.url} ({said(error)}): check "
                        "MILLRACE_OPENSEARCH__URL"
                    ) from None
                time.sleep(0.3)


def _lines(body: Sequence[Any]) -> bytes:
    """As the APIs want it that take many things at once."""
    each = (json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in body)
    return "".join(f"{line}\n" for line in each).encode()


def reason(item: Mapping[str, Any]) -> str:
    """Why one item of a bulk, or one search of several, was refused."""
    error: Mapping[str, Any] = item.get("error") or {}
    cause: Mapping[str, Any] = error.get("caused_by") or error
    return f"{cause.get('type', item['status'])}: {str(cause.get('reason', ''))[:300]}"


def _check_version(url: str, answer: Mapping[str, Any]) -> None:
    version: Mapping[str, Any] = answer.get("version") or {}
    number = str(version.get("number", ""))
    kind = version.get("distribution") or "no OpenSearch"
    parts = tuple(int(each) for each in number.split(".")[:2] if each.isdigit())
    if kind != "opensearch" or not _LEAST <= parts < _MOST:
        raise UserError(
            f"{url} is {kind} {number}, and OpenSearch 2.11 to 3 is supported: name such a one "
            "with MILLRACE_OPENSEARCH__URL"
        )


def _is_away(error: BaseException) -> bool:
    return isinstance(error, ConnectionError) or (
        isinstance(error, TransportError) and error.status_code in BUSY
    )


def said(error: TransportError) -> str:
    """Why, in a few words; never a password, which the client does not put there."""
    info: Any = error.info
    if isinstance(info, dict):
        told: Any = cast("dict[str, Any]", info).get("error")
        return (
            reason({"error": told, "status": error.error}) if isinstance(told, dict) else f"{told}"
        )
    return f"{info or error.error}"[:300]
