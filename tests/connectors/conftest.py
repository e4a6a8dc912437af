"""Every store that the contract tests hold to the same words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.memory.index import MemoryIndex
from connectors.qdrant_edge.index import EdgeIndex
from tests.support.index_events import SIZE, Index


@pytest.fixture(params=["edge", "memory"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    if request.param == "memory":
        yield MemoryIndex("v1", SIZE)
        return
    with EdgeIndex(tmp_path / "index", "v1", SIZE) as edge:
        yield edge
