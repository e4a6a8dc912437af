"""Files of the embedded index that are not as they were: harmless, or named with the remedy."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from connectors.qdrant_edge import shard
from connectors.qdrant_edge.index import EdgeIndex
from streams.flow.errors import UserError
from streams.flow.mirror import Reflected
from tests.support.index_events import SIZE, apply, change

REMEDY = "reindex --scan"
WAYS = ("flip", "zero", "junk", "cut", "gone")
PLACE = "docs.vectors", 0
only_on_demand = pytest.mark.skipif(
    os.environ.get("DRILL") != "full", reason="takes minutes: run `make drill`"
)


def content(index: EdgeIndex) -> set[tuple[str, int, str]]:
    return {(chunk.chunk_id, chunk.doc_version, chunk.text) for chunk in index.scan()}


def reflected(index: EdgeIndex) -> int:
    """How many batches it says that it has."""
    found = index.reflects().get(PLACE)
    return 0 if found is None else found.offset


def damage(folder: Path, rng: random.Random) -> str:
    """One file of a folder, as a bad disk or a careless hand leaves it."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.stat().st_size]
    file, way = rng.choice(files), rng.choice(WAYS)
    if way == "gone":
        file.unlink()
        return f"{way} {file}"
    data = bytearray(file.read_bytes())
    at = rng.randrange(len(data.rstrip(b"\0")) or len(data))
    if way == "flip":
        data[at] ^= 1 << rng.randrange(8)
    elif way == "cut":
        del data[at:]
    else:
        most = min(60, len(data) - at)
        data[at : at + most] = bytes(most) if way == "zero" else rng.randbytes(most)
    file.write_bytes(data)
    return f"{way} {at} of {file}"


@pytest.mark.parametrize(
    "trials",
    [
        pytest.param(5, id="short"),
        pytest.param(75, id="full", marks=[pytest.mark.drill, only_on_demand]),
    ],
)
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "killed"])
def test_no_damage_to_an_index_is_silent(trials: int, closed: bool, tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    wanted: list[set[tuple[str, int, str]]] = [set()]
    whole, tried = tmp_path / "whole", tmp_path / "tried"
    with EdgeIndex(whole, "v1", SIZE) as index:
        for n in range(5):
            words = tuple(f"word{n} text {k}" for k in range(5))
            apply(index, [change(f"{n}/{k}", 1, words, metadata={"a": "b"}) for k in range(5)])
            index.reflect({PLACE: Reflected("cluster/topic", n + 1)})
            wanted.append(content(index))
            if n == 3:  # the rest is in the write-ahead log alone
                index._shard.flush()
        if not closed:
            whole = shutil.copytree(whole, tmp_path / "killed")
    seen = Counter[str]()
    for _ in range(trials):
        shutil.rmtree(tried, ignore_errors=True)
        subprocess.run(["cp", "-r", "--sparse=always", whole, tried], check=True)
        what = damage(tried, rng)
        try:
            with EdgeIndex(tried, "v1", SIZE) as index:
                # What it does not say that it has is brought up from the log.
                has = wanted[reflected(index)]
                assert has <= content(index) <= wanted[-1], f"SEED={seed}: {what}"
                seen["harmless"] += 1
        except UserError as error:
            assert REMEDY in str(error)
            seen["named"] += 1
    print(f"SEED={seed} {dict(seen)}")
    assert seen.total() == trials


def test_a_chunk_that_goes_bad_while_the_index_is_open_is_not_answered_with(
    tmp_path: Path,
) -> None:
    with EdgeIndex(tmp_path / "index", "v1", SIZE) as index:
        apply(index, [change("a", 1, ("the limit is nine hundred euros",))])
        (chunk_id,) = (chunk.chunk_id for chunk in index.scan())
        index._shard.flush()
        (file,) = (tmp_path / "index").rglob("payload_storage/page_0.dat")
        with file.open("r+b") as data:
            at = data.read().index(b"nine hundred")
            data.seek(at)
            data.write(b"five")
        with pytest.raises(UserError, match=REMEDY):
            index.fetch("acme", [chunk_id])


def test_what_ends_the_process_that_reads_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EdgeIndex(tmp_path / "index", "v1", SIZE) as index:
        apply(index, [change("a", 1, ("the limit is nine hundred euros",))])
        killed = shutil.copytree(tmp_path / "index", tmp_path / "killed")
    with EdgeIndex(killed, "v1", SIZE) as index:
        assert len(content(index)) == 1
        again = shutil.copytree(killed, tmp_path / "again")
    ends = tmp_path / "ends.py"
    ends.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGBUS)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(shard, "TRYING", "ends")
    with pytest.raises(UserError, match=f"SIGBUS.*{REMEDY}"):
        EdgeIndex(again, "v1", SIZE).__enter__()
