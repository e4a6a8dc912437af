"""Deleted text leaves the embedded index's folder, at whatever moment its process is killed."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import pytest

from connectors.memory.index import MemoryIndex
from connectors.qdrant_edge import seal
from connectors.qdrant_edge.erasing import Eraser, Erasing
from connectors.qdrant_edge.index import EdgeIndex
from connectors.qdrant_edge.points import Left
from connectors.qdrant_edge.rewriting import StoppedError
from processors.guard.sight import UNLABELLED
from streams.flow.errors import UserError
from streams.flow.mirror import Reflected
from tests.connectors.test_qdrant_edge import history, state
from tests.support.index_events import SIZE, apply, change, delete, lexical

MARKS = b"zqdeletedqz", b"zqreplacedqz", b"zqtitleqz"
STEPS = ("begun", "copied", "equal", "declared", "taken_over", "removed")
PLACE = "docs.vectors", 0
LIVING = 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index"


def held(folder: Path) -> set[bytes]:
    """The marks that some file of a folder has, whatever it is."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    # All but the holes, of which the engine's files are full.
    data = [b"".join(block for _, block in seal._blocks(file)) for file in files]
    return {mark for mark in MARKS for each in data if mark in each}


def fill(index: EdgeIndex) -> None:
    """Documents that live, and some whose marks do not."""
    living = [change(f"d{n}", 1, (f"alive{n}", f"more{n} of it")) for n in range(LIVING)]
    gone = change("gone", 1, ("the zqdeletedqz is said", "zqdeletedqz again"), title="zqtitleqz")
    apply(index, [*living, gone, change("new", 1, ("what zqreplacedqz was", "and it stays"))])
    index._shard.flush()
    apply(index, [delete("gone", 2), change("new", 2, ("what it is", "and it stays"))])
    index.reflect({PLACE: Reflected("cluster/topic", 7)})


def assert_filled(index: EdgeIndex) -> None:
    texts = {chunk.text for chunk in index.scan()}
    assert texts == {
        *(f"alive{n}" for n in range(LIVING)),
        *(f"more{n} of it" for n in range(LIVING)),
        *("what it is", "and it stays"),
    }
    assert lexical(index, "alive7") == ["alive7"]
    assert index.reflects() == {PLACE: Reflected("cluster/topic", 7)}
    words = index.lexicon("acme", UNLABELLED.access)
    assert words._words.having(["alive7", "stays", *(mark.decode() for mark in MARKS)]) == {
        "alive7": 1,
        "stays": 1,
    }


def test_what_was_deleted_or_replaced_is_in_no_file_after_a_rewrite(path: Path) -> None:
    with EdgeIndex(path, "v1", SIZE) as index:
        fill(index)
        assert held(path) == {*MARKS}, "the engine keeps it"
        assert index.left()[0].points == 3 + 1
        index.rewrite()
        assert not held(path)
        assert index.left()[0] == Left()
        assert_filled(index)
        assert apply(index, [change("d1", 0, ("old",))])[0].superseded, "fences are copied, too"
    assert not held(path)
    with EdgeIndex(path, "v1", SIZE) as index:
        assert_filled(index)


def test_killed_at_any_step_of_a_rewrite_the_folder_is_the_former_or_the_new(path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "tests.connectors.test_erasing", str(path)]
    subprocess.run(command, env=environment, check=True)
    for step in STEPS:
        with EdgeIndex(path / step, "v1", SIZE) as index:
            assert_filled(index)
            taken_over = step in STEPS[STEPS.index("declared") :]
            assert held(path / step) == (set() if taken_over else {*MARKS})
            assert bool(index.left()[0].points) is not taken_over, "what is left is known"
            if not taken_over:
                index.rewrite()
                assert_filled(index)
        assert not held(path / step)


def test_what_is_written_during_a_rewrite_is_in_what_it_makes(path: Path) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    rng = random.Random(seed)
    waiting, memory = history(rng, 160), MemoryIndex("v1", SIZE)

    def write() -> None:
        batch = [waiting.pop(0) for _ in waiting[: rng.randint(1, 30)]]
        assert apply(edge, batch) == apply(memory, batch)

    with EdgeIndex(path, "v1", SIZE) as edge:
        write()
        while waiting:
            edge.rewrite(write)
            assert state(edge) == state(memory)
        edge.rewrite()
        assert edge.left()[0] == Left()
    with EdgeIndex(path, "v1", SIZE) as edge:
        assert state(edge) == state(memory)
        both = [
            each.lexicon(tenant, UNLABELLED.access) for each in (edge, memory) for tenant in "xy"
        ]
        said = [f"{letter}{n}" for letter in "pqrs" for n in range(5)]
        having = [dict(each._words.having(said)) for each in both]
        assert having[:2] == having[2:]


def test_a_deletion_during_a_rewrite_is_left_for_the_next(path: Path) -> None:
    with EdgeIndex(path, "v1", SIZE) as index:
        fill(index)
        before = time.time() * 1000

        def reach(step: str) -> None:
            if step == "copied":
                apply(index, [delete("d1", 2)])

        index.rewrite(reach=reach)
        left = index.left()[0]
        assert left.points == 2
        assert before - 1 <= left.since <= time.time() * 1000
    with EdgeIndex(path, "v1", SIZE) as index:
        assert index.left()[0] == left


def test_a_rewrite_begins_by_time_or_by_share() -> None:
    erasing, hour = Erasing(hours=24, share=0.5), 3_600_000
    assert not erasing.due(Left(), 10, 10**15)
    assert not erasing.due(Left(1, hour), 10**6, 12 * hour)
    assert erasing.due(Left(1, hour), 10**6, 13 * hour)
    assert not erasing.due(Left(4999, hour), 5001, hour)
    assert erasing.due(Left(5000, hour), 5000, hour)
    assert not erasing.due(Left(900, hour), 10, hour), "not worth it"


def test_an_open_index_erases_by_itself_while_it_answers(path: Path) -> None:
    answered, failures, ended = 0, list[BaseException](), Event()

    def ask() -> None:
        nonlocal answered
        try:
            while not ended.is_set():
                assert lexical(index, "alive7") == ["alive7"]
                answered += 1
        except BaseException as failure:
            failures.append(failure)

    with EdgeIndex(path, "v1", SIZE) as index:
        fill(index)
        asking = Thread(target=ask)
        with Eraser(index, Erasing(hours=2 / 3600, share=1.0)):
            asking.start()
            deadline = time.monotonic() + 30
            while index.left()[0].points and time.monotonic() < deadline:
                time.sleep(0.02)
            ended.set()
            asking.join()
        assert not held(path)
        assert answered
        assert not failures
        assert_filled(index)


def test_a_rewrite_that_is_stopped_leaves_what_was(path: Path) -> None:
    def stop() -> None:
        raise StoppedError

    with EdgeIndex(path, "v1", SIZE) as index:
        fill(index)
        with pytest.raises(StoppedError):
            index.rewrite(stop)
        assert {each.name for each in path.iterdir() if each.is_dir()} == {"1"}
        assert_filled(index)
        index.rewrite()
        assert not held(path)


def test_without_room_nothing_is_begun(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EdgeIndex(path, "v1", SIZE) as index:
        fill(index)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**28))
        with pytest.raises(OSError, match="are free") as full:
            index.rewrite()
        assert full.value.errno == errno.ENOSPC
        assert_filled(index)


def test_a_chunk_that_went_bad_is_not_carried_on(path: Path) -> None:
    with EdgeIndex(path, "v1", SIZE) as index:
        apply(index, [change("a", 1, ("the limit is nine hundred euros",))])
        index._shard.flush()
        (file,) = path.rglob("payload_storage/page_0.dat")
        at = file.read_bytes().index(b"nine hundred")
        with file.open("r+b") as page:
            page.seek(at)
            page.write(b"five")
        with pytest.raises(UserError, match="not as it was written"):
            index.rewrite()
        assert {each.name for each in path.iterdir() if each.is_dir()} == {"1"}


def _rewrite_until(path: Path, step: str) -> None:
    """Die at this step."""

    def reach(reached: str) -> None:
        if reached == step:
            os.kill(os.getpid(), signal.SIGKILL)

    with EdgeIndex(path, "v1", SIZE) as index:
        fill(index)
        index.rewrite(reach=reach)


def _die_at_each(path: Path) -> None:
    """In a process each, before any of them has the engine's threads."""
    for step in STEPS:
        if (child := os.fork()) == 0:
            _rewrite_until(path / step, step)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, step


if __name__ == "__main__":
    _die_at_each(Path(sys.argv[1]))
