"""A client of Qdrant: outages as `Retry`, checked at start."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from connectors.breaker import Breaker
from streams.flow.errors import Retry, UserError
from streams.flow.port import Watch, unwatched

AWAY_S = 3.0  # for which it is asked no more after it did not answer
PATIENCE_S = 30.0  # with one that is just starting
CALL_S = 30
_LEAST = (1, 19)  # counts how rare a word is within a tenant
_AWAY = frozenset(("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED"))
_SHUT = frozenset(("UNAUTHENTICATED", "PERMISSION_DENIED"))
_SHUT_STATUS = frozenset((401, 403))
_AWAY_STATUS = frozenset((408, 429, 500, 502, 503, 504))


def connect(
    url: str,
    *,
    grpc_port: int,
    prefer_grpc: bool,
    key: str = "",
    key_file: Path | None = None,
    ca_file: Path | None = None,
) -> QdrantClient:
    """A client that asks nothing until it is used. A key in a file is read anew for each call."""
    options: dict[str, Any] = {}
    if ca_file is not None:
        options["verify"] = str(ca_file)
        options["grpc_options"] = {"root_certificates": _bytes(ca_file)}
    if key_file is not None:
        options["auth_token_provider"] = lambda: _read(key_file)
    elif key:
        options["api_key"] = key
    return QdrantClient(
        url=url,
        grpc_port=grpc_port,
        prefer_grpc=prefer_grpc,
        timeout=CALL_S,
        check_compatibility=False,  # `check` does, in our words
        **options,
    )


def check(client: Any, url: str, patience_s: float = PATIENCE_S) -> None:
    """Return once it answers and is of a version that is supported.

    Raises:
        UserError: it does not, or lets nobody in.
    """
    until = time.monotonic() + patience_s
    while True:
        try:
            client.get_collections()  # who may not in is told here, which `info` would not
            _check_version(url, str(client.info().version))
            return
        except Exception as error:
            if is_shut(error):
                raise UserError(
                    f"Qdrant at {url} lets nobody in with this key: check MILLRACE_QDRANT__KEY"
                ) from None
            if not is_away(error):
                raise
            if "CERTIFICATE" in str(error).upper():
                raise UserError(
                    f"Qdrant at {url} shows a certificate that is not trusted: set "
                    "MILLRACE_QDRANT__CA_FILE to its authority's"
                ) from None
            if time.monotonic() > until:
                raise UserError(
                    f"Qdrant does not answer at {url} ({said(error)}): check MILLRACE_QDRANT__URL"
                ) from None
            time.sleep(0.3)


class Guarded:
    """Calls to a Qdrant that may be away."""

    def __init__(self, away_s: float = AWAY_S, watch: Watch = unwatched) -> None:
        self._breaker = Breaker("qdrant", is_away=is_away, away_s=away_s, watch=watch)

    @contextmanager
    def __call__(self) -> Generator[None]:
        """Around one call.

        Raises:
            Retry: it does not answer, or did not a moment ago; or lets us do nothing now.
        """
        try:
            with self._breaker.calling():
                yield
        except Exception as error:
            if is_away(error):
                raise Retry(f"Qdrant does not answer: {said(error)}") from error
            if is_shut(error):
                raise Retry(f"Qdrant refuses this key: {said(error)}") from error
            raise


def is_away(error: BaseException) -> bool:
    if isinstance(error, UnexpectedResponse):
        return error.status_code in _AWAY_STATUS
    if isinstance(error, grpc.RpcError):
        return _code(error) in _AWAY
    return isinstance(error, ResponseHandlingException | ResourceExhaustedResponse)


def is_shut(error: BaseException) -> bool:
    if isinstance(error, UnexpectedResponse):
        return error.status_code in _SHUT_STATUS
    return isinstance(error, grpc.RpcError) and _code(error) in _SHUT


def said(error: BaseException) -> str:
    """Why, in a few words."""
    details: Any = getattr(error, "details", None)
    text = str(details() if callable(details) else error)
    return (text.strip().splitlines() or [type(error).__name__])[0][:200]


def _code(error: Any) -> str:
    code: Any = error.code() if hasattr(error, "code") else None
    return str(getattr(code, "name", ""))


def _check_version(url: str, number: str) -> None:
    parts = tuple(int(each) for each in number.split(".")[:2] if each.isdigit())
    if not _LEAST <= parts < (2, 0):
        raise UserError(
            f"{url} is Qdrant {number}, and 1.19 or a later 1.x is supported: name such a one with "
            "MILLRACE_QDRANT__URL"
        )


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(
            f"MILLRACE_QDRANT__CA_FILE {file} cannot be read: {error.strerror}"
        ) from None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UserError(
            f"MILLRACE_QDRANT__KEY_FILE {file} cannot be read: {error.strerror}"
        ) from None
