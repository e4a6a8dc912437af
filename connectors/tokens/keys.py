"""The keys that tokens are signed with: a JWKS in a file or at a URL, followed as it changes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import jwt
from pydantic import BaseModel

from connectors.line import Lines
from processors.guard.proving import UnprovenError
from streams.flow.port import Watch, unwatched

_log = logging.getLogger(__name__)

PEER = "token keys"
AGAIN_S = 5.0  # between two looks, however many tokens name keys that nobody knows
MOST_BYTES = 1024 * 1024
_SIGNING = ("RSA", "EC", "OKP")  # a shared secret is nobody's proof


class _Set(BaseModel):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[dict[str, Any]]


class Keys:
    """By their `kid`. Opens nothing until one is asked for.

    An unknown key makes it look again; where that fails, the keys that are known stay good for
    `kept_s` seconds, and then no key is.
    """

    def __init__(
        self,
        source: str,
        *,
        refresh_s: float = 300.0,
        kept_s: float = 3600.0,
        timeout_s: float = 2.0,
        watch: Watch = unwatched,
    ) -> None:
        self._source = source
        self._refresh_s = refresh_s
        self._kept_s = kept_s
        self._timeout_s = timeout_s
        self._watch = watch
        self._lock = threading.Lock()
        self._known: Mapping[str, jwt.PyJWK] = {}
        self._read_at = self._tried_at = float("-inf")

    def of(self, kid: str) -> jwt.PyJWK:
        """The key of this name.

        Raises:
            UnprovenError: there is none, or no keys can be had.
        """
        with self._lock:
            now = time.monotonic()
            due = kid not in self._known or now - self._read_at > self._refresh_s
            if due and now - self._tried_at > AGAIN_S:
                self._tried_at = now
                self._look(now)
            if time.monotonic() - self._read_at > self._kept_s:
                raise UnprovenError("keys-unavailable", "the keys of tokens cannot be had")
            if kid not in self._known:
                raise UnprovenError("token-key", "the token is signed with a key nobody knows")
            return self._known[kid]

    def _look(self, now: float) -> None:
        try:
            self._known, self._read_at = _keys(self._read()), now
            self._watch(PEER, False)
        except (OSError, ValueError, httpx.HTTPError, jwt.PyJWTError) as error:
            self._watch(PEER, True)
            _log.error("the keys of tokens cannot be read", extra={"reason": str(error)})

    def _read(self) -> bytes:
        if "://" not in self._source:
            return Path(self._source).read_bytes()
        said = bytearray()
        lines = Lines(self._timeout_s, {})
        with (
            closing(lines),
            lines.one() as line,
            line.client.stream("GET", self._source, extensions={"trace": line.trace}) as answer,
        ):
            answer.raise_for_status()
            for part in answer.iter_bytes():
                said += part
                if len(said) > MOST_BYTES:
                    raise ValueError(f"the key set has more than {MOST_BYTES:,} bytes")
        return bytes(said)


def _keys(said: bytes) -> dict[str, jwt.PyJWK]:
    """Those that can sign, and say how they are called; of others in the set nothing follows."""
    keys: dict[str, jwt.PyJWK] = {}
    for each in _Set.model_validate_json(said).keys:
        usable = each.get("kty") in _SIGNING and each.get("use", "sig") == "sig"
        if usable and isinstance(kid := each.get("kid"), str):
            try:
                keys[kid] = jwt.PyJWK(each)
            except jwt.PyJWTError:
                continue
    if not keys:
        raise ValueError("there is no key for signatures with a name (kid) in it")
    return keys
