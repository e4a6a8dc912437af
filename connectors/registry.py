"""A Confluent-compatible schema registry over HTTP."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import httpx

from schemas.errors import Reject, Retry, UserError

BAD_REQUEST, NOT_FOUND, INCOMPATIBLE, TOO_MANY, SERVER_ERROR = 400, 404, (409, 422), 429, 500
CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"


class SchemaRegistry:
    """Implements the codec's `Registry`. Raises Retry while the registry is away."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.Client(timeout=5.0, headers={"Content-Type": CONTENT_TYPE})
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

    def _schema(self, schema_id: int) -> dict[str, Any]:
        response = self._call("GET", f"/schemas/ids/{schema_id}", None)
        if response.status_code == NOT_FOUND:
            raise Reject(f"unknown schema: the registry has no id {schema_id}")
        try:
            return json.loads(response.json()["schema"])
        except ValueError:  # Protobuf, or anything else that is no JSON
            raise Reject(f"schema {schema_id} of the registry is not Avro") from None

    def _call(self, method: str, path: str, body: object) -> httpx.Response:
        try:
            response = self._client.request(method, self._url + path, json=body)
        except httpx.HTTPError as error:
            raise Retry(f"the schema registry at {self._url} does not answer: {error}") from error
        status = response.status_code
        if status >= SERVER_ERROR or status == TOO_MANY:
            raise Retry(f"the schema registry at {self._url} says {status}")
        if status >= BAD_REQUEST and status != NOT_FOUND and status not in INCOMPATIBLE:
            raise UserError(f"the schema registry at {self._url} refuses us with {status}")
        return response
