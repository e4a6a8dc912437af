"""Every store that the contract tests hold to the same words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.memory.index import MemoryIndex
from connectors.qdrant_edge.index import EdgeIndex
from connectors.together import Together
from tests.support.index_events import SIZE, Index
from tests.support.qdrant import collection


@pytest.fixture(params=["edge", "memory", "qdrant", "together"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    if request.param == "memory":
        yield MemoryIndex("v1", SIZE)
    elif request.param == "qdrant":
        with collection(SIZE) as qdrant:
            yield qdrant
    elif request.param == "together":
        first, second = MemoryIndex("v1", SIZE), MemoryIndex("v1", SIZE)
        yield Together(first, second, keeper=first)
    else:
        with EdgeIndex(tmp_path / "index", "v1", SIZE) as edge:
            yield edge
