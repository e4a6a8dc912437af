"""The client of OpenSearch, without one: tests/real has a server."""

from __future__ import annotations

from typing import Any

from connectors.opensearch.client import AT_ONCE, Client


def test_as_many_lines_are_kept_as_calls_are_made_at_once() -> None:
    client = Client("http://127.0.0.1:9")
    (connection,) = client._client.transport.connection_pool.connections
    kept: Any = connection.pool.pool
    assert kept.maxsize == AT_ONCE
    client.close()
