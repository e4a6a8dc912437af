"""A collection of Qdrant: on the server of MILLRACE_QDRANT_URL, or else in this process."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from qdrant_client import QdrantClient

from connectors.qdrant.index import QdrantIndex
from connectors.qdrant.making import Making, make

SERVER = os.environ.get("MILLRACE_QDRANT_URL", "")  # read before tests are freed of settings


class OneAtATime:
    """The client's local mode, for several threads: it has no lock of its own."""

    def __init__(self, client: QdrantClient) -> None:
        self._client = client
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        called = getattr(self._client, name)

        def locked(*args: Any, **options: Any) -> Any:
            with self._lock, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # payload indexes have no effect in this mode
                return called(*args, **options)

        return locked


def client() -> Any:
    if SERVER:
        return QdrantClient(url=SERVER, prefer_grpc=True)
    return OneAtATime(QdrantClient(":memory:"))


@contextmanager
def collection(dimensions: int, version: str = "v1") -> Generator[QdrantIndex]:
    """One that is made new, and gone afterwards."""
    opened, name = client(), f"millrace-test-{uuid4().hex[:8]}"
    make(opened, name, Making(), dimensions=dimensions, model="m")
    try:
        yield QdrantIndex(opened, name, version, dimensions)
    finally:
        opened.delete_collection(name)
        opened.close()
