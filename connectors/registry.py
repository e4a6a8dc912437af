"""A Confluent-compatible schema registry over HTTP."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import httpx

from schemas.errors import Reject, Retry, UserError

NOT_FOUND, INCOMPATIBLE, SERVER_ERROR = 404, (409, 422), 500
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
        return int(response.raise_for_status().json()["id"])

    def _schema(self, schema_id: int) -> dict[str, Any]:
        response = self._call("GET", f"/schemas/ids/{schema_id}", None)
        if response.status_code == NOT_FOUND:
            raise Reject(f"unknown schema: the registry has no id {schema_id}")
        return json.loads(response.raise_for_status().json()["schema"])

    def _call(self, method: str, path: str, body: object) -> httpx.Response:
        try:
            response = self._client.request(method, self._url + path, json=body)
        except httpx.HTTPError as error:
            raise Retry(f"the schema registry at {self._url} does not answer: {error}") from error
        if response.status_code >= SERVER_ERROR:
            raise Retry(f"the schema registry at {self._url} says {response.status_code}")
        return response
