"""A large embedded index gets a graph, built by a child while it answers and is written."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from connectors.memory.index import MemoryIndex
from connectors.qdrant_edge import graph
from connectors.qdrant_edge.erasing import Eraser, Erasing
from connectors.qdrant_edge.index import EdgeIndex
from connectors.qdrant_edge.rewriting import StoppedError
from processors.guard.sight import UNLABELLED
from processors.ports import SearchQuery
from tests.connectors.test_qdrant_edge import history, state
from tests.support.index_events import SIZE, Index, apply, ask, change, delete, lexical, texts

CHUNKS = 400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index"


def fill(index: Index) -> None:
    apply(index, [change(f"d{n}", 1, (f"word{n} of it",)) for n in range(CHUNKS)])


@pytest.mark.parametrize(
    ("points", "built", "wanted"),
    [
        (999, 0, False),
        (1_000, 0, True),
        (1_200, 1_000, False),
        (1_251, 1_000, True),
        (900, 2_000, False),  # most was deleted since
    ],
)
def test_a_graph_is_built_of_much_and_again_once_a_fifth_is_outside(
    points: int, built: int, wanted: bool
) -> None:
    assert graph.due(points, built, 1_000) is wanted


def test_what_a_graph_finds_is_what_looking_at_all_finds(path: Path) -> None:
    """What was written, replaced and deleted since, too."""
    rng = np.random.default_rng(7)
    asked = [
        SearchQuery(
            "acme", ["x"], rng.standard_normal((1, SIZE), np.float32), 10, UNLABELLED.access
        )
        for _ in range(20)
    ]
    with EdgeIndex(path, "v1", SIZE) as index:
        fill(index)
        before = index.nearest(asked)
        index.rewrite(linked=True)
        assert index.linked >= CHUNKS
        assert index._shard.info().indexed_vectors_count > CHUNKS, "words are always"
        assert index.nearest(asked) == before
        apply(index, [delete("d1", 2), change("d2", 2, ("another",)), change("n", 1, ("new",))])
    memory = MemoryIndex("v1", SIZE)
    fill(memory)
    apply(memory, [delete("d1", 2), change("d2", 2, ("another",)), change("n", 1, ("new",))])
    with EdgeIndex(path, "v1", SIZE) as index:
        assert index.linked
        assert state(index) == state(memory)
        for ours, theirs in zip(index.nearest(asked), memory.nearest(asked), strict=True):
            assert ours[0].chunk_ids[:5] == theirs[0].chunk_ids[:5]
        assert lexical(index, "another") == ["another"]


def test_what_is_written_while_the_graph_is_built_is_in_what_takes_over(path: Path) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    rng = random.Random(seed)
    waiting, memory = history(rng, 120), MemoryIndex("v1", SIZE)
    building = False

    def write() -> None:
        batch = [waiting.pop(0) for _ in waiting[: rng.randint(1, 30)]]
        assert apply(index, batch) == apply(memory, batch)

    def pace() -> None:
        if building:
            write()

    def reach(step: str) -> None:
        nonlocal building
        building = step == "copied"

    with EdgeIndex(path, "v1", SIZE) as index:
        write()
        for _ in range(3):
            index.rewrite(pace, reach, linked=True)
            assert state(index) == state(memory)
    with EdgeIndex(path, "v1", SIZE) as index:
        assert state(index) == state(memory)
        assert index.linked


def builders() -> list[psutil.Process]:
    """Our children that build a graph."""
    return [each for each in psutil.Process().children() if graph.__name__ in each.cmdline()]


def test_a_child_that_dies_leaves_what_was(path: Path) -> None:
    def kill() -> None:
        for child in builders():
            child.kill()

    with EdgeIndex(path, "v1", SIZE) as index:
        fill(index)
        with pytest.raises(OSError, match=r"its process ended with -9"):
            while True:  # until it is not quicker than we are
                index.rewrite(kill, linked=True)
        assert len(texts(index)) == CHUNKS
        assert ask(index, "word7").lexical[0].chunk_ids


def test_who_is_stopped_leaves_no_child(path: Path) -> None:
    building = False

    def stop() -> None:
        if building:
            raise StoppedError

    def reach(step: str) -> None:
        nonlocal building
        building = step == "copied"

    with EdgeIndex(path, "v1", SIZE) as index:
        fill(index)
        with pytest.raises(StoppedError):
            index.rewrite(stop, reach, linked=True)
        assert not builders()
        assert {each.name for each in path.iterdir() if each.is_dir()} == {"1"}
        assert len(texts(index)) == CHUNKS


def test_an_open_index_that_grew_gets_its_graph_by_itself(path: Path) -> None:
    with EdgeIndex(path, "v1", SIZE) as index:
        fill(index)
        with Eraser(index, Erasing(hours=2 / 3600, share=1.0, graph_from=CHUNKS)):
            deadline = time.monotonic() + 60
            while not index.linked and time.monotonic() < deadline:
                time.sleep(0.02)
        assert index.linked
        assert len(texts(index)) == CHUNKS
