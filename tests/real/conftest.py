"""Real servers, one of each for all tests that need it: `make test-real`.

A server that cannot be had fails the tests that need it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.opensearch.client import Client
from connectors.opensearch.index import OpenSearchIndex
from connectors.opensearch.making import Making, make
from connectors.qdrant_edge.index import EdgeIndex
from connectors.together import Together
from infra.local.opensearch import OpenSearchServer
from tests.support.index_events import SIZE
from tests.support.qdrant import collection

MAKING = Making("millrace-", shards=1, replicas=0, tenants=300)
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSearchServer]:
    with OpenSearchServer(tmp_path_factory.mktemp("opensearch")) as server:
        yield server


@pytest.fixture(scope="session")
def client(opensearch: OpenSearchServer) -> Iterator[Client]:
    client = Client(opensearch.url)
    client.check()
    yield client
    client.close()


@pytest.fixture
def alias(client: Client) -> Iterator[str]:
    """The name of an index of this test alone."""
    name = f"millrace-test-{next(_numbers)}"
    yield name
    client.raw("DELETE", f"/{name}-*", timeout_s=30)


@pytest.fixture(params=["edge", "qdrant"])
def index(
    client: Client, alias: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Together]:
    """Words in OpenSearch, vectors in the embedded shard or in Qdrant."""
    words = made(client, alias)
    if request.param == "qdrant":
        with collection(SIZE) as vectors:
            yield Together(vectors, words, keeper=words)
        return
    with EdgeIndex(tmp_path / "index", "v1", SIZE) as edge:
        yield Together(edge, words, keeper=edge)


def made(client: Client, alias: str) -> OpenSearchIndex:
    """The index of this name."""
    make(client, alias, MAKING, dimensions=SIZE, model="m")
    return OpenSearchIndex(client, alias, "v1", SIZE)
