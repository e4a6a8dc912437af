"""A Confluent-compatible schema registry over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from connectors.breaker import Breaker
from connectors.trusting import trusting
from streams.flow.errors import Reject, Retry, UserError
from streams.flow.masking import masked
from streams.flow.port import Watch, unwatched

BAD_REQUEST, NOT_FOUND, INCOMPATIBLE, TOO_MANY, SERVER_ERROR = 400, 404, (409, 422), 429, 500
UNKNOWN_TO_IT = (401, 403)
LARGEST = 1 << 20
TIMEOUT_S = 5.0
AWAY_S = 3.0  # after a failure: else each record of a batch would wait out the time-out
CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"


class _RefusedError(UserError):
    """It answers, and the answer is no."""

    def __init__(self, said: str, status: int) -> None:
        super().__init__(said)
        self.status = status


class _Away(Retry):
    """It says itself that it cannot answer now."""


class SchemaRegistry:
    """Implements the codec's `Registry`. Raises Retry while the registry is away.

    `login` says user and password, for each call anew.
    """

    def __init__(
        self,
        url: str,
        *,
        login: Callable[[], tuple[str, str] | None] = lambda: None,
        ca_file: Path | None = None,
        away_s: float = AWAY_S,
        watch: Watch = unwatched,
    ) -> None:
        self._url = url.rstrip("/")
        self._said = masked(self._url)  # what messages call it
        self._login = login
        self._client = httpx.Client(
            timeout=TIMEOUT_S,
            headers={"Content-Type": CONTENT_TYPE},
            verify=trusting(ca_file, "MILLRACE_REGISTRY__CA_FILE"),
        )
        self._breaker = Breaker(
            "schema registry",
            is_away=lambda error: isinstance(error, httpx.HTTPError | _Away),
            away_s=away_s,
            watch=watch,
        )
        self.schema = cache(self._schema)

    def close(self) -> None:
        self._client.close()

    def register(self, subject: str, schema: dict[str, Any]) -> int:
        """The id of this schema; registers it where it is new.

        Raises:
            UserError: the registry refuses it as incompatible.
        """
        body = {"schema": json.dumps(schema), "schemaType": "AVRO"}
        response = self._call("POST", f"/subjects/{subject}/versions", body)
        if response.status_code in INCOMPATIBLE:
            raise UserError(f"the schema registry refuses {subject}: {response.text}")
        return int(response.json()["id"])

    def latest(self, subject: str) -> tuple[int, dict[str, Any]] | None:
        """The newest version of a subject and its number; None where there is none."""
        response = self._call("GET", f"/subjects/{subject}/versions/latest", None)
        if response.status_code == NOT_FOUND:
            return None
        found = response.json()
        return int(found["version"]), json.loads(found["schema"])

    def incompatible(self, subject: str, schema: dict[str, Any]) -> list[str]:
        """Why this schema may not follow the newest of a subject; nothing where it may."""
        body = {"schema": json.dumps(schema), "schemaType": "AVRO"}
        path = f"/compatibility/subjects/{subject}/versions/latest?verbose=true"
        found = self._call("POST", path, body).json()
        if found.get("is_compatible", True):
            return []
        return [str(each) for each in found.get("messages") or ["it breaks readers"]]

    def rule(self, subject: str) -> str:
        """What the registry asks of a new version: BACKWARD, NONE and so on."""
        response = self._call("GET", f"/config/{subject}?defaultToGlobal=true", None)
        if response.status_code == NOT_FOUND:  # it has none of its own
            response = self._call("GET", "/config", None)
        return str(response.json()["compatibilityLevel"])

    def enforce(self, subject: str, rule: str) -> None:
        """Have it ask that of new versions of a subject."""
        self._call("PUT", f"/config/{subject}", {"compatibility": rule})

    def _schema(self, schema_id: int) -> dict[str, Any]:
        try:
            response = self._call("GET", f"/schemas/ids/{schema_id}", None)
        except _RefusedError as error:
            if error.status in UNKNOWN_TO_IT:  # our own credentials: no record's fault
                raise Retry(str(error)) from None
            raise Reject(f"schema {schema_id} cannot be had: {error}") from None
        if response.status_code == NOT_FOUND:
            raise Reject(f"unknown schema: the registry has no id {schema_id}")
        if len(response.content) > LARGEST:
            raise Reject(f"schema {schema_id} has more than {LARGEST:,} bytes")
        try:
            return json.loads(response.json()["schema"])
        except (ValueError, LookupError, TypeError, RecursionError):  # Protobuf, or anything else
            raise Reject(f"schema {schema_id} of the registry is not Avro") from None

    def _call(self, method: str, path: str, body: object) -> httpx.Response:
        try:
            with self._breaker.calling():
                response = self._client.request(
                    method, self._url + path, json=body, **self._credentials()
                )
                status = response.status_code
                if status >= SERVER_ERROR or status == TOO_MANY:
                    raise _Away(f"the schema registry at {self._said} says {status}")
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            if "CERTIFICATE_VERIFY_FAILED" in said:
                raise Retry(
                    f"the schema registry at {self._said} shows a certificate that is not trusted "
                    f"({said}): set MILLRACE_REGISTRY__CA_FILE to that of its authority"
                ) from error
            raise Retry(f"the schema registry at {self._said} does not answer: {said}") from error
        if status >= BAD_REQUEST and status != NOT_FOUND and status not in INCOMPATIBLE:
            remedy = ": check MILLRACE_REGISTRY__USER and __PASSWORD_FILE"
            said = f"the schema registry at {self._said} refuses us with {status}"
            raise _RefusedError(said + remedy * (status in UNKNOWN_TO_IT), status)
        return response

    def _credentials(self) -> dict[str, Any]:
        """Raises Retry where they cannot be read: the file may just be replaced."""
        try:
            login = self._login()
        except UserError as error:
            raise Retry(str(error)) from None
        return {} if login is None else {"auth": login}
